package modemsim

import "fmt"

// simSlot is a vendor's choice between two SIM slots, the first of which has the number first. The change is at once: what
// was registered with the old card is no longer, and the new one has to be found.
func simSlot(first int) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		numbers := []string{fmt.Sprint(first), fmt.Sprint(first + 1)}
		switch {
		case c.form == test:
			return say(fmt.Sprintf("%s: (%s,%s)", c.name, numbers[0], numbers[1]))
		case c.form != set:
			return say(c.name + ": " + numbers[s.slot])
		case c.arg(0) == numbers[s.slot]:
			return reply{}
		case c.arg(0) != numbers[1-s.slot]:
			return refuse(50)
		}
		s.slot = 1 - s.slot
		s.cfg.SIM, s.cfg.OtherSIM = s.cfg.OtherSIM, s.cfg.SIM
		s.simFound, s.locked = false, s.card().enabled
		if s.fun == 1 {
			s.setFunction(4)
			s.setFunction(1)
		}
		return reply{after: func() { s.thisBoot(s.cfg.Times.SIM, s.findSIM) }}
	}
}
