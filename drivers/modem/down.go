package modem

import (
	"context"
	"errors"
	"math"
	"time"

	"airlock/drivers/at"
)

// errNothingRead: a reply that should have rows had none.
var errNothingRead = errors.New("empty replies")

// lowering is what the ladder knows of a radio that does not go off. It outlives one Down: the caller tries again.
// Owned by the holder of turn.
type lowering struct {
	taken    []rung // since the radio was last proven off
	failures int    // Downs in a row that failed
}

// down lowers the module from any state. What does not go off by AT commands is restarted, by the rungs that can, and told
// again: a module that was reset comes back with its radio on.
func (m *Modem) down(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Times.Find+m.cfg.Times.Off)
	defer cancel()
	defer m.end()
	for {
		err := m.tryLowering(limit, m.nextLowering())
		if err == nil || errors.Is(err, ErrNotPresent) {
			m.lowering, m.window.restarted = lowering{}, time.Time{}
			return err
		}
		next := m.nextLowering()
		if end, _ := limit.Deadline(); next == rungGiveUp || time.Until(end) < m.cfg.Times.Poll {
			return m.shines(limit, next, errors.Join(ctx.Err(), err))
		}
		if !m.take(limit, next, m.cfg.Times.Poll, fault(RadioOn, err, "the modem's radio does not go off"), func(string) {}) {
			m.window.lacking = append(m.window.lacking, next)
			continue
		}
		m.lowering.taken = append(m.lowering.taken, next)
	}
}

// nextLowering decides on the next rung for a radio that does not go off. How much time is left does not matter: what a
// rung has not led to by the end of this Down is seen by the next.
func (m *Modem) nextLowering() rung {
	next, _ := nextRung(climb{
		taken: m.lowering.taken, failures: m.lowering.failures, can: m.can(), left: math.MaxInt64,
	}, failShining)
	return next
}

// tryLowering lowers the module, which it looks for again when its port ends meanwhile. Where a rung could help, it has
// half of the time, else all but what the last resort takes.
func (m *Modem) tryLowering(ctx context.Context, next rung) error {
	share := 4
	if next != rungGiveUp {
		share = 2
	}
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		part, cancel := context.WithTimeout(ctx, left-left/time.Duration(share))
		defer cancel()
		ctx = part
	}
	for {
		err := m.reopen(ctx)
		if err == nil {
			err = m.lower(ctx)
		}
		if !errors.Is(err, at.ErrClosed) && !errors.Is(err, at.ErrNoAnswer) || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, at.ErrClosed) {
			m.window.restarted = time.Now()
		}
		m.drop()
		if pause(ctx, m.cfg.Times.Poll) != nil {
			return err
		}
	}
}

// shines ends a Down that has not proven the radio off. When the ladder is at its end it begins anew with the next Down,
// rationed as over windows.
func (m *Modem) shines(ctx context.Context, next rung, err error) error {
	m.lowering.failures++
	if next == rungGiveUp {
		m.lowering.taken = nil
		if lerr := m.leaveNetwork(ctx); lerr != nil {
			m.log.Warn("the modem does not leave its network", "error", lerr)
		}
	}
	return fault(RadioOn, err, "the modem's radio could not be proven off: pull the modem out, or cut its power")
}

// reopen opens the port; only a port that is silent is asked again. That nothing is there is believed at once, unless a
// module has just been restarted: that one is on its way back, with its radio on.
func (m *Modem) reopen(ctx context.Context) error {
	for {
		err := m.ensurePort(ctx)
		if err == nil || errors.Is(err, ErrNotPresent) && time.Since(m.window.restarted) >= m.cfg.Times.Find {
			return err
		}
		if pause(ctx, m.cfg.Times.Poll) != nil {
			if errors.Is(err, ErrNotPresent) {
				return errors.New("the modem was restarted, and is not back on its bus yet")
			}
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
	if err := m.switchOff(ctx); err != nil {
		return err
	}
	return m.waitUnregistered(ctx)
}
