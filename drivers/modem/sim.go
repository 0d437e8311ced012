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
	fault *Error // what it would mean if it stayed so
}

// waitSIM waits until the SIM is ready. Right after power-up modules tell of missing and locked SIMs
// that are neither (seen with Quectel RM520N and Telit LE910C1), so a bad state must last.
func (m *Modem) waitSIM(ctx context.Context, _ func(string)) error {
	if err := m.powerSIM(ctx); err != nil {
		return err
	}
	var since time.Time
	var last simState
	for {
		lines, err := m.command(ctx, simQuery, "+CPIN?")
		if fatal(err) && ctx.Err() == nil {
			return err
		}
		seen := readSIM(lines, err)
		m.note(func(s *Status) { s.SIM = seen.name })
		if seen.name == "ready" {
			return nil
		}
		if seen.name != last.name {
			since, last = time.Now(), seen
		}
		if seen.fault != nil && time.Since(since) >= m.cfg.Times.Locked {
			return seen.fault
		}
		if err := m.await(ctx); err != nil {
			if last.fault != nil && ctx.Err() != nil {
				return last.fault
			}
			return err
		}
	}
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
	missing := simState{"missing", fault(NoSIM, err, "there is no SIM in the modem: put one in, contacts first, and try again")}
	pin := simState{"pin", fault(NoSIM, err, "the SIM asks for its PIN: switch the PIN off with a phone, or use another SIM")}
	puk := simState{"puk", fault(NoSIM, err, "the SIM is blocked and asks for its PUK: unblock it with a phone, or use another SIM")}
	if err != nil {
		switch at.CodeOf(err) {
		case 10:
			return missing
		case 13, 15:
			return simState{"broken", fault(NoSIM, err, "the modem cannot read the SIM: check its seat and its contacts, or use another SIM")}
		case 5, 6, 11, 17:
			return pin
		case 7, 12, 18:
			return puk
		}
		return simState{name: "unknown"} // 14 busy, 100 unknown, plain ERROR while it boots
	}
	seen, perr := reply.ParseSIM(lines)
	state := seen.State
	switch {
	case perr != nil, state == "NOT READY":
		return simState{name: "unknown"}
	case state == "READY":
		return simState{name: "ready"}
	case state == "NOT INSERTED":
		return missing
	case strings.Contains(state, "PUK"):
		return puk
	}
	return pin
}
