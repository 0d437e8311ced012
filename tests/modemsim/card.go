package modemsim

import (
	"fmt"
	"strings"
)

// Tries as a card comes from its operator (ETSI TS 102 221 leaves them to him; these are everyone's).
const (
	pinTries = 3
	pukTries = 10
)

// counters are what a card remembers without power.
type counters struct {
	pin, puk int    // tries left
	code     string // the PIN
	enabled  bool   // the PIN is asked for after power-up
}

// card is the inserted card's memory.
func (s *Sim) card() *counters {
	sim := s.cfg.SIM
	c := s.cards[sim.ICCID]
	if c == nil {
		c = &counters{pin: tries(sim.PINLeft, pinTries), puk: tries(sim.PUKLeft, pukTries), code: sim.PIN, enabled: sim.PIN != ""}
		s.cards[sim.ICCID] = c
	}
	return c
}

func tries(configured, usual int) int {
	if configured == 0 {
		return usual
	}
	return max(configured, 0)
}

// PINLeft and PUKLeft tell what is left on the inserted card.
func (s *Sim) PINLeft() int { s.mu.Lock(); defer s.mu.Unlock(); return s.card().pin }

// PUKLeft is described at PINLeft.
func (s *Sim) PUKLeft() int { s.mu.Lock(); defer s.mu.Unlock(); return s.card().puk }

// verify is the only way to try a PIN: a wrong one burns a try, a right one gives them all back.
func (s *Sim) verify(pin string) (code int) {
	card := s.card()
	switch {
	case card.puk == 0:
		return 13
	case card.pin == 0:
		return 12
	case pin != card.code:
		card.pin--
		return 16
	}
	card.pin = pinTries
	return 0
}

// unblock tries a PUK; the tenth wrong one ends the card.
func (s *Sim) unblock(puk, pin string) (code int) {
	card := s.card()
	switch {
	case card.puk == 0:
		return 13
	case puk != s.cfg.SIM.PUK:
		card.puk--
		return 16
	}
	card.pin, card.puk, card.code, card.enabled = pinTries, pukTries, pin, true
	return 0
}

// cardError is the CME code that the card's state gives to commands that need it; 0 when it is ready.
func (s *Sim) cardError() int {
	switch card := s.card(); {
	case !s.simFound:
		return 14
	case s.cfg.SIM.Missing:
		return 10
	case card.puk == 0:
		return 13
	case card.pin == 0:
		return 12
	case s.locked:
		return 11
	}
	return 0
}

// cardState is the word of +CPIN?, or the code that refuses it.
func (s *Sim) cardState() (word string, code int) {
	switch code = s.cardError(); {
	case s.faults.BogusPIN > 0 && s.simFound, code == 11:
		return "SIM PIN", 0
	case code == 12:
		return "SIM PUK", 0
	case code != 0:
		return "", code
	}
	return "READY", 0
}

func cpin(s *Sim, c call) reply {
	switch c.form {
	case test:
		return reply{}
	case read:
		word, code := s.cardState()
		if code != 0 {
			return refuse(code)
		}
		return say("+CPIN: " + word)
	case action:
		return refuse(50)
	}
	switch code := s.cardError(); {
	case code == 12 && len(c.args) == 2 && goodPIN(c.arg(1)):
		if code := s.unblock(c.arg(0), c.arg(1)); code != 0 {
			return refuse(code)
		}
	case code == 11 && len(c.args) == 1:
		if code := s.verify(c.arg(0)); code != 0 {
			return refuse(code)
		}
	case code == 0:
		return refuse(3)
	default:
		return refuse(code)
	}
	s.locked = false
	return reply{after: func() { s.cardReady(); s.search() }}
}

// goodPIN: four to eight digits.
func goodPIN(s string) bool {
	return len(s) >= 4 && len(s) <= 8 && strings.Trim(s, "0123456789") == ""
}

// cardReady tells what a module tells when the card may be used.
func (s *Sim) cardReady() {
	if !s.cfg.Personality.QuietCard {
		s.urc("+CPIN: READY")
	}
	for _, line := range s.cfg.Personality.CardReady {
		s.urc(line)
	}
}

// cardThere refuses what needs a card, locked or not.
func cardThere(then func(*Sim, call) reply) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		if code := s.cardError(); code == 10 || code == 14 {
			return refuse(code)
		}
		return then(s, c)
	}
}

func cpinr(s *Sim, c call) reply {
	return cardThere(func(s *Sim, c call) reply {
		card := s.card()
		return say(fmt.Sprintf("+CPINR: SIM PIN,%d,%d", card.pin, pinTries), fmt.Sprintf("+CPINR: SIM PUK,%d,%d", card.puk, pukTries))
	})(s, c)
}

// retries is a vendor's query of the tries left; the layout has %[1]d for the PIN's and %[2]d for the PUK's.
func retries(layout string) func(*Sim, call) reply {
	return cardThere(func(s *Sim, c call) reply {
		return say(fmt.Sprintf(layout, s.card().pin, s.card().puk))
	})
}

func cimi(s *Sim, c call) reply {
	if code := s.cardError(); code != 0 {
		return refuse(code)
	}
	return say(s.cfg.SIM.IMSI)
}

func ccid(s *Sim, c call) reply {
	return cardThere(func(s *Sim, c call) reply { return say(c.name + ": " + s.cfg.SIM.ICCID) })(s, c)
}
