package modem

import (
	"context"
	"errors"
	"fmt"
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
