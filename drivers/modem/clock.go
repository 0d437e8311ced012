package modem

import (
	"context"
	"time"

	"airlock/drivers/modem/reply"
)

// credible is how far beyond the earliest time a clock may stand: longer than an appliance lives, and shorter than what
// a module counts from when it knows no time (1970, 1980, 2080 by two digits).
const credible = 20 * 365 * 24 * time.Hour

// told is a time that the module told by itself.
type told struct {
	clock  reply.Clock
	source string
	at     time.Time // our clock then; zero: none was told
}

// keepTime lets the module take over the network's time, and tell of it, where it can (+CTZU, +CTZR: 27.007 §8.40, §8.41).
// The read form comes first: the setting is stored.
func (m *Modem) keepTime(ctx context.Context) error {
	for _, name := range [...]string{"+CTZU", "+CTZR"} {
		lines, err := m.command(ctx, quick, name+"?")
		if fatal(err) {
			return err
		}
		if on, ok := reply.Value(lines, name, 0); err != nil || !ok || on != 0 {
			continue
		}
		if _, err := m.command(ctx, quick, name+"=1"); fatal(err) {
			return err
		}
		m.wrote(1)
	}
	return nil
}

// hearTime keeps a time that came by itself; it is called by the port's dispatcher.
func (m *Modem) hearTime(line string) {
	c, source, ok := reply.ParseTimeEvent(line)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = told{c, source, time.Now()}
}

// readClock asks what the network says the time is. It never sets a clock: whoever does decides by Plausible.
func (m *Modem) readClock(ctx context.Context) error {
	var best *NetworkTime
	for _, query := range m.profile.Clock {
		read, err := m.ask(ctx, quick, query)
		if fatal(err) {
			return err
		}
		if c, ok := read.(reply.Clock); ok && err == nil && (best == nil || !best.Plausible) {
			best = m.judge(c, query, time.Now())
		}
		if best != nil && best.Plausible {
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.told; !t.at.IsZero() && (best == nil || !best.Plausible) {
		if heard := m.judge(t.clock, t.source, t.at); best == nil || heard.Plausible {
			best = heard
		}
	}
	m.status.Clock = best
	return nil
}

// judge holds a clock against the window of times that are believed. Without a zone the hours are a guess, which
// is not good enough for whoever judges expiry by it.
func (m *Modem) judge(c reply.Clock, source string, at time.Time) *NetworkTime {
	t := &NetworkTime{At: c.Time.UTC(), Zone: time.Duration(c.Offset) * time.Minute, Source: source, ReadAt: at}
	t.Plausible = c.Zoned && !t.At.Before(m.cfg.NotBefore) && t.At.Before(m.cfg.NotBefore.Add(credible))
	return t
}
