package modem

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"airlock/drivers/at"
)

// up runs the phases, and climbs the ladder when they fail.
func (m *Modem) up(ctx context.Context, say func(string)) error {
	m.begin()
	err := m.climb(ctx, say, m.runPhases(ctx, say))
	switch {
	case err == nil:
		m.window.led = true
	case !errors.Is(ctx.Err(), context.Canceled) && m.classify(err) != failFinal:
		m.keepFailure()
	}
	return err
}

// window is what the ladder knows of the present window. Owned by the holder of turn.
type window struct {
	taken    []rung
	lacking  []rung // that the board turned out not to have
	last     rung   // as remembered when the window began
	failures int    // likewise
	led      bool   // Up has led to data
	mends    int    // how often data carried nothing since
	harder   bool   // a new binding was not enough against it
	twice    bool   // the phases were run again without a rung
	// restarted is when a rung restarted the module, or its port ended by itself; zero once it has been identified again.
	restarted time.Time
}

// begin starts a window.
func (m *Modem) begin() {
	known, err := m.cfg.Memory.Load()
	if err != nil {
		m.log.Warn("the modem's memory cannot be read", "error", err) // the ladder is climbed from its foot
	}
	m.window = window{last: rung(known.Rung), failures: known.Failures}
	m.note(func(s *Status) { s.Recovery = nil })
}

// keep changes what the next windows find. A ladder that is forgotten is climbed from its foot: that ends nothing.
func (m *Modem) keep(change func(*Remembered)) {
	if err := m.remember(change); err != nil {
		m.log.Warn("the recovery is not remembered", "error", err)
	}
}

// keepFailure remembers a window without data.
func (m *Modem) keepFailure() {
	m.keep(func(r *Remembered) {
		r.Failures++
		if n := len(m.window.taken); n > 0 {
			r.Rung = string(m.window.taken[n-1])
		}
	})
}

// end settles at its lowering what a window came to. Of one that has led to data, it is not known that they carried
// anything: it is taken for good when nobody complained, or a new binding was enough.
func (m *Modem) end() {
	w := m.window
	if m.window.led = false; !w.led {
		return
	}
	if w.harder {
		m.keepFailure()
		return
	}
	if w.last != "" || w.failures > 0 { // a memory may be a file: nothing to forget, nothing to write
		m.keep(func(r *Remembered) { r.Rung, r.Failures = "", 0 })
	}
}

// climb takes rung after rung until the phases succeed; err is what failed first. An error is named, unless ctx was
// cancelled.
func (m *Modem) climb(ctx context.Context, say func(string), err error) error {
	for err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		if m.again(err) {
			err = m.runPhases(ctx, say)
			continue
		}
		why := m.classify(err)
		next, backOff := nextRung(m.progress(ctx), why)
		if next == rungGiveUp {
			return m.giveUp(err, why)
		}
		if !m.take(ctx, next, backOff, err, say) {
			m.window.lacking = append(m.window.lacking, next)
			continue
		}
		m.window.taken = append(m.window.taken, next)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err()
		case ctx.Err() != nil:
			return m.giveUp(err, why)
		}
		err = m.runPhases(ctx, say)
	}
	return err
}

// again: a module that was just restarted may answer once more on the way out of the bus. That is no failure.
func (m *Modem) again(err error) bool {
	if m.window.restarted.IsZero() || m.window.twice || !errors.Is(err, at.ErrClosed) {
		return false
	}
	m.window.twice = true
	return true
}

// progress is what nextRung asks for.
func (m *Modem) progress(ctx context.Context) climb {
	c := climb{
		taken: m.window.taken, last: m.window.last, failures: m.window.failures, can: m.can(),
		left: math.MaxInt64, poll: m.cfg.Times.Poll,
	}
	if end, bounded := ctx.Deadline(); bounded {
		c.left = max(time.Until(end), 0)
	}
	return c
}

// can lists the rungs that the port and the board allow now.
func (m *Modem) can() (can []rung) {
	for _, s := range ladder() {
		if slices.Contains(m.window.lacking, s.rung) {
			continue
		}
		switch {
		case s.rung == rungResync && (m.port != nil || m.window.led):
			// Also when the port has ended: a module that restarted by itself only has to be found again.
			can = append(can, s.rung)
		case s.needy && m.alive(), !s.needy && len(m.levers(s.rung)) > 0:
			can = append(can, s.rung)
		}
	}
	return can
}

// alive tells whether the port is open and has not ended.
func (m *Modem) alive() bool {
	if m.port == nil {
		return false
	}
	select {
	case <-m.port.Closed():
		return false
	default:
		return true
	}
}

// classify sorts what failed.
func (m *Modem) classify(err error) failure {
	named, ok := errors.AsType[*Error](err)
	_, late := errors.AsType[*at.TimeoutError](err)
	switch {
	case ok && (named.Final || named.Kind == NoSIM):
		return failFinal
	case errors.Is(err, errLame):
		return failLame
	case errors.Is(err, ErrNotPresent):
		return failAbsent
	case !m.alive(), late, errors.Is(err, at.ErrClosed), errors.Is(err, at.ErrNoAnswer):
		return failSilent
	}
	return failStuck
}

// giveUp names what is wrong, and what was tried against it.
func (m *Modem) giveUp(err error, why failure) error {
	if why == failFinal || len(m.window.taken) == 0 {
		return err
	}
	m.recovered(RecoveryStep{Rung: string(rungGiveUp), Why: plainly(err)})
	named, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	told := *named
	told.Detail = fmt.Sprintf("%s; tried in vain: %s", named.Detail, strings.Join(inWords(m.window.taken), ", "))
	return &told
}

// recovered keeps a step for the status.
func (m *Modem) recovered(s RecoveryStep) {
	s.At = time.Now()
	m.log.Warn("recovery", "rung", s.Rung, "why", s.Why, "error", s.Err)
	m.note(func(now *Status) { now.Recovery = append(now.Recovery, s) })
}

// plainly is an error without what is to be done about it.
func plainly(err error) string {
	text := err.Error()
	if named, ok := errors.AsType[*Error](err); ok {
		text = named.Detail
	}
	text, _, _ = strings.Cut(text, ": ")
	return text
}
