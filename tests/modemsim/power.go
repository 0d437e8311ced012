package modemsim

import (
	"context"
	"time"
)

// PowerOn boots the module before a host is there, and returns when it answers and has looked at its card. What it
// says meanwhile nobody hears. oFono needs a module like that: it waits for ever for the answer to its first command, and
// its 1.31 crashes when +CPIN? is refused because the card was not found yet.
func (s *Sim) PowerOn(ctx context.Context) error {
	started := make(chan struct{})
	s.do(func() {
		if s.ready && s.simFound {
			close(started)
			return
		}
		s.whenStarted = append(s.whenStarted, func() { close(started) })
		if !s.powered {
			s.powerOn()
		}
	})
	select {
	case <-started:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// powerOn is the start of a boot.
func (s *Sim) powerOn() {
	s.startScript()
	s.powered, s.ready, s.simFound, s.privileged = true, false, false, false
	s.dialogueDefaults()
	s.locked, s.stammer = s.card().enabled, s.cfg.Personality.Stammer
	s.fun = s.cfg.Function
	s.boots++
	s.thisBoot(s.cfg.Times.Boot, s.booted)
}

// thisBoot runs change after d, unless the module was restarted meanwhile.
func (s *Sim) thisBoot(d time.Duration, change func()) {
	boot := s.boots
	s.later(d, func() {
		if s.boots == boot && s.powered {
			change()
		}
	})
}

func (s *Sim) booted() {
	s.ready = true
	for _, line := range s.cfg.Personality.Boot {
		s.urc(line)
	}
	if s.fun == 1 {
		s.fun = 0
		s.setFunction(1)
	}
	if s.cfg.LeftOn && s.boots == 1 { // a restart forgets its contexts
		s.leftOn()
	}
	s.thisBoot(s.cfg.Times.SIM, s.findSIM)
	if s.faults.BogusPIN > 0 {
		s.later(s.faults.BogusPIN, func() { s.faults.BogusPIN = 0 })
	}
}

func (s *Sim) findSIM() {
	s.simFound = true
	for _, tell := range s.whenStarted {
		tell()
	}
	s.whenStarted = nil
	switch code := s.cardError(); {
	case code == 0:
		s.cardReady()
		s.search()
	case s.cfg.Personality.QuietCard:
	case code == 10:
		s.urc("+CPIN: NOT INSERTED")
	case code == 12:
		s.urc("+CPIN: SIM PUK")
	case code == 11:
		s.urc("+CPIN: SIM PIN")
	}
}

// leftOn puts the module where a crash of its user may have left it.
func (s *Sim) leftOn() {
	s.simFound, s.radio = true, s.radio+1
	s.setStat(s.homeStat())
	s.contexts[1].active, s.bound, s.tied = true, 1, true
	s.gate()
}

func (s *Sim) powerOff() {
	s.setFunction(0)
	s.powered, s.ready = false, false
}
