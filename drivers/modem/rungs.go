package modem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"airlock/drivers/at"
)

// Times of rungs.
const (
	rungTime  = 30 * time.Second // one rung, its lever included
	leaveTime = 10 * time.Second // until a module that was told to reset is off the bus; some never leave it
)

// What a Port may be besides; *at.AT is both.
type (
	resyncer interface{ Sync(context.Context) error }
	hanger   interface{ HangUp(context.Context) error }
)

var _ resyncer = (*at.AT)(nil)

// take waits for the back-off, takes one rung, and tells of it. That a rung failed does not end the climb: the phases
// find out. It is false when the board has no such rung.
func (m *Modem) take(ctx context.Context, r rung, backOff time.Duration, why error, say func(string)) bool {
	if backOff > 0 && pause(ctx, backOff) != nil {
		return true
	}
	say(fmt.Sprintf("%s; trying %s", plainly(why), inWords([]rung{r})[0]))
	limit, cancel := context.WithTimeout(ctx, rungTime)
	defer cancel()
	s := RecoveryStep{Rung: string(r), Why: plainly(why)}
	err := m.pull(limit, r)
	if errors.Is(err, ErrNoLever) {
		m.log.Debug("no recovery", "rung", r, "reason", err)
		return false
	}
	if err != nil {
		s.Err = err.Error()
	}
	m.recovered(s)
	return true
}

// pull does what a rung is.
func (m *Modem) pull(ctx context.Context, r rung) error {
	switch r {
	case rungResync:
		return m.resync(ctx)
	case rungHangUp:
		return m.hangUpPort(ctx)
	case rungCycle:
		return m.cycle(ctx)
	case rungReset:
		return m.reset(ctx)
	}
	return m.lever(ctx, r)
}

// resync proves that no answer is outstanding. A port that fails, or has ended, is opened anew.
func (m *Modem) resync(ctx context.Context) error {
	if !m.alive() {
		m.drop()
		m.window.restarted = time.Now()
		return nil
	}
	if port, ok := m.port.(resyncer); ok {
		return m.orDrop(port.Sync(ctx))
	}
	m.drop()
	return nil
}

// hangUpPort ends a call that holds the port or the context: by +++ and DTR where the port can, else by ATH alone.
func (m *Modem) hangUpPort(ctx context.Context) error {
	if port, ok := m.port.(hanger); ok {
		return m.orDrop(port.HangUp(ctx))
	}
	_, err := m.command(ctx, quick, "H")
	return m.orDrop(err)
}

// orDrop lets go of a port that failed.
func (m *Modem) orDrop(err error) error {
	if fatal(err) {
		m.drop()
	}
	return err
}

// cycle switches the radio off; the way up switches it on. A module that was told to leave its network stays out of
// every one, also over a restart, until it is told to choose one again.
func (m *Modem) cycle(ctx context.Context) error {
	if m.cfg.Operator == "" && !m.Status().Registered {
		if _, err := m.command(ctx, operator, "+COPS=0"); fatal(err) {
			return m.orDrop(err)
		}
		m.wrote(1)
	}
	return m.orDrop(m.setFunction(ctx, 4, m.profile.off))
}

// reset restarts the module by its own command, else by 27.007's. The port is let go when the module has left the bus, or
// had the time to: what still answers then is opened anew.
func (m *Modem) reset(ctx context.Context) error {
	verbs := []Step{{Command: "+CFUN=1,1", Within: 15 * time.Second}}
	if own := m.profile.Reset; own != nil && own.Command != verbs[0].Command {
		verbs = append([]Step{*own}, verbs...)
	}
	defer m.drop()
	var refused error
	for _, verb := range verbs {
		_, err := m.command(ctx, verb.Within, verb.Command)
		if err == nil || errors.Is(err, at.ErrClosed) {
			m.wrote(1)
			m.window.restarted = time.Now()
			m.left(ctx)
			return nil
		}
		if refused = orElse(refused, err); fatal(err) {
			break
		}
	}
	return fmt.Errorf("reset the modem: %w", refused)
}

// left waits until the module has left the bus.
func (m *Modem) left(ctx context.Context) {
	limit := time.NewTimer(min(leaveTime, m.cfg.Times.Find/2))
	defer limit.Stop()
	select {
	case <-m.port.Closed():
	case <-limit.C:
	case <-ctx.Done():
	}
}

// levers are those of a rung, the gentlest first.
func (m *Modem) levers(r rung) (levers []Lever) {
	for _, l := range m.cfg.Levers {
		if l.String() == string(r) {
			levers = append(levers, l)
		}
	}
	return levers
}

// lever pulls the first lever of a rung that can be pulled.
func (m *Modem) lever(ctx context.Context, r rung) error {
	m.drop() // before the device vanishes under it
	failed := ErrNoLever
	for _, l := range m.levers(r) {
		err := l.Pull(ctx)
		if err == nil || !errors.Is(err, ErrNoLever) {
			m.window.restarted = time.Now() // also after an error: nobody knows how far it came
		}
		if err == nil {
			return nil
		}
		if errors.Is(failed, ErrNoLever) {
			failed = fmt.Errorf("pull %s: %w", l, err)
		}
	}
	return failed
}
