package modemsim

import (
	"fmt"
	"time"
)

// cardError is the CME code that the card's state gives to commands that need it; 0 when it is ready.
func (s *Sim) cardError() int {
	switch {
	case !s.simFound:
		return 14
	case s.cfg.SIM.Missing:
		return 10
	case s.pinLeft == 0:
		return 12
	case s.locked:
		return 11
	}
	return 0
}

func cpin(s *Sim, c call) reply {
	switch c.form {
	case test:
		return reply{}
	case read:
		switch code := s.cardError(); {
		case s.faults.BogusPIN > 0 && s.simFound, code == 11:
			return say("+CPIN: SIM PIN")
		case code == 12:
			return say("+CPIN: SIM PUK")
		case code != 0:
			return refuse(code)
		}
		return say("+CPIN: READY")
	case action:
		return refuse(50)
	}
	if code := s.cardError(); code != 11 {
		if code == 0 {
			code = 3
		}
		return refuse(code)
	}
	if c.arg(0) != s.cfg.SIM.PIN {
		s.pinLeft--
		return refuse(16)
	}
	s.locked, s.pinLeft = false, 3
	return reply{after: func() { s.urc("+CPIN: READY"); s.search() }}
}

func cpinr(s *Sim, c call) reply {
	if code := s.cardError(); code == 10 || code == 14 {
		return refuse(code)
	}
	return say(fmt.Sprintf("+CPINR: SIM PIN,%d,3", s.pinLeft), fmt.Sprintf("+CPINR: SIM PUK,%d,10", s.pukLeft))
}

func qpinc(s *Sim, c call) reply {
	if !s.cfg.Personality.Binding {
		return refuse(4)
	}
	return say(fmt.Sprintf(`+QPINC: "SC",%d,%d`, s.pinLeft, s.pukLeft))
}

func cimi(s *Sim, c call) reply {
	if code := s.cardError(); code != 0 {
		return refuse(code)
	}
	return say(s.cfg.SIM.IMSI)
}

func ccid(s *Sim, c call) reply {
	if code := s.cardError(); code == 10 || code == 14 {
		return refuse(code)
	}
	return say(c.name + ": " + s.cfg.SIM.ICCID)
}

// cclk gives the network's time in UTC once the network has told it, with the zone in quarters of an hour.
func cclk(s *Sim, c call) reply {
	if c.form != read {
		return refuse(3)
	}
	if !s.registered() {
		return say(`+CCLK: "80/01/06,00:00:12+00"`)
	}
	return say(time.Now().UTC().Format(`+CCLK: "06/01/02,15:04:05+00"`))
}
