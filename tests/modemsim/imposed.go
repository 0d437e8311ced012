package modemsim

import (
	"context"
	"time"
)

// meter adds up the time during which at least one delay of the module's runs.
type meter struct {
	running int
	since   time.Time // of the first of those that run
	sum     time.Duration
}

func (m *meter) begin() {
	if m.running++; m.running == 1 {
		m.since = time.Now()
	}
}

func (m *meter) end() {
	if m.running--; m.running == 0 {
		m.sum += time.Since(m.since)
	}
}

// Imposed is for how long, up to now, the module has made a host wait of its own accord: by the delays of its commands and
// on the way from radio on to registered, times in which both run counted once. What a host takes beyond that to open a
// window is its own.
func (s *Sim) Imposed() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.imposed.running > 0 {
		return s.imposed.sum + time.Since(s.imposed.since)
	}
	return s.imposed.sum
}

// hold is a delay for which the host waits.
func (s *Sim) hold(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return wait(ctx, d)
	}
	s.mu.Lock()
	s.imposed.begin()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.imposed.end()
		s.mu.Unlock()
	}()
	return wait(ctx, d)
}

// walk tells whether the module is on its way to a network; the caller holds mu.
func (s *Sim) walk(on bool) {
	switch {
	case on == s.walking:
		return
	case on:
		s.imposed.begin()
	default:
		s.imposed.end()
	}
	s.walking = on
}
