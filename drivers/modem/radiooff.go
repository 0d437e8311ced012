package modem

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// refusedForGood is how many times in a row +CFUN=4 has to be refused before +CFUN=0 is thought of, a poll apart:
// Quectel's modules refuse it for seconds while they look for the SIM.
const refusedForGood = 10

// switchOff switches the radio off and reads it back. +CFUN=4 comes first: 0 wears the flash of some modules, and takes
// others off the bus. OK is no proof, so what is ignored is told again.
func (m *Modem) switchOff(ctx context.Context) error {
	refusals := 0
	for {
		off, refused, err := m.tryOff(ctx, 4)
		if off || err != nil {
			return err
		}
		if refusals++; refused == nil {
			refusals = 0
		}
		if refusals >= refusedForGood && !m.profile.Dialect.ZeroKeepsSIM {
			m.wrote(1)
			if off, _, err := m.tryOff(ctx, 0); off || err != nil {
				return err
			}
		}
		if err := m.await(ctx); err != nil {
			if refused != nil {
				return fmt.Errorf("+CFUN=4 is refused: %w (%w)", refused, err)
			}
			return fmt.Errorf("+CFUN=4 was sent, but +CFUN? does not read back so: %w", err)
		}
	}
}

// functionTime is how long +CFUN may take.
func (m *Modem) functionTime() time.Duration { return cmp.Or(m.profile.Function, function) }

// tryOff sends one level and reads back. err says that the module is gone or silent.
func (m *Modem) tryOff(ctx context.Context, level int) (off bool, refused, err error) {
	_, refused = m.command(ctx, m.functionTime(), fmt.Sprintf("+CFUN=%d", level))
	if ctx.Err() == nil && fatal(refused) {
		return false, refused, refused
	}
	got, err := m.readFunction(ctx)
	if err != nil {
		if ctx.Err() == nil && !fatal(err) {
			err = nil
		}
		return false, refused, err
	}
	return m.profile.off(got), refused, nil
}

// leaveNetwork is the last that AT commands can do for a radio that stays on: it stops sending when it belongs to no
// network. That is no proof, and outlasts a restart, so that it is done only when nothing else helped.
func (m *Modem) leaveNetwork(ctx context.Context) error {
	if !m.alive() {
		return at.ErrClosed
	}
	if _, err := m.command(ctx, operator, "+COPS=2"); err != nil {
		return err
	}
	m.deselected = true
	m.wrote(1)
	return nil
}

// reselect takes leaveNetwork back; an operator that the configuration names is chosen anyway.
func (m *Modem) reselect(ctx context.Context, _ func(string)) error {
	_, err := m.command(ctx, operator, "+COPS=0")
	if err != nil {
		return err
	}
	m.deselected = false
	m.wrote(1)
	return nil
}

// waitUnregistered: a module has been seen to answer +CFUN=4 with OK and to stay registered for seconds.
func (m *Modem) waitUnregistered(ctx context.Context) error {
	if len(m.domains) == 0 {
		m.domains = registrationQueries()
	}
	for {
		still, err := m.registeredSomewhere(ctx)
		if fatal(err) {
			return err
		}
		trouble := fmt.Errorf("%s? still says registered with +CFUN=4", still)
		if err == nil && still == "" {
			m.note(func(s *Status) { s.Registered, s.Operator, s.Access, s.SignalDBm = false, "", "", nil })
			on, err := m.readFunction(ctx)
			if fatal(err) || err == nil && m.profile.off(on) {
				return err
			}
			// Said to be on again: the module restarted, or an unsolicited +CFUN: 1 came behind the reply.
			trouble = fmt.Errorf("+CFUN? reads back %d after +CFUN=4", on)
		}
		if m.await(ctx) != nil {
			return orElse(err, trouble)
		}
	}
}

// registeredSomewhere names the first domain that is still registered. A module that answers no query at all
// gives an error: silence proves nothing.
func (m *Modem) registeredSomewhere(ctx context.Context) (string, error) {
	var refused error
	answered := false
	for _, query := range m.domains {
		lines, err := m.command(ctx, quick, query+"?")
		if fatal(err) {
			return "", err
		}
		refused = orElse(refused, err)
		for _, line := range lines {
			r, err := reply.ParseRegistration(line, query, true)
			if err != nil || r.Stat == nil {
				continue
			}
			if answered = true; r.Registered() {
				return query, nil
			}
		}
	}
	if !answered {
		return "", fmt.Errorf("read registration: no domain answers: %w", orElse(refused, errNothingRead))
	}
	return "", nil
}
