package modemsim

import (
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"airlock/tests/modemsim/ppp"
)

// pppCall is a data call over the AT port: the port's bytes are PPP until the call ends or is escaped from.
type pppCall struct {
	cid      int
	port     *port
	peer     *ppp.Peer
	families int // IPv4 and IPv6 that are up; guarded by the module's mu

	in      chan []byte // from the host
	rest    []byte      // owned by Read
	pluses  int         // owned by the port's reader
	escaped atomic.Bool // the host went back to commands
	touched atomic.Uint64
	once    sync.Once
	closed  chan struct{}
}

// Read gives what the host sent.
func (c *pppCall) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		select {
		case c.rest = <-c.in:
		case <-c.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write sends to the host; what comes while it types commands is lost, as behind a real port.
func (c *pppCall) Write(p []byte) (int, error) {
	if !c.escaped.Load() {
		c.port.send(string(p))
	}
	return len(p), nil
}

// Close ends the call's stream; the peer ends with it.
func (c *pppCall) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// InCall tells whether the AT port carries a call instead of commands.
func (s *Sim) InCall() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.online != nil && !s.online.escaped.Load()
}

// dialString is ATD*99#, ATD*99***<cid># and with a T before: 27.007 §10.2.1.1.
var dialString = regexp.MustCompile(`^[Tt]?\*99(?:\*\*\*([0-9]{1,2}))?#$`)

// dialled is ATD. What is no packet call, and what the network refuses, ends in NO CARRIER.
func dialled(s *Sim, c call) reply {
	m := dialString.FindStringSubmatch(c.arg(0))
	if m == nil {
		return refuse(noCarrier)
	}
	cid := 1
	if m[1] != "" {
		cid, _ = strconv.Atoi(m[1])
	}
	r := s.startCall(cid)
	if r.code != 0 && r.code != 50 {
		r.code = noCarrier
	}
	return r
}

// cgdata is +CGDATA="PPP",<cid>.
func cgdata(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say(`+CGDATA: ("PPP")`)
	case read, action:
		return refuse(50)
	}
	cid, ok := c.cid(1)
	if c.arg(0) != "PPP" || !ok {
		return refuse(50)
	}
	return s.startCall(cid)
}

// startCall activates the context and puts the port into data mode. The mode changes before CONNECT is sent, so that no
// byte behind it is taken for a command; the peer starts behind it.
func (s *Sim) startCall(cid int) reply {
	p := s.contexts[cid]
	switch {
	case p == nil:
		return refuse(50)
	case s.online != nil || s.port == nil:
		return refuse(3)
	case !p.active:
		if r := s.activate(p); r.code != 0 {
			return r
		}
	case s.fun != 1 || !s.registered():
		return refuse(3)
	}
	c := &pppCall{cid: cid, port: s.port, in: make(chan []byte, 64), closed: make(chan struct{})}
	c.peer = ppp.New(c, s.grant(c, p.kind))
	s.online = c
	s.granted(s.cfg.Personality.Binding)
	c.port.call.Store(c)
	return reply{connect: true, delay: s.cfg.Times.Activate, after: func() {
		c.port.tasks.Go(func() {
			err := c.peer.Run(c.port.ctx)
			s.do(func() { s.callEnded(c, err) })
		})
	}}
}

// grant is what the network gives to a call.
func (s *Sim) grant(c *pppCall, kind string) ppp.Config {
	n := s.cfg.Network
	cfg := ppp.Config{OnUp: func(_ ppp.Family, up bool) {
		s.do(func() { c.families += 2*bit(up) - 1; s.gate() })
	}, OnPacket: func(ip []byte) {
		if s.DataActive() && s.cfg.OnPacket != nil {
			s.cfg.OnPacket(ip)
		}
	}}
	if kind != "IPV6" {
		cfg.Local, cfg.Remote = s.gateway(), n.Address
		cfg.DNS = [2]netip.Addr{netip.MustParseAddr(dns1), netip.MustParseAddr(dns2)}
	}
	if kind == "IPV6" || kind == "IPV4V6" && !n.NoIPv6 {
		cfg.LocalIID, cfg.RemoteIID = 1, 0x0200_0000_0000_0002
	}
	if n.User != "" {
		cfg.Auth, cfg.OtherAuth = ppp.CHAP, []ppp.Auth{ppp.PAP}
		cfg.Secrets = map[string]string{n.User: n.Password}
	}
	return cfg
}

// callEnded puts the port back to commands.
func (s *Sim) callEnded(c *pppCall, err error) {
	if s.online != c {
		return // hung up by ATH
	}
	s.dropCall(c)
	if s.port == c.port && s.ready && !s.faults.Silent {
		c.port.send(s.final(noCarrier))
	}
}

func (s *Sim) dropCall(c *pppCall) {
	s.online = nil
	c.port.call.Store(nil)
	c.Close()
	if p := s.contexts[c.cid]; p != nil && p.active && !(s.cfg.Personality.DefaultBearer && s.activeContexts() == 1) {
		p.active = false
	}
	s.gate()
}

// noCarrier ends a call from the network's side, as lost coverage does: without a word of PPP.
func (s *Sim) noCarrier() {
	if s.online != nil {
		s.online.Close()
	}
}

// DropCall ends the call in data mode, if there is one, with NO CARRIER.
func (s *Sim) DropCall() { s.do(s.noCarrier) }

// hangup is ATH.
func hangup(s *Sim, c call) reply {
	if s.online != nil {
		s.dropCall(s.online)
	}
	return reply{}
}

// resume is ATO.
func resume(s *Sim, c call) reply {
	if s.online == nil {
		return refuse(noCarrier)
	}
	return reply{connect: true, after: func() {
		if s.online != nil {
			s.online.escaped.Store(false)
		}
	}}
}

// take passes bytes of the host on, and watches for the escape: +++ with silence before and behind it (S12).
func (s *Sim) take(c *pppCall, b []byte, silence time.Duration) {
	select {
	case c.in <- append([]byte(nil), b...):
	case <-c.closed:
	}
	touch := c.touched.Add(1)
	guard := s.cfg.Times.Guard
	switch {
	case strings.Trim(string(b), "+") != "":
		c.pluses = 0
	case c.pluses > 0 || silence >= guard:
		c.pluses += len(b)
	}
	if c.pluses != 3 {
		return
	}
	time.AfterFunc(guard, func() {
		s.do(func() {
			if s.online == c && c.touched.Load() == touch && !c.escaped.Swap(true) {
				c.port.send(s.final(0))
			}
		})
	})
}

// SendPacket hands an IP packet to the host over a PPP call. It refuses when no data can flow.
func (s *Sim) SendPacket(ip []byte) error {
	s.mu.Lock()
	c, flows := s.online, s.data
	s.mu.Unlock()
	if c == nil || !flows {
		return errors.New("send packet: the module has no data call that carries")
	}
	return c.peer.Send(ip)
}
