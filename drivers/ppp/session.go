package ppp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Line is the port in a call; *at.Line is one.
type Line interface {
	io.ReadWriter
	// Ended is closed when the module has ended the call.
	Ended() <-chan struct{}
	// HangUp ends the call and gives the port back; Read then ends.
	HangUp(ctx context.Context) error
}

// Config says how calls are carried. The zero value is Debian's pppd.
type Config struct {
	Program string        // pppd
	Agree   time.Duration // until the other end has agreed to a link and knows who we are; 20 s
	Address time.Duration // until it has given an address; 20 s
	Links   Links         // nil: the kernel's
	Log     *slog.Logger
}

// Program is where Debian has pppd.
const Program = "/usr/sbin/pppd"

func (c Config) withDefaults() Config {
	c.Program = cmp.Or(c.Program, Program)
	c.Agree, c.Address = cmp.Or(c.Agree, 20*time.Second), cmp.Or(c.Address, 20*time.Second)
	if c.Links == nil {
		c.Links = kernel{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Options are what one call asks for.
type Options struct {
	Name, Password string // who we are to the network; empty: it need not know
	Auth           string // pap, chap; else either
	IPv4, IPv6     bool
	MTU            int // at most; 0: what the other end takes
}

// Network is what an open call has got.
type Network struct {
	Addresses []netip.Addr // on the interface; of IPv6 the link-local one
	DNS       []netip.Addr
	MTU       int
}

// Session is a call that carries packets. Its methods may be called from any goroutine.
type Session struct {
	cfg     Config
	options Options
	line    Line
	tty     *terminal
	pppd    *pppd
	gate    *gate
	spoken  chan struct{} // closed at pppd's first byte: it has the terminal
	relays  sync.WaitGroup
	ending  sync.Mutex // one end at a time
}

// How long the ends of a session wait.
const (
	termTime = 2500 * time.Millisecond // for pppd to tell the other end and to go
	goneTime = 3 * time.Second         // for the kernel to take the interface away
	tailTime = 8 * time.Second         // to hang up what could not be started
	pairTime = 3 * time.Second         // for the second family after the first: networks may grant one of two
)

// Start takes the line over and returns when the other end has agreed to a link, with the interface there and the gate
// shut. On an error the line has been hung up. Errors wrap ErrRefused, ErrNoLink, ErrHungUp, or are the context's.
func Start(ctx context.Context, cfg Config, line Line, o Options) (*Session, error) {
	s := &Session{cfg: cfg.withDefaults(), options: o, line: line, spoken: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), tailTime)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start PPP: %w", err), s.HangUp(late))
	}
	return s, nil
}

func (s *Session) start(ctx context.Context) (err error) {
	options, err := s.options.lines()
	if err != nil {
		return err
	}
	if s.tty, err = openTerminal(); err != nil {
		return err
	}
	s.gate = newGate(s.line, s.tty)
	if s.pppd, err = startPPPD(s.cfg.Program, s.tty.host.Name(), options, s.cfg.Log); err != nil {
		s.pppd = nil
		return err
	}
	s.relays.Go(s.fromHost)
	s.relays.Go(s.fromModule)
	s.relays.Go(s.endWithCall)
	return s.agreed(ctx)
}

// agreed waits for the link.
func (s *Session) agreed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Agree)
	defer cancel()
	select {
	case <-s.gate.held:
	case <-s.pppd.exited:
		return s.pppd.verdict()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoLink, ctx.Err())
	}
	state, err := s.cfg.Links.Look(Interface)
	switch {
	case err != nil:
		return err
	case !state.There:
		return fmt.Errorf("pppd made no interface %s", Interface)
	case state.Up:
		return fmt.Errorf("%s is up before anybody guards it", Interface)
	}
	return nil
}

// fromHost relays what pppd sends, until the terminal is closed.
func (s *Session) fromHost() {
	var once sync.Once
	relay(s.tty, func(content []byte) {
		once.Do(func() { close(s.spoken) })
		_ = s.gate.pass(&s.gate.toModule, content) // a line that is gone is told by Ended
	})
}

