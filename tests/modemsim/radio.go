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
	if n == 1 {
		s.changed(RadioOn)
		s.search()
		return
	}
	for _, c := range s.contexts {
		c.active = false
	}
	s.bound = 0
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
	s.after(s.cfg.Times.Search, func() {
		if s.registered() {
			return
		}
		s.setStat(2)
		if s.faults.Stuck {
			return
		}
		s.after(s.cfg.Times.Register, s.answer)
	})
}

// answer is the network's.
func (s *Sim) answer() {
	if s.faults.Deny {
		s.setStat(3)
		return
	}
	c := s.contexts[1]
	bearer := s.cfg.Personality.DefaultBearer && c != nil && s.knowsAPN(c.apn)
	if bearer {
		c.active = true
	}
	s.setStat(s.homeStat())
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
}

// registration is <stat> and, for n=2, where and how.
func (s *Sim) registration(domain string, n int) string {
	stat := s.domainStat(domain)
	if n < 2 || stat != 1 && stat != 5 {
		return strconv.Itoa(stat)
	}
	return fmt.Sprintf(`%d,"272D","0D17C148",%d`, stat, s.cfg.Network.Access)
}

// domainStat: with LTE a module is registered for packets in EPS (+CEREG), and +CGREG says 0 or the same by
// firmware; 5G stays 0 with LTE.
func (s *Sim) domainStat(domain string) int {
	if domain == "+C5GREG" && s.cfg.Network.Access < 10 {
		return 0
	}
	return s.stat
}

func cfun(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+CFUN: (0,1,4),(0,1)")
	case read:
		return say(fmt.Sprintf("+CFUN: %d", s.fun))
	case action:
		return refuse(50)
	}
	n, err := strconv.Atoi(c.arg(0))
	reset := c.arg(1) == "1"
	switch {
	case err != nil || n != 0 && n != 1 && n != 4 || len(c.args) > 2:
		return refuse(50)
	case n == 4 && s.cfg.Personality.OffNeedsSIM && !s.simFound:
		return refuse(-1)
	case reset:
		return reply{after: func() { s.powerOff(); s.powerOn() }}
	case n == 4 && s.faults.IgnoreOff > 0:
		s.faults.IgnoreOff--
		return reply{delay: s.cfg.Times.Function}
	}
	s.setFunction(n)
	return reply{delay: s.cfg.Times.Function}
}

// creg serves +CREG, +CGREG, +CEREG and +C5GREG.
func creg(s *Sim, c call) reply {
	if !slices.Contains(s.cfg.Personality.Domains, c.name) {
		return refuse(4)
	}
	switch c.form {
	case test:
		return say(c.name + ": (0-2)")
	case read:
		n := s.report[c.name]
		return say(fmt.Sprintf("%s: %d,%s", c.name, n, s.registration(c.name, n)))
	}
	n, err := strconv.Atoi(c.arg(0))
	if err != nil || n < 0 || n > 2 {
		return refuse(50)
	}
	s.report[c.name] = n
	return reply{}
}

func cops(s *Sim, c call) reply {
	switch c.form {
	case test:
		if s.fun != 1 {
			return refuse(30)
		}
		return say(fmt.Sprintf(`+COPS: (2,"%s","%s","%s",%d),,(0,1,2,3,4),(0,1,2)`, s.cfg.Network.Name,
			s.cfg.Network.Name, s.cfg.Network.PLMN, s.cfg.Network.Access))
	case read:
		if !s.registered() {
			return say("+COPS: 0")
		}
		name := s.cfg.Network.Name
		if s.cops == 2 {
			name = s.cfg.Network.PLMN
		}
		return say(fmt.Sprintf(`+COPS: 0,%d,"%s",%d`, s.cops, name, s.cfg.Network.Access))
	}
	switch c.arg(0) {
	case "3":
		n, err := strconv.Atoi(c.arg(1))
		if err != nil || n < 0 || n > 2 {
			return refuse(50)
		}
		s.cops = n
	case "0":
		s.search()
	case "2":
		s.radio++
		s.setStat(0)
	default:
		return refuse(4)
	}
	return reply{}
}

// csq drifts by a step at each look, within 3 of where the network was set.
func csq(s *Sim, c call) reply {
	if s.fun != 1 || s.stat == 0 {
		return say("+CSQ: 99,99")
	}
	middle := s.cfg.Network.RSSI
	s.rssi = min(max(s.rssi+s.rng.IntN(3)-1, middle-3, 0), middle+3, 31)
	return say(fmt.Sprintf("+CSQ: %d,99", s.rssi))
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
		return refuse(30)
	}
	return reply{}
}
