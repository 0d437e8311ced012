package modem

import (
	"context"
	"strings"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// simState is one look at the SIM.
type simState struct {
	name  string // for the status
	asks  string // what +CPIN? says, when it is a code that a person may give here: SIM PIN or SIM PUK
	fault *Error // what it would mean if it stayed so
}

// waitSIM waits until the SIM is ready, and unlocks it where a PIN is configured.
func (m *Modem) waitSIM(ctx context.Context, say func(string)) error {
	if err := m.powerSIM(ctx); err != nil {
		return err
	}
	if err := m.chooseSlot(ctx, m.cfg.Slot, say); err != nil {
		return err
	}
	seen, err := m.settleSIM(ctx)
	if err == nil && seen.asks == "SIM PIN" && m.cfg.PIN != "" {
		say("unlocking the SIM with its PIN")
		if err := m.unlock(ctx, m.cfg.PIN, false); err != nil {
			return err
		}
		seen, err = m.settleSIM(ctx)
	}
	if err != nil {
		return err
	}
	return m.admit(ctx, seen)
}

// admit lets a SIM pass that is ready, and names what is wrong with another.
func (m *Modem) admit(ctx context.Context, seen simState) error {
	if _, err := m.readICCID(ctx); fatal(err) {
		return err
	}
	if _, err := m.readTries(ctx, seen.name == "puk", false); err != nil {
		return err
	}
	if seen.fault == nil {
		return nil
	}
	f := *seen.fault
	if seen.name == "pin" && m.cfg.PIN != "" && seen.asks != "" {
		f.Detail = "the SIM still asks for its PIN after it was given: enter it by hand, at the console"
	}
	return &f
}

// settleSIM returns the SIM's state when it is ready, or bad for so long that it is believed: right after power-up
// modules tell of missing and locked SIMs that are neither (seen with Quectel RM520N and Telit LE910C1).
func (m *Modem) settleSIM(ctx context.Context) (simState, error) {
	var since time.Time
	var last simState
	for {
		seen, err := m.lookSIM(ctx)
		if err != nil && ctx.Err() == nil {
			return seen, err
		}
		if seen.name == "ready" {
			return seen, nil
		}
		if since.IsZero() || seen.name != last.name || seen.asks != last.asks {
			since = time.Now()
		}
		if last = seen; seen.fault != nil && time.Since(since) >= m.cfg.Times.Locked {
			return seen, nil
		}
		if err := m.await(ctx); err != nil {
			if last.fault != nil && ctx.Err() != nil {
				return last, last.fault
			}
			return last, err
		}
	}
}

// lookSIM asks once.
func (m *Modem) lookSIM(ctx context.Context) (simState, error) {
	lines, err := m.command(ctx, simQuery, "+CPIN?")
	if fatal(err) {
		return simState{name: "unknown"}, err
	}
	seen := readSIM(lines, err)
	m.note(func(s *Status) { s.SIM = seen.name })
	return seen, nil
}

// quiet leaves the module alone, where it is known to need that.
func (m *Modem) quiet(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return pause(ctx, d)
}

// powerSIM: with +CFUN=0 many modules have no power on the SIM.
func (m *Modem) powerSIM(ctx context.Context) error {
	lines, err := m.command(ctx, quick, "+CFUN?")
	if fatal(err) {
		return err
	}
	if f, err := reply.ParseFunction(lines, m.profile.Dialect); err == nil && f.Value == 0 {
		if _, err := m.command(ctx, function, "+CFUN=4"); fatal(err) {
			return err
		}
	}
	return nil
}

// readSIM is pure: what +CPIN? answered, or how it was refused (27.007 §9.2.1).
func readSIM(lines []string, err error) simState {
	if err != nil {
		return refusedSIM(err)
	}
	seen, perr := reply.ParseSIM(lines)
	switch state := seen.State; {
	case perr != nil, state == "NOT READY":
		return simState{name: "unknown"}
	case state == "READY", state == "SIM PIN2", state == "SIM PUK2":
		return simState{name: "ready"} // the second PIN guards a list of numbers that nobody here dials
	case state == "NOT INSERTED":
		return missingSIM(nil)
	case state == "SIM PIN":
		return lockedSIM(state, nil)
	case state == "SIM PUK":
		return blockedSIM(state, nil)
	case strings.HasPrefix(state, "PH-"):
		return boundSIM(nil)
	}
	return brokenSIM(nil)
}

// refusedSIM sorts the errors that stand in for a state. A PIN is never sent upon one: modules that say 11 also have a
// state to tell.
func refusedSIM(err error) simState {
	switch at.CodeOf(err) {
	case 10:
		return missingSIM(err)
	case 13, 15:
		return brokenSIM(err)
	case 11:
		return lockedSIM("", err)
	case 12:
		return blockedSIM("", err)
	case 5, 6, 7, 40, 41, 42, 43, 44, 45, 46, 47:
		return boundSIM(err)
	}
	return simState{name: "unknown"} // 14 busy, 100 unknown, plain ERROR while it boots
}

func missingSIM(err error) simState {
	return simState{name: "missing", fault: fault(NoSIM, err, "there is no SIM in the modem: put one in, contacts first, and try again")}
}

func lockedSIM(asks string, err error) simState {
	return simState{"pin", asks, lasting(NoSIM, err, "the SIM asks for its PIN: give it as modem.pin in node.yaml or at the console, or switch it off with a phone")}
}

func blockedSIM(asks string, err error) simState {
	return simState{"puk", asks, lasting(NoSIM, err, "the SIM is blocked and asks for its PUK: unblock it at the console or with a phone, or use another SIM")}
}

// boundSIM: the module takes the SIMs of one operator only; its code is no business of ours.
func boundSIM(err error) simState {
	return simState{name: "locked", fault: lasting(NoSIM, err, "the modem is locked to another operator's SIMs: use a SIM of that operator, or have the modem unlocked")}
}

func brokenSIM(err error) simState {
	return simState{name: "broken", fault: fault(NoSIM, err, "the modem cannot read the SIM: check its seat and its contacts, or use another SIM")}
}
