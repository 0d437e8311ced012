// Package netdtest is the hardware of an edge node in memory, for tests of whoever works with netd:
// a module, two links, the kernel's gate and the tunnel. They keep one model together, refuse what
// cannot be, note what must not be, and print themselves. Nothing of it is part of a product.
package netdtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"airlock/netd"
	"airlock/netd/passage"
	"airlock/netd/windows"
)

// Names of the two interfaces of a World.
const (
	OuterName = "wwan0"
	InnerName = "lan0"
)

// leaseTime is how long a real interlock stays open without a renewal.
const leaseTime = 3 * time.Second

// World is one node's hardware. The exported fields are set before it is used.
type World struct {
	// Publisher is host:port where the far end of the tunnel really is: every dial through the tunnel
	// goes there. Empty: nothing answers there.
	Publisher string
	// UnknownHub makes the hub silent, as towards a key that it does not know.
	UnknownHub bool
	// Lame is how many mends the module's data connection needs before it carries packets.
	Lame int
	// Chatter lets packets of strangers come in, so that the module is seen to carry some.
	Chatter bool
	// LAN is the node's own address on the inner link; zero: 127.0.0.2/8, so that targets may listen
	// on 127.0.0.1.
	LAN netip.Prefix
	// Barred are purposes that users of the socket may not ask for, by uid.
	Barred map[uint32][]windows.Purpose
	// Mute is a driver that takes no questions.
	Mute bool
	// Attend answers a question to the module, after its radio is on where the question needs that; nil: Status and
	// nothing more. It may say lines, and has to end when its context does.
	Attend func(ctx context.Context, r windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error)

	mu       sync.Mutex
	radio    bool
	noModule bool
	links    map[string]*device
	pass     string          // the interface that the interlock lets pass
	passTill time.Time       // the lease
	lets     passage.Passage // what may pass there
	tunnel   bool
	asked    bool // a question to the module is under way
	in, out  uint64
	mends    int // since the last Up
	recovery []windows.RecoveryStep
	faults   map[string][]error // by step, in order
	hangs    map[string]chan struct{}
	log      []string
	breaches []string
	now      func() time.Time
}

// device is one network interface.
type device struct{ up, guarded bool }

// NewWorld is a node just switched on: a module with its radio on, as modules are, and both links
// raised by somebody.
func NewWorld() *World {
	return &World{
		radio:  true,
		links:  map[string]*device{OuterName: {up: true}, InnerName: {up: true}},
		faults: map[string][]error{},
		hangs:  map[string]chan struct{}{},
		now:    time.Now,
	}
}

// Modem is the module; it takes questions unless it is Mute.
func (w *World) Modem() netd.Modem {
	if w.Mute {
		return mute{modem{w}}
	}
	return modem{w}
}

// Outer is the module's link.
func (w *World) Outer() netd.Link { return link{w, OuterName} }

// Inner is the LAN's link.
func (w *World) Inner() netd.Link { return link{w, InnerName} }

// Interlock is the kernel's gate.
func (w *World) Interlock() netd.Interlock { return gate{w} }

// Tunnel is the node's end of the tunnel.
func (w *World) Tunnel() netd.Tunnel { return tube{w} }

// Steps are the names that Fail and Hang know, in the order in which a window goes through them.
func Steps() []string {
	return []string{
		"modem up", "find wwan0", "attach wwan0", "open wwan0", "wwan0 up", "tunnel up", "modem mend", "dial", "renew wwan0",
		"tunnel down", "shut", "wwan0 down", "modem down",
		"attend", "find lan0", "attach lan0", "open lan0", "lan0 up", "renew lan0", "lan0 down",
	}
}

// Fail makes a step fail with each of errs once, in order; nil lets it pass once.
func (w *World) Fail(step string, errs ...error) {
	w.known(step)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[step] = append(w.faults[step], errs...)
}

// Hang makes a step wait, also for nothing when its context ends, until release is called.
func (w *World) Hang(step string) (release func()) {
	w.known(step)
	c := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs[step] = c
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.hangs, step)
		close(c)
	})
}

func (w *World) known(step string) {
	if !slices.Contains(Steps(), step) {
		panic("netdtest: there is no step " + step)
	}
}

