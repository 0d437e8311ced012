package modemsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (s *Sim) registered() bool { return s.stat == 1 || s.stat == 5 }

func (s *Sim) homeStat() int {
	if s.cfg.Network.Roaming {
		return 5
	}
	return 1
}

// setFunction switches the radio; the caller holds mu.
func (s *Sim) setFunction(n int) {
	was := s.fun
	s.fun = n
	if (was == 1) == (n == 1) {
		return
	}
	s.radio++
	s.walk(false)
	if n == 1 {
		s.changed(RadioOn)
		s.search()
		return
	}
	for _, c := range s.contexts {
		c.active = false
	}
	s.bound, s.tied = 0, false
	s.gate()
	s.changed(RadioOff)
	if s.faults.Linger > 0 && s.registered() {
		s.after(s.faults.Linger, func() { s.setStat(0) })
		return
	}
	s.setStat(0)
}

// search walks to registration when radio and SIM allow it.
func (s *Sim) search() {
	if s.fun != 1 || !s.simFound || s.cfg.SIM.Missing || s.locked || s.registered() {
		return
	}
	s.walk(true)
	s.after(s.cfg.Times.Search, func() {
		if s.registered() {
			return
		}
		s.setStat(2)
		if s.faults.Stuck || !s.allowed() {
			return
		}
		s.after(s.cfg.Times.Register, s.answer)
	})
}

// answer is the network's.
func (s *Sim) answer() {
	s.walk(false)
	if s.faults.Deny || s.faults.RejectCause > 0 {
		s.rejected = s.faults.RejectCause
		s.setStat(3)
		return
	}
	c := s.contexts[1]
	bearer := s.cfg.Personality.DefaultBearer && c != nil && s.knowsAPN(c.apn)
	if bearer {
		c.active = true
		s.granted(!s.cfg.Personality.Binding)
	}
	s.rejected = 0
	s.setStat(s.homeStat())
	s.tellTime()
	for _, line := range s.cfg.Personality.Attached {
		s.urc(line)
	}
	if bearer {
		s.urc("+CGEV: ME PDN ACT 1")
	}
}

func (s *Sim) setStat(stat int) {
	if s.stat == stat {
		return
	}
	was := s.registered()
	s.stat = stat
	switch {
	case s.registered() && !was:
		s.changed(Registered)
	case was && !s.registered():
		s.changed(Deregistered)
	}
	s.gate()
	for _, domain := range s.cfg.Personality.Domains {
		if n := s.report[domain]; n > 0 {
			s.urc(domain + ": " + s.registration(domain, n))
		}
	}
	if s.report["+CNSMOD"] > 0 {
		s.urc(fmt.Sprintf("+CNSMOD: %d", s.simcomMode()))
	}
}

func cfun(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+CFUN: (" + joined(s.cfg.Personality.functions(), ",") + "),(0,1)")
	case read:
		return say(fmt.Sprintf("+CFUN: %d", s.fun))
	case action:
		return refuse(50)
	}
	n, err := strconv.Atoi(c.arg(0))
	resets := slices.Contains(s.cfg.Personality.Resets, n)
	reset := resets || c.arg(1) == "1"
	switch {
	case err != nil || !resets && !slices.Contains(s.cfg.Personality.functions(), n) || len(c.args) > 2:
		return refuse(50)
	case n == 4 && s.cfg.Personality.OffNeedsSIM && !s.simFound:
		return refuse(-1)
	case s.faults.IgnoreFunction > 0:
		s.faults.IgnoreFunction--
		return reply{delay: s.cfg.Times.Function}
	case reset:
		return reply{after: s.reboot}
	case n != 1 && s.faults.IgnoreOff > 0:
		s.faults.IgnoreOff--
		return reply{delay: s.cfg.Times.Function}
	}
	s.setFunction(n)
	return reply{delay: s.cfg.Times.Function}
}

func cgatt(s *Sim, c call) reply {
	if c.form == read {
		attached := 0
		if s.registered() {
			attached = 1
		}
		return say(fmt.Sprintf("+CGATT: %d", attached))
	}
	if strings.TrimSpace(c.arg(0)) == "1" && !s.registered() {
		if s.rejected > 0 { // 27.007 §9.2.2.1 puts the causes of 24.008 at 100
			return refuse(100 + s.rejected)
		}
		return refuse(30)
	}
	return reply{}
}
