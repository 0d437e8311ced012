// Package netd is the doorkeeper: it decides which door of the airlock may be open, and acts on the
// modem, the links, the interlock and the tunnel through the small interfaces declared here. It
// never imports a driver, never reads an artifact, and runs nothing of a release.
// firmware/cmd/netd wires it to the hardware.
package netd

import (
	"context"
	"net"
	"net/netip"
	"time"

	"airlock/netd/passage"
	"airlock/netd/recorder"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// Modem is the module behind the outer door.
type Modem interface {
	// Up takes the module from whatever state it is in to an active data context: identified, SIM
	// ready, radio on, registered, data on. say tells a person what is happening. Errors that a
	// person can act on are *windows.Problem (no-modem, no-sim, no-network).
	Up(ctx context.Context, say func(string)) error
	// Down ends the data context and switches the radio off, and returns nil only when both have
	// been read back, or when no module is present.
	Down(ctx context.Context) error
	// Mend is told that the hub does not answer though Up has led to data: a lease may carry no traffic. It asserts
	// anew what the packets need, harder each time since the last Up; nil: raise the link again and try. An error
	// says that nothing is left to do, with a diagnosis.
	Mend(ctx context.Context, say func(string)) error
	// Status is the module as last read back; it does not talk to the module.
	Status() windows.ModemStatus
}

// Attendant is what a Modem may be besides: one that takes a technician's questions, in windows for service.
type Attendant interface {
	// Attend answers one question; it may switch the radio on, and Down switches it off.
	Attend(ctx context.Context, r windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error)
}

// Link is the network interface of one door.
type Link interface {
	// Find names the interface; *windows.Problem with no-link or no-modem when it is not there.
	Find() (name string, err error)
	// Up raises the interface, which Attach and Open of the Interlock have prepared, and gives it its address.
	Up(ctx context.Context, say func(string)) (Network, error)
	// Down takes addresses and routes away and the interface down; nil only when that has been
	// read back, or when the interface is gone.
	Down(ctx context.Context) error
}

// Network is what a raised link got.
type Network struct {
	Address netip.Prefix
	Gateway netip.Addr   // zero: on-link only
	DNS     []netip.Addr // may be empty
	MTU     int          // bytes; 0: the link's default
}

// Interlock is the kernel's gate: frames pass one interface at most, and none unless renewed in time.
type Interlock interface {
	// Attach hangs the per-device chains on a link that is down, and verifies them by listing.
	Attach(name string) error
	// Open lets pass what p names, on name and on no other, for the lease; budget bounds the whole window. With a
	// budget of zero the door has to be open already, and only what may pass is exchanged.
	Open(name string, budget time.Duration, p passage.Passage) error
	// Renew prolongs the lease; it fails when the lease has lapsed: a tripped interlock stays tripped.
	Renew(name string) error
	// Shut lets nothing pass.
	Shut() error
}

// Tunnel is the node's end of the SD-WAN.
type Tunnel interface {
	// Up starts the tunnel and returns when the hub's handshake was answered.
	Up(ctx context.Context, p Peer) error
	// Dial connects to host:port inside the tunnel.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Down stops it and forgets its session keys.
	Down() error
}

// Peer is what a tunnel needs to know.
type Peer = tunnel.Peer

// Meter is what a Link may be besides: one that counts the bytes of its interface since the
// interface appeared. Where a Link is none, the bytes of a window are those of its dials.
type Meter interface {
	Counters() (in, out uint64, err error)
}

// FrameMeter is what a Meter may be besides: one that counts frames as well.
type FrameMeter interface {
	FrameCounters() (in, out uint64, err error)
}

// Tap listens to the frames of an interface themselves, beside the interface's own counters.
type Tap interface {
	// Listen begins before the interface is up, and needs none that is.
	Listen(name string) (Capture, error)
}

// Capture is a Tap that listens.
type Capture interface {
	// End stops listening, waits for what was under way, and tells what was seen.
	End() recorder.Capture
}

// Handshaker is what a Tunnel may be besides.
type Handshaker interface {
	// LastHandshake is when the hub last answered; zero if it never did.
	LastHandshake() time.Time
}

var (
	_ Tunnel     = (*tunnel.Node)(nil)
	_ Handshaker = (*tunnel.Node)(nil)
)