// RadioOn says whether the module's transmitter has power.
func (w *World) RadioOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.radio
}

// Lets is what the interlock lets pass now; nothing once the lease is over.
func (w *World) Lets() passage.Passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passes() == "" {
		return passage.Passage{}
	}
	return w.lets
}

// Unplug takes the module away, in whatever state.
func (w *World) Unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noModule, w.radio = true, false
	delete(w.links, OuterName)
	w.note("unplugged")
}

// Plug brings the module back: its radio is on, and its interface is new, without any chains.
func (w *World) Plug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noModule, w.radio = false, true
	w.links[OuterName] = &device{}
	w.note("plugged in")
}

// Breaches are the moments at which both doors could have been open, or frames could have passed
// unguarded. A test wants none.
func (w *World) Breaches() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.breaches)
}

// Shut says whether both doors are shut in every layer; if not, why.
func (w *World) Shut() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []string
	if w.radio {
		open = append(open, "the radio is on")
	}
	for name, d := range w.links {
		if d.up {
			open = append(open, name+" is up")
		}
	}
	if w.passes() != "" {
		open = append(open, "the interlock passes "+w.pass)
	}
	if w.tunnel {
		open = append(open, "the tunnel is up")
	}
	if open == nil {
		return nil
	}
	return errors.New(strings.Join(open, ", "))
}

// Log is what was done, in order.
func (w *World) Log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

// String is the state of everything.
func (w *World) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := fmt.Sprintf("radio %v, interlock passes %q, tunnel %v", w.radio, w.passes(), w.tunnel)
	for _, name := range []string{OuterName, InnerName} {
		if d := w.links[name]; d != nil {
			s += fmt.Sprintf(", %s up %v guarded %v", name, d.up, d.guarded)
		} else {
			s += ", " + name + " gone"
		}
	}
	return s + "\n" + strings.Join(w.log, "\n")
}

// step notes a step, lets it hang or fail as told, and then does it under the lock.
func (w *World) step(ctx context.Context, name string, do func() error) error {
	w.mu.Lock()
	hang := w.hangs[name]
	w.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if f := w.faults[name]; len(f) > 0 {
		err, w.faults[name] = f[0], f[1:]
	}
	if err == nil {
		err = do()
	}
	if err != nil {
		w.note(name + ": " + err.Error())
	} else {
		w.note(name)
	}
	w.judge(name)
	return err
}

// note keeps a line; w.mu is held.
func (w *World) note(line string) { w.log = append(w.log, line) }

// passes is the interface that frames pass now; w.mu is held.
func (w *World) passes() string {
	if w.now().Before(w.passTill) {
		return w.pass
	}
	return ""
}

// judge notes what must never be; w.mu is held.
func (w *World) judge(after string) {
	outer, inner := w.links[OuterName], w.links[InnerName]
	breach := ""
	switch {
	case w.asked && after != "attend":
		breach = "somebody else acts while the module is asked"
	case w.pass == "": // before the first lowering somebody may have raised anything
	case inner != nil && inner.up && outer != nil && outer.up:
		breach = "both links are up"
	case inner != nil && inner.up && w.radio:
		breach = "the inner link is up while the radio is on"
	case inner != nil && inner.up && w.pass == OuterName && w.passes() != "":
		breach = "the inner link is up while the interlock passes the outer one"
	case outer != nil && outer.up && !outer.guarded, inner != nil && inner.up && !inner.guarded:
		breach = "a link is up without its chains"
	}
	if breach != "" {
		w.breaches = append(w.breaches, "after "+after+": "+breach)
	}
}

// dial is what goes through a door for real.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// refuse is the error of what cannot be.
func refuse(format string, args ...any) error {
	return fmt.Errorf("impossible: "+format, args...)
}

// Identity is one that a World's tunnel takes.
func Identity() windows.Identity {
	return windows.Identity{
		Node: "node-1", Address: "fd41:6972:6c6b::2", Hub: "192.0.2.1:51820",
		HubKey: "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", PublisherAddress: "[fd41:6972:6c6b::1]:80",
	}
}

// Site is one whose targets listen on loopback, at places such as "127.0.0.1:2222".
func Site(places ...string) windows.Site {
	return windows.Site{Address: "127.0.0.2/8", Allow: places}
}
