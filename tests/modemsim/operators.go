package modemsim

import (
	"fmt"
	"strconv"
	"strings"
)

// Operator is a network that is heard besides the one of Config.Network.
type Operator struct {
	Name, PLMN string
	Access     int
	Forbidden  bool // refuses the card with cause 11 (PLMN not allowed)
}

// The choice of an operator is stored under +COPS: empty is automatic, a number is that operator, and deregistered.
const deregistered = "2"

// allowed tells whether the module may look for the network: it is chosen, or the choice is the module's.
func (s *Sim) allowed() bool {
	switch chosen := s.stored("+COPS", ""); chosen {
	case "", s.cfg.Network.PLMN:
		return true
	case deregistered:
		return false
	default:
		if o := s.heardAs(chosen); o != nil && o.Forbidden {
			s.rejected = 11
			s.setStat(3)
		}
		return false
	}
}

func (s *Sim) heardAs(plmn string) *Operator {
	for i := range s.cfg.Network.Others {
		if o := &s.cfg.Network.Others[i]; o.PLMN == plmn {
			return o
		}
	}
	return nil
}

func cops(s *Sim, c call) reply {
	switch c.form {
	case test:
		return s.scan()
	case read:
		return say("+COPS: " + s.chosen())
	}
	switch c.arg(0) {
	case "3":
		n, err := strconv.Atoi(c.arg(1))
		if err != nil || n < 0 || n > 2 {
			return refuse(50)
		}
		s.cops = n
	case "0":
		s.kept["+COPS"] = ""
		s.search()
	case "1":
		return s.choose(c.arg(1), c.arg(2))
	case "2":
		s.kept["+COPS"] = deregistered
		s.radio++
		s.walk(false)
		s.setStat(0)
	default:
		return refuse(4)
	}
	return reply{}
}

// chosen is the reply to +COPS? without its prefix.
func (s *Sim) chosen() string {
	mode := "0"
	switch s.stored("+COPS", "") {
	case "":
	case deregistered:
		mode = "2"
	default:
		mode = "1"
	}
	name := s.spelled(s.cfg.Network.Name)
	if s.cops == 2 {
		name = s.cfg.Network.PLMN
	}
	if !s.registered() {
		return mode
	}
	return fmt.Sprintf(`%s,%d,"%s",%d`, mode, s.cops, name, s.cfg.Network.Access)
}

// scan lists what is heard; it takes long with real modules, and Times.Search here.
func (s *Sim) scan() reply {
	if s.fun != 1 {
		return refuse(30)
	}
	n := s.cfg.Network
	rows := []string{fmt.Sprintf(`(%d,"%s","%s","%s",%d)`, 1+bit(s.registered()), s.spelled(n.Name), s.spelled(n.Name), n.PLMN, n.Access)}
	for _, o := range n.Others {
		rows = append(rows, fmt.Sprintf(`(%d,"%s","%s","%s",%d)`, 1+2*bit(o.Forbidden), s.spelled(o.Name), s.spelled(o.Name), o.PLMN, o.Access))
	}
	r := say("+COPS: " + strings.Join(rows, ",") + ",,(0,1,2,3,4),(0,1,2)")
	r.delay = s.cfg.Times.Search
	return r
}

// choose is +COPS=1,2,<plmn>: by number only, and with the radio on only, as the pickier modules have it.
func (s *Sim) choose(format, plmn string) reply {
	other := s.heardAs(plmn)
	switch {
	case format != "2" || plmn == "":
		return refuse(50)
	case s.fun != 1:
		return refuse(3)
	}
	s.kept["+COPS"] = plmn
	if other != nil && !other.Forbidden { // it is the network now, and the former one is among the others
		n := &s.cfg.Network
		*other, n.Name, n.PLMN, n.Access = Operator{Name: n.Name, PLMN: n.PLMN, Access: n.Access}, other.Name, other.PLMN, other.Access
	}
	if other != nil || plmn != s.cfg.Network.PLMN {
		s.radio++
		s.walk(false)
		s.setStat(0)
		s.search()
	}
	if plmn != s.cfg.Network.PLMN {
		return refuse(30)
	}
	return reply{}
}