// fromModule relays what the module sends, until the line is given back. It waits for pppd to have the terminal: what is
// written before is thrown away when pppd changes its line discipline.
func (s *Session) fromModule() {
	select {
	case <-s.spoken:
	case <-s.pppd.exited:
	}
	relay(s.line, func(content []byte) { _ = s.gate.pass(&s.gate.toHost, content) })
}

func relay(from io.Reader, pass func(content []byte)) {
	var frames splitter
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		frames.feed(buf[:n], pass)
		if err != nil {
			return
		}
	}
}

// endWithCall ends pppd when the call is over. The other end cannot be told any more, so that pppd need not try.
func (s *Session) endWithCall() {
	select {
	case <-s.line.Ended():
		s.pppd.stop(0)
	case <-s.pppd.exited:
	}
}

// Name is the interface's.
func (s *Session) Name() string { return Interface }

// Done is closed when the session carries nothing any more and its interface is gone or about to be.
func (s *Session) Done() <-chan struct{} { return s.pppd.exited }

// Opened says whether Open has been called: before it nothing can have passed.
func (s *Session) Opened() bool { return s.gate.isUnlocked() }

// Open opens the gate and returns when the interface is up and has its addresses. The interface must have been guarded
// before; with IPv6 in the options the kernel must allow IPv6 on it.
func (s *Session) Open(ctx context.Context) (Network, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Address)
	defer cancel()
	if err := s.gate.unlock(); err != nil {
		return Network{}, fmt.Errorf("open PPP: %w", err)
	}
	state, err := until(ctx, s.cfg.Links, nil, s.pppd.exited, func(state State) bool { return state.Up && s.families(state) > 0 })
	if err == nil && s.options.IPv4 && s.options.IPv6 {
		state, err = s.both(ctx, state)
	}
	switch {
	case errors.Is(err, ErrHungUp):
		return Network{}, fmt.Errorf("open PPP: %w", s.pppd.verdict())
	case errors.Is(err, context.DeadlineExceeded):
		return Network{}, fmt.Errorf("open PPP: the network gave no address within %s", s.cfg.Address)
	case err != nil:
		return Network{}, fmt.Errorf("open PPP: %w", err)
	}
	return Network{Addresses: state.Addresses, DNS: s.gate.servers(), MTU: state.MTU}, nil
}

// families counts those of the wanted ones that have an address.
func (s *Session) families(state State) int {
	n := 0
	for _, want := range []struct {
		asked bool
		is    func(netip.Addr) bool
	}{{s.options.IPv4, netip.Addr.Is4}, {s.options.IPv6, netip.Addr.Is6}} {
		for _, a := range state.Addresses {
			if want.asked && want.is(a) {
				n++
				break
			}
		}
	}
	return n
}

// both waits a little for the second family; without it the first does.
func (s *Session) both(ctx context.Context, one State) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, pairTime)
	defer cancel()
	two, err := until(ctx, s.cfg.Links, s.gate.refusal, s.pppd.exited, func(state State) bool {
		return s.gate.refuses(protoIPCP) || s.gate.refuses(protoIPv6CP) || state.Up && s.families(state) == 2
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return one, nil
	}
	return two, err
}

// Stop ends pppd and returns nil when the interface is gone. The call itself lasts until HangUp.
func (s *Session) Stop(ctx context.Context) error {
	s.ending.Lock()
	defer s.ending.Unlock()
	return s.stop(ctx)
}

func (s *Session) stop(ctx context.Context) error {
	if s.pppd == nil { // never started
		return nil
	}
	s.pppd.stop(termTime)
	ctx, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	if _, err := until(ctx, s.cfg.Links, nil, nil, func(state State) bool { return !state.There }); err != nil {
		return fmt.Errorf("end PPP: %s is still there: %w", Interface, err)
	}
	return nil
}

// HangUp stops the session, ends the call and gives the port back; nil when the interface is gone and the port has been
// seen to answer commands. When it returns, nothing of the session runs any more.
func (s *Session) HangUp(ctx context.Context) error {
	s.ending.Lock()
	defer s.ending.Unlock()
	stopped := s.stop(ctx)
	hung := s.line.HangUp(ctx) // ends the line's reader
	if s.tty != nil {
		_ = s.tty.Close() // ends the terminal's reader, and frees a writer; a second time it fails, and nothing is to be done
	}
	s.relays.Wait()
	return errors.Join(stopped, hung)
}
