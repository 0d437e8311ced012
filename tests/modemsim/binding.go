package modemsim

import (
	"net/netip"
	"strings"
	"time"
)

// How the vendors' data commands meet the one model: a context is active or not; the network interface is tied to a
// context or to none; and a grant may be lame, which looks the same and carries no packet.

// up tells whether everything says that packets can flow: radio on, registered, a context active and, where the
// module needs it, tied to the network interface or dialled.
func (s *Sim) up() bool {
	if s.fun != 1 || !s.registered() {
		return false
	}
	for cid, c := range s.contexts {
		if c.active && (!s.cfg.Personality.Binding || s.bound == cid && s.tied || s.carries(cid)) {
			return true
		}
	}
	return false
}

// carries tells whether a PPP call has its addresses for the context.
func (s *Sim) carries(cid int) bool {
	return s.online != nil && s.online.cid == cid && s.online.families > 0
}

// granted decides whether a new grant is lame, when it is the one that would let packets flow.
func (s *Sim) granted(decides bool) {
	if !decides {
		return
	}
	s.lame = s.faults.NoTraffic > 0
	if s.lame {
		s.faults.NoTraffic--
	}
}

// tie ties the network interface to an active context.
func (s *Sim) tie(cid int) reply {
	p := s.contexts[cid]
	switch {
	case p == nil:
		return refuse(50)
	case s.fun != 1 || !s.registered() || !p.active:
		return refuse(3)
	case s.faults.NoBinding > 0:
		s.faults.NoBinding--
		return reply{delay: s.cfg.Times.Activate}
	}
	s.bound, s.tied = cid, true
	s.granted(s.cfg.Personality.Binding)
	s.gate()
	return reply{delay: s.cfg.Times.Activate}
}

// dial activates the context where it is not, and ties the interface to it.
func (s *Sim) dial(cid int) reply {
	p := s.contexts[cid]
	if p == nil {
		return refuse(50)
	}
	if !p.active {
		if r := s.activate(p); r.code != 0 {
			return r
		}
	}
	return s.tie(cid)
}

// untie takes the interface off its context.
func (s *Sim) untie() reply {
	s.bound, s.tied = 0, false
	s.gate()
	return reply{delay: s.cfg.Times.Activate}
}

// hangUp unties the interface and ends the context, unless it is the last one of an LTE attachment.
func (s *Sim) hangUp(cid int) reply {
	p := s.contexts[cid]
	if p == nil {
		return refuse(50)
	}
	if p.active && !(s.cfg.Personality.DefaultBearer && s.activeContexts() == 1) {
		s.deactivate(cid)
	}
	return s.untie()
}

// deactivate ends a context.
func (s *Sim) deactivate(cid int) {
	s.contexts[cid].active = false
	s.gate()
}

// mode is a command that switches a context by <1|0>,<cid>; on and off do the work.
func mode(on, off func(*Sim, int) reply, tell func(*Sim) []string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		switch c.form {
		case read:
			return say(tell(s)...)
		case test:
			return say(c.name + ": (0,1),(1-15)")
		case action:
			return refuse(50)
		}
		cid, ok := c.cid(1)
		switch {
		case !ok:
			return refuse(50)
		case c.arg(0) == "1":
			return on(s, cid)
		case c.arg(0) == "0":
			return off(s, cid)
		}
		return refuse(50)
	}
}

func dialCID(s *Sim, cid int) reply   { return s.dial(cid) }
func hangUpCID(s *Sim, cid int) reply { return s.hangUp(cid) }

// setting is a value that the module keeps without power: =x stores it, ? and the bare name tell it.
func setting(initial string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		switch c.form {
		case set:
			s.kept[c.name] = c.raw
			return reply{}
		case test:
			return reply{}
		}
		return say(c.name + ": " + s.stored(c.name, initial))
	}
}

// ranged is a setting that tells its values. A host may not survive a test command without them: ModemManager's quectel
// plugin crashes when +CTZU=? is answered with OK alone.
func ranged(initial, values string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		if c.form == test {
			return say(c.name + ": " + values)
		}
		return setting(initial)(s, c)
	}
}

// named is a setting by names: =<name> tells it, =<name>,x stores it (+QCFG, $MYCONFIG).
func named(initial map[string]string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		first, known := initial[strings.ToLower(c.arg(0))]
		if c.form != set || !known {
			return refuse(50)
		}
		key := c.name + strings.ToLower(c.arg(0))
		if _, value, given := strings.Cut(c.raw, ","); given {
			s.kept[key] = value
			return reply{}
		}
		return say(c.name + `: "` + c.arg(0) + `",` + s.stored(key, first))
	}
}

func (s *Sim) stored(key, initial string) string {
	if v, ok := s.kept[key]; ok {
		return v
	}
	return initial
}

// lastWords is the time between the OK to a restart and the end of the port.
const lastWords = 100 * time.Millisecond

// restart is a vendor's reset.
func restart(s *Sim, c call) reply { return reply{after: s.reboot} }

// shutdown is a vendor's power-off; the module starts again with the next attachment.
func shutdown(farewell string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		return reply{after: func() {
			if farewell != "" {
				s.urc(farewell)
			}
			s.powerOff()
		}}
	}
}

func (s *Sim) reboot() {
	if away := s.cfg.Times.Away; away > 0 {
		s.thisBoot(lastWords, func() { s.crash(away) })
		return
	}
	s.powerOff()
	s.powerOn()
}

// The network's name servers, and the router that an interface with DHCP sees.
const (
	dns1 = "9.9.9.9"
	dns2 = "149.112.112.112"
)

// gateway is the first address of the network around the module's, or the second when the first is the module's own.
func (s *Sim) gateway() netip.Addr {
	b := s.cfg.Network.Address.As4()
	own := b[3]
	if b[3] = 1; own == 1 {
		b[3] = 2
	}
	return netip.AddrFrom4(b)
}
