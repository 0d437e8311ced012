package modemsim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func cgdcont(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say(`+CGDCONT: (1-15),"IP",,,(0-2),(0-3)`, `+CGDCONT: (1-15),"IPV6",,,(0-2),(0-3)`, `+CGDCONT: (1-15),"IPV4V6",,,(0-2),(0-3)`)
	case read:
		var lines []string
		for _, cid := range slices.Sorted(maps.Keys(s.contexts)) {
			p := s.contexts[cid]
			lines = append(lines, fmt.Sprintf(`+CGDCONT: %d,"%s","%s","0.0.0.0",0,0`, cid, p.kind, p.apn))
		}
		return say(lines...)
	case action:
		return refuse(50)
	}
	cid, ok := c.cid(0)
	if !ok || cid == 0 && !s.cfg.Personality.ZeroContext {
		return refuse(50)
	}
	if len(c.args) == 1 {
		delete(s.contexts, cid)
		s.gate()
		return reply{}
	}
	kind := c.arg(1)
	if kind != "IP" && kind != "IPV6" && kind != "IPV4V6" {
		return refuse(50)
	}
	if old := s.contexts[cid]; old != nil && old.active {
		return refuse(3) // a context in use is not redefined
	}
	s.contexts[cid] = &pdp{kind: kind, apn: c.arg(2)}
	return reply{}
}

func cgact(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+CGACT: (0,1)")
	case read:
		var lines []string
		for _, cid := range slices.Sorted(maps.Keys(s.contexts)) {
			lines = append(lines, fmt.Sprintf("+CGACT: %d,%d", cid, bit(s.contexts[cid].active)))
		}
		return say(lines...)
	case action:
		return refuse(50)
	}
	cid, ok := c.cid(1)
	if !ok {
		cid, ok = 1, len(c.args) == 1
	}
	p := s.contexts[cid]
	switch {
	case !ok || c.arg(0) != "0" && c.arg(0) != "1":
		return refuse(50)
	case p == nil:
		return refuse(50)
	case c.arg(0) == "0" && p.active && s.cfg.Personality.DefaultBearer && s.activeContexts() == 1:
		return refuse(171) // the last one of an LTE attachment stays
	case c.arg(0) == "0":
		s.deactivate(cid)
		return reply{delay: s.cfg.Times.Activate}
	}
	return s.activate(p)
}

// activate asks the network for a context.
func (s *Sim) activate(p *pdp) reply {
	switch {
	case s.fun != 1:
		return refuse(3)
	case !s.registered():
		return refuse(30)
	case s.stammer > 0:
		code := s.stammer
		s.stammer = 0
		return refuse(code)
	case s.faults.DataError > 0:
		return refuse(s.faults.DataError)
	case s.faults.RefuseData > 0:
		s.faults.RefuseData--
		return refuse(30)
	case !s.knowsAPN(p.apn):
		return refuse(133)
	}
	p.active = true
	s.granted(!s.cfg.Personality.Binding)
	s.gate()
	return reply{delay: s.cfg.Times.Activate}
}

// knowsAPN: an empty APN asks for the subscription's default.
func (s *Sim) knowsAPN(apn string) bool {
	return apn == "" || strings.EqualFold(apn, s.cfg.Network.APN)
}

func (s *Sim) activeContexts() int {
	n := 0
	for _, p := range s.contexts {
		n += bit(p.active)
	}
	return n
}

func cgpaddr(s *Sim, c call) reply {
	if c.form == test {
		return say("+CGPADDR: (1-15)")
	}
	cid, ok := c.cid(0)
	if !ok || s.contexts[cid] == nil {
		return refuse(50)
	}
	if !s.contexts[cid].active {
		return say(fmt.Sprintf(`+CGPADDR: %d,"0.0.0.0"`, cid))
	}
	return say(fmt.Sprintf(`+CGPADDR: %d,"%s"`, cid, s.cfg.Network.Address))
}

func cgcontrdp(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	if !ok {
		return refuse(50)
	}
	if p := s.contexts[cid]; p == nil || !p.active {
		return refuse(185)
	}
	return say(fmt.Sprintf(`+CGCONTRDP: %d,5,"%s.mnc001.mcc001.gprs","%s",,"9.9.9.9","149.112.112.112"`, cid,
		s.contexts[cid].apn, s.cfg.Network.Address))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
