package modemsim

import (
	"context"
	"errors"
	"strings"
	"time"
)

// ErrAway is returned by Serve while the module is off the bus; Await tells when it is back.
var ErrAway = errors.New("the module is off the bus")

// strike lets the fault happen that the script has for the nth time of this; the caller holds mu within do.
func (s *Sim) strike(when trigger, line string) {
	if s.cfg.Script == nil {
		return
	}
	for i, f := range s.cfg.Script.faults {
		if f.when != when || !strings.HasPrefix(line, f.begin) {
			continue
		}
		if s.hits[i]++; s.hits[i] == f.nth {
			s.tellFault(f)
			f.what(s, when == atCommand)
		}
	}
}

// startScript starts the clocks of a script, once.
func (s *Sim) startScript() {
	if s.cfg.Script == nil || s.hits != nil {
		return
	}
	s.hits = make([]int, len(s.cfg.Script.faults))
	for _, f := range s.cfg.Script.faults {
		if f.when == atTime {
			s.later(f.after, func() { s.tellFault(f); f.what(s, false) })
		}
	}
}

func (s *Sim) tellFault(f scripted) { s.record(StateChange{What: FaultStruck, Detail: f.where}) }

// say puts a line into the reply that is being made, or sends it.
func (s *Sim) say(line string, inCommand bool) {
	if inCommand {
		s.inside += "\r\n" + line + "\r\n"
		return
	}
	s.urc(line)
}

// loseNetwork is lost coverage, or the answer to a new look at it, by the faults of the moment.
func (s *Sim) loseNetwork() {
	if s.fun != 1 {
		return
	}
	s.radio++
	for _, c := range s.contexts {
		c.active = false
	}
	s.bound, s.tied = 0, false
	s.setStat(2)
	s.search()
}

// noTraffic makes the running lease lame, else the next ones.
func (s *Sim) noTraffic(n int) {
	if s.data {
		n--
		s.lame = true
		s.gate()
	}
	s.faults.NoTraffic += n
}

// crash restarts the module by itself: its port closes, and it is off the bus for a while.
func (s *Sim) crash(away time.Duration) {
	s.powerOff()
	s.record(StateChange{What: Unplugged})
	back := make(chan struct{})
	s.back = back
	if p := s.port; p != nil {
		s.port = nil
		s.events = append(s.events, func() { p.rw.Close() })
	}
	s.later(away, func() {
		close(back)
		if s.back != back {
			return
		}
		s.back = nil
		s.record(StateChange{What: Enumerated})
		s.powerOn() // it boots whether a host opens its port or not
	})
}

// Restart is a reset from outside, as by the USB port: the module leaves the bus and is back after a while. A hang of
// its firmware is over only when the power was cut as well.
func (s *Sim) Restart(away time.Duration, powerCut bool) {
	s.do(func() {
		s.faults.Silent = s.faults.Silent && !powerCut
		s.crash(away)
	})
}

// Present tells whether the module is on the bus.
func (s *Sim) Present() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.back == nil
}

// Await returns when the module is on the bus, or with the context's error.
func (s *Sim) Await(ctx context.Context) error {
	for {
		s.mu.Lock()
		back := s.back
		s.mu.Unlock()
		if back == nil {
			return ctx.Err()
		}
		select {
		case <-back:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
