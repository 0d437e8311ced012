package ppp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"
)

// Family is a kind of packets.
type Family int

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Config says what the network grants. A link without Remote carries no IPv4, one without RemoteIID no IPv6.
type Config struct {
	Local, Remote       netip.Addr    // IPv4 addresses of our end and of theirs
	DNS                 [2]netip.Addr // name servers for who asks; IPv4
	LocalIID, RemoteIID uint64        // interface identifiers
	Auth                Auth
	OtherAuth           []Auth            // what else the other end may ask for
	Secrets             map[string]string // password by user
	Restart             time.Duration     // RFC 1661 §4.6; 3 s when zero
	// OnPacket gets every IP packet; the slice is the callee's. OnUp tells when a family comes and goes.
	// Both may call Send.
	OnPacket func(ip []byte)
	OnUp     func(f Family, up bool)
}

// What Run returns beside nil.
var (
	ErrNoAnswer = errors.New("the other end does not negotiate")
	ErrRefused  = errors.New("the other end did not prove who it is")
)

// Peer is our end of one link. It lives for one Run.
type Peer struct {
	cfg Config
	rw  io.ReadWriter

	mu        sync.Mutex // guards all below, and the machines
	in        deframer   // owned by Run
	lcp       *machine
	ipcp      *machine // nil when the network has no IPv4
	ipv6cp    *machine
	auth      Auth
	who       authState
	magic     uint32
	theirMRU  int
	theirACCM uint32
	hanging   bool // we asked for the end
	over      bool
	verdict   error
	events    []func() // callbacks to be made once the lock is free
}

// New makes a peer over rw, whose Write must not wait for the other end to write.
func New(rw io.ReadWriter, cfg Config) *Peer {
	if cfg.Restart == 0 {
		cfg.Restart = 3 * time.Second
	}
	p := &Peer{cfg: cfg, rw: rw, auth: cfg.Auth, magic: random32(), theirMRU: usualMRU, theirACCM: allACCM}
	p.lcp = p.newLCP()
	if cfg.Remote.Is4() && cfg.Local.Is4() {
		p.ipcp = p.newIPCP()
	}
	if cfg.RemoteIID != 0 {
		p.ipv6cp = p.newIPv6CP()
	}
	return p
}

// Run negotiates and passes packets until the link ends. It returns nil when one end terminated the link in good order,
// ErrNoAnswer or ErrRefused when the negotiation failed, else the stream's or the context's error. A pending Read is
// broken off by closing rw where that is an io.Closer; with others Run returns after the next byte.
func (p *Peer) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		p.do(func() { p.end(ctx.Err()) })
	})()
	p.do(p.lcp.open)
	buf := make([]byte, 2048)
	for {
		n, err := p.rw.Read(buf)
		var over bool
		var verdict error
		p.do(func() {
			p.in.feed(buf[:n], p.frame)
			if err != nil {
				p.end(err)
			}
			over, verdict = p.over, p.verdict
		})
		if over {
			return verdict
		}
	}
}

// Hangup terminates the link: the other end is told, and has one restart time to say yes.
func (p *Peer) Hangup() {
	p.do(func() { p.terminate(nil) })
}

// do runs change under the lock, then the callbacks that came of it.
func (p *Peer) do(change func()) {
	p.mu.Lock()
	change()
	events := p.events
	p.events = nil
	p.mu.Unlock()
	for _, tell := range events {
		tell()
	}
}

// frame takes one frame in.
func (p *Peer) frame(proto uint16, payload []byte) {
	if p.over {
		return
	}
	switch proto {
	case protoIPv4, protoIPv6:
		if m := p.machineOf(proto); m != nil && m.state == opened && p.cfg.OnPacket != nil {
			ip := append([]byte(nil), payload...)
			p.events = append(p.events, func() { p.cfg.OnPacket(ip) })
		}
		return
	}
	q, ok := parsePacket(payload)
	switch m := p.machineOf(proto); {
	case !ok:
	case proto == protoLCP:
		p.lcpPacket(q)
	case proto == protoPAP, proto == protoCHAP:
		p.authPacket(proto, q)
	case p.lcp.state != opened || !p.authenticated():
		// RFC 1661 §3.4, §3.5: before its phase a packet is discarded without a word.
	case m != nil && m.proto == proto:
		if !m.receive(q) {
			m.id++
			m.send(codeRej, m.id, q.bytes())
		}
	default:
		p.lcp.id++
		p.lcp.send(protoRej, p.lcp.id, append(short(proto), payload...))
	}
}

func (p *Peer) authenticated() bool { return p.auth == None || p.who.done }

// lcpUp enters the next phase.
func (p *Peer) lcpUp() {
	if p.auth != None {
		p.startAuth()
		return
	}
	p.network()
}

func (p *Peer) network() {
	for _, m := range []*machine{p.ipcp, p.ipv6cp} {
		if m != nil {
			m.open()
		}
	}
}

func (p *Peer) lcpDown() {
	p.stopAuth()
	p.who.done = false
	p.theirMRU, p.theirACCM = usualMRU, allACCM
	for _, m := range []*machine{p.ipcp, p.ipv6cp} {
		if m != nil {
			m.close()
		}
	}
}

// write sends a frame. LCP's own packets are always escaped in full: RFC 1662 §7.
func (p *Peer) write(proto uint16, payload []byte) error {
	accm := p.theirACCM
	if proto == protoLCP {
		accm = allACCM
	}
	if _, err := p.rw.Write(encode(proto, payload, accm)); err != nil {
		return fmt.Errorf("write PPP frame: %w", err)
	}
	return nil
}

// gaveUp: without LCP there is no link; without one of the families there may be the other.
func (p *Peer) gaveUp(proto uint16) {
	if m := p.machineOf(proto); m != nil {
		m.close()
		return
	}
	p.terminate(fmt.Errorf("protocol %04x: %w", proto, ErrNoAnswer))
}

func (p *Peer) refuseWho(why string) { p.terminate(fmt.Errorf("%s: %w", why, ErrRefused)) }

// terminate asks for the end and waits for the answer for one restart time.
func (p *Peer) terminate(verdict error) {
	if p.over || p.hanging {
		return
	}
	p.hanging, p.verdict = true, verdict
	p.lcp.id++
	p.lcp.send(termReq, p.lcp.id, nil)
	p.lcp.close()
	time.AfterFunc(p.cfg.Restart, func() {
		p.do(func() { p.end(nil) })
	})
}

// end is the one place where a link ends; an earlier verdict stays.
func (p *Peer) end(err error) {
	if p.over {
		return
	}
	if p.over = true; p.verdict == nil && !p.hanging {
		p.verdict = err
	}
	p.stopAuth()
	p.lcp.close()
	p.lcpDown()
	if c, ok := p.rw.(io.Closer); ok {
		_ = c.Close() // breaks a pending Read; its failure changes nothing
	}
}

func (p *Peer) tell(f Family, up bool) {
	if p.cfg.OnUp != nil {
		p.events = append(p.events, func() { p.cfg.OnUp(f, up) })
	}
}
