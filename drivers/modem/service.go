package modem

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"airlock/drivers/at"
)

// What follows are a technician's questions. Each takes its turn with Up and Down, opens the port where it is shut, and leaves
// the radio as it is or on: Down switches it off. Errors that a person can act on are *Error.

// The phases of Up that questions need, by what they say.
const (
	phaseRadio    = "switching the radio on"
	phaseRegister = "registering with the network"
)

// attend runs one question.
func (m *Modem) attend(ctx context.Context, say func(string), ask func(say func(string)) error) error {
	if say == nil {
		say = func(string) {}
	}
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	err := m.greet(ctx)
	if err == nil {
		err = ask(say)
	}
	m.settle(err)
	return err
}

// greet opens the port and identifies the module, unless that is done.
func (m *Modem) greet(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Times.Find+m.cfg.Times.Setup)
	defer cancel()
	err := m.find(limit, nil)
	if err == nil && !m.identified {
		err = m.identify(limit, func(string) {})
	}
	if err == nil {
		return nil
	}
	return asked(ctx, err, "no cellular modem answers: check that it is plugged in and powered")
}

// asked words an error that has no sentence of its own. What the caller has cancelled stays as it is.
func asked(ctx context.Context, err error, sentence string) error {
	switch {
	case err == nil, isFault(err), errors.Is(err, ErrNotPresent):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fault(NoModem, err, "%s", sentence)
}

// raise runs the phases of Up, to the one called last.
func (m *Modem) raise(ctx context.Context, last string, say func(string)) error {
	for _, p := range m.phases() {
		say(p.say)
		if err := m.runPhase(ctx, p, say); err != nil {
			return err
		}
		if p.say == last {
			return nil
		}
	}
	return fmt.Errorf("no phase is called %q", last)
}

// Inspect reads identity, SIM, counters and clock anew. The radio stays as it is; where it is on, so are the
// network and the signal.
func (m *Modem) Inspect(ctx context.Context) error {
	return m.attend(ctx, nil, func(func(string)) error {
		return asked(ctx, m.inspect(ctx), "the modem stopped answering: unplug it, or switch the appliance off and on")
	})
}

func (m *Modem) inspect(ctx context.Context) error {
	if err := m.identify(ctx, func(string) {}); err != nil {
		return err
	}
	on, err := m.readFunction(ctx)
	if fatal(err) {
		return err
	}
	if _, err := m.readSlot(ctx); err != nil {
		return err
	}
	seen, err := m.lookSIM(ctx)
	if err != nil {
		return err
	}
	m.forgetCardIf(seen.name == "missing")
	if _, err := m.readICCID(ctx); fatal(err) {
		return err
	}
	if _, err := m.readTries(ctx, seen.name == "puk", seen.name != "ready"); err != nil {
		return err
	}
	if m.profile.off(on) {
		return m.readClock(ctx)
	}
	return m.inspectNetwork(ctx)
}

func (m *Modem) forgetCardIf(gone bool) {
	if gone {
		m.forgetCard()
		m.note(func(s *Status) { s.SIM = "missing" })
	}
}

// inspectNetwork reads what a module with its radio on knows.
func (m *Modem) inspectNetwork(ctx context.Context) error {
	if len(m.domains) == 0 {
		m.domains = registrationQueries()
	}
	r, refused, err := m.readRegistration(ctx)
	if err != nil {
		return err
	}
	if refused != nil {
		if err := m.explain(ctx, refused); err != nil {
			return err
		}
	}
	if r.Registered() {
		return m.describe(ctx, r, func(string) {})
	}
	if err := m.readSignal(ctx); err != nil {
		return err
	}
	return m.readClock(ctx)
}

// Measure switches the radio on, waits for a network, and reads the signal. The signal is read without a network too: the
// error then says why there is none.
func (m *Modem) Measure(ctx context.Context, say func(string)) error {
	return m.attend(ctx, say, func(say func(string)) error {
		if err := m.raise(ctx, phaseRadio, say); err != nil {
			return err
		}
		for _, p := range m.phases() {
			if p.say == phaseRegister {
				say(p.say)
				missed := m.runPhase(ctx, p, say)
				return errors.Join(missed, asked(ctx, m.readSignal(ctx), "the modem does not tell its signal: try again"))
			}
		}
		return fmt.Errorf("no phase is called %q", phaseRegister)
	})
}

// UseSlot changes to another SIM slot, from 1, with the radio off, and waits for its card. It holds until the next window,
// which does as the configuration says.
func (m *Modem) UseSlot(ctx context.Context, slot int, say func(string)) error {
	return m.attend(ctx, say, func(say func(string)) error {
		if slot < 1 {
			return fault(NoSIM, nil, "SIM slots are counted from 1: name one")
		}
		return m.withCard(ctx, func(ctx context.Context) error {
			if err := m.setFunction(ctx, 4, m.profile.off); err != nil {
				return err
			}
			if err := m.chooseSlot(ctx, slot, say); err != nil {
				return err
			}
			seen, err := m.settleSIM(ctx)
			if err != nil {
				return err
			}
			return m.admit(ctx, seen)
		})
	})
}

// EnterPIN unlocks the SIM with a PIN that a person has typed, with the radio off. The guard holds for it as well, but
// that a PIN whose outcome nobody knows may be typed once more.
func (m *Modem) EnterPIN(ctx context.Context, pin string) error {
	return m.attend(ctx, nil, func(func(string)) error {
		return m.withCard(ctx, func(ctx context.Context) error {
			seen, err := m.settleSIM(ctx)
			switch {
			case err != nil:
				return err
			case seen.name == "ready":
				return fault(NoSIM, nil, "the SIM asks for no PIN: nothing was sent")
			case seen.asks != "SIM PIN":
				return m.admit(ctx, seen)
			}
			if err := m.unlock(ctx, pin, true); err != nil {
				return err
			}
			if seen, err = m.settleSIM(ctx); err != nil {
				return err
			}
			return m.admit(ctx, seen)
		})
	})
}

// Unblock gives a blocked SIM its PUK and a new PIN, with the radio off. Only a person has a PUK, and the last try is
// not made here: a card that refuses ten is dead.
func (m *Modem) Unblock(ctx context.Context, puk, newPIN string) error {
	return m.attend(ctx, nil, func(func(string)) error {
		return m.withCard(ctx, func(ctx context.Context) error {
			seen, err := m.settleSIM(ctx)
			switch {
			case err != nil:
				return err
			case seen.name == "ready":
				return fault(NoSIM, nil, "the SIM is not blocked: nothing was sent")
			case seen.asks != "SIM PUK":
				return m.admit(ctx, seen)
			}
			return m.unblock(ctx, puk, newPIN)
		})
	})
}

// withCard runs what talks to the card, within the time that a SIM may take.
func (m *Modem) withCard(ctx context.Context, run func(context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Times.SIM+pinTime)
	defer cancel()
	err := m.powerSIM(limit)
	if err == nil {
		err = run(limit)
	}
	return asked(ctx, err, "the SIM does not answer in time: take it out, check it in a phone, and put it back")
}

// rawTime bounds a typed command; the longest search takes as long.
const rawTime = 315 * time.Second

// Raw sends one command as a person has typed it, with or without AT, and returns the lines of the reply, its final result
// last; a refusal is a result. Commands that would end the dialogue or go around the PIN guard are refused.
func (m *Modem) Raw(ctx context.Context, command string) (lines []string, err error) {
	command, err = checkRaw(command)
	if err != nil {
		return nil, err
	}
	err = m.attend(ctx, nil, func(func(string)) error {
		read, err := m.command(ctx, rawTime, command)
		_, late := errors.AsType[*at.TimeoutError](err)
		final, refused := refusalText(err)
		if err != nil && (!refused || late) {
			return asked(ctx, err, "the modem did not answer the command: try another")
		}
		lines = append(read, final)
		// Whatever was set, the session finds out anew.
		m.identified, m.domains = false, nil
		if _, err := m.readFunction(ctx); fatal(err) {
			return asked(ctx, err, "the modem stopped answering after the command: unplug it, or switch the appliance off and on")
		}
		return nil
	})
	return lines, err
}

// refusalText is the final result in the module's words.
func refusalText(err error) (string, bool) {
	if err == nil {
		return "OK", true
	}
	if e, ok := errors.AsType[*at.CMEError](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[*at.CMSError](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[*at.ResultError](err); ok {
		return e.Result, true
	}
	return "", false
}

// rawLimit is the longest command that is passed on; modules take a little more than that.
const rawLimit = 500

// checkRaw takes AT off and refuses what must not be sent.
func checkRaw(typed string) (string, error) {
	command := strings.TrimSpace(typed)
	if len(command) >= 2 && strings.EqualFold(command[:2], "AT") {
		command = command[2:]
	}
	switch {
	case command == "" || len(command) > rawLimit:
		return "", fault(NoModem, nil, "give one AT command of at most %d characters, such as AT+CSQ", rawLimit)
	case strings.ContainsFunc(command, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", fault(NoModem, nil, "an AT command has no control characters and no letters beyond ASCII: type it again")
	}
	for _, part := range splitCommands(command) {
		if reason := forbidden(part); reason != "" {
			name, _, _ := strings.Cut(part, "=") // what stands behind it may be a secret
			return "", fault(NoModem, nil, "AT%s is not sent: %s", strings.TrimSpace(name), reason)
		}
	}
	return command, nil
}

// splitCommands cuts at semicolons outside quotes (V.250 §5.4.5).
func splitCommands(line string) (parts []string) {
	quoted, start := false, 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == ';' && !quoted:
			if part := strings.TrimSpace(line[start:i]); part != "" {
				parts = append(parts, part)
			}
			start = i + 1
		case line[i] == '"':
			quoted = !quoted
		}
	}
	return parts
}

// forbidden says why a command is not passed on; empty when it is.
func forbidden(part string) string {
	up := strings.ToUpper(part)
	name, _, isSet := strings.Cut(up, "=")
	name = strings.TrimSpace(name)
	isSet = isSet && !strings.HasSuffix(up, "=?")
	switch {
	case !strings.ContainsRune("+^$#!%*_", rune(up[0])):
		if up == "I" || strings.HasPrefix(up, "I") && strings.Trim(up[1:], "0123456789") == "" {
			return ""
		}
		return "basic commands change how the modem talks or make calls; ATI and commands such as AT+CSQ are sent"
	case isSet && (name == "+CPIN" || name == "^CPIN" || name == "+CLCK" || name == "^CLCK" || name == "+CPWD" || name == "+CSIM" || name == "+CGLA" || name == "+QPIN"):
		return "it could use up the SIM's tries; give a PIN or PUK as a PIN or PUK, where the tries are counted first"
	case isSet && (name == "+CGDATA" || name == "+CMUX" || name == "+IPR" || name == "+ICF" || name == "+IFC" || name == "+CMEE"):
		return "it would end the dialogue with the modem"
	}
	return ""
}
