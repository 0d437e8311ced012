package modem

import (
	"context"
	"errors"
	"fmt"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// down lowers the module from any state. When the port ends meanwhile, the module is looked for again: one that was
// reset comes back with its radio on.
func (m *Modem) down(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Times.Find+m.cfg.Times.Off)
	defer cancel()
	for {
		err := m.reopen(limit)
		if err == nil {
			err = m.lower(limit)
		}
		switch {
		case err == nil, errors.Is(err, ErrNotPresent):
			return err
		case limit.Err() == nil && (errors.Is(err, at.ErrClosed) || errors.Is(err, at.ErrNoAnswer)):
			m.drop()
			if pause(limit, m.cfg.Times.Poll) == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return fault(RadioOn, err, "the modem's radio could not be proven off: pull the modem out, or cut its power")
	}
}

// reopen opens the port; only a port that is silent is asked again.
func (m *Modem) reopen(ctx context.Context) error {
	for {
		err := m.ensurePort(ctx)
		if err == nil || errors.Is(err, ErrNotPresent) {
			return err
		}
		if pause(ctx, m.cfg.Times.Poll) != nil {
			return err
		}
	}
}

// lower ends the data, then the radio, and reads both back.
func (m *Modem) lower(ctx context.Context) error {
	m.note(func(s *Status) { s.Data, s.Address = false, "" })
	if err := m.hangUp(ctx); err != nil {
		m.log.Info("the call ended badly", "error", err) // the commands that follow find out what it means
	}
	if !m.identified {
		if err := m.identify(ctx, func(string) {}); err != nil {
			return err
		}
	}
	on, err := m.readFunction(ctx)
	if fatal(err) {
		return err
	}
	if err != nil || !m.profile.off(on) {
		// Best effort: what counts is the radio, and +CFUN=4 ends every context.
		if err := m.runSteps(ctx, m.profile.DataOff); fatal(err) {
			return err
		}
	}
	if err := m.setFunction(ctx, 4, m.profile.off); err != nil {
		return err
	}
	return m.waitUnregistered(ctx)
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
		if err == nil && still == "" {
			m.note(func(s *Status) { s.Registered, s.Operator, s.Access, s.SignalDBm = false, "", "", nil })
			_, err := m.readFunction(ctx)
			return err
		}
		if m.await(ctx) != nil {
			return orElse(err, fmt.Errorf("%s? still says registered with +CFUN=4", still))
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
		return "", fmt.Errorf("read registration: no domain answers: %w", orElse(refused, errors.New("empty replies")))
	}
	return "", nil
}
