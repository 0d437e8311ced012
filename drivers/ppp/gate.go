package ppp

import (
	"encoding/binary"
	"io"
	"net/netip"
	"sync"
)

// gate stands in the stream. Shut, it passes what belongs to the link, and keeps the newest packet of each protocol that
// would agree on addresses; everything else is dropped. Once open it passes all.
type gate struct {
	toModule, toHost way
	held             chan struct{} // closed at pppd's first word about addresses: the link is agreed and we are who we say

	mu      sync.Mutex
	open    bool
	reached bool // held is closed
	dns     []netip.Addr
	refused map[uint16]bool // protocols that the other end does not know

	refusal chan struct{} // word of a new one in refused
}

// way is one direction. Its writer is used under mu only, so that what was kept and what comes do not mix.
type way struct {
	mu   sync.Mutex
	out  io.Writer
	kept map[uint16][]byte // while the gate is shut
}

func newGate(module, host io.Writer) *gate {
	return &gate{
		toModule: way{out: module, kept: map[uint16][]byte{}}, toHost: way{out: host, kept: map[uint16][]byte{}},
		held: make(chan struct{}), refused: map[uint16]bool{}, refusal: make(chan struct{}, 1),
	}
}

// pass handles one frame that goes a way.
func (g *gate) pass(w *way, content []byte) error {
	proto, ok := protocol(content)
	if !ok {
		return nil // noise, or a module's words
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if proto == protoLCP && w == &g.toHost {
		g.noteRefusal(content)
	}
	if !isLink(proto) && !g.isOpen(w, proto, content) {
		return nil
	}
	return w.send(content)
}

// isOpen decides about a frame that is not the link's. The caller holds the way's mutex, so that no frame slips in
// between the deciding and the keeping.
func (g *gate) isOpen(w *way, proto uint16, content []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if isControl(proto) && w == &g.toModule && !g.reached {
		g.reached = true
		close(g.held)
	}
	if proto == protoIPCP && w == &g.toHost {
		if dns, ok := servers(content); ok && g.open {
			g.dns = dns
		}
	}
	if !g.open && isControl(proto) {
		w.kept[proto] = append([]byte(nil), content...)
	}
	return g.open
}

// noteRefusal keeps which protocol a Protocol-Reject names (RFC 1661 §5.7).
func (g *gate) noteRefusal(content []byte) {
	const header, protocolReject = 4, 8
	b := unescape(content, header+6)
	if len(b) < header+6 || b[header] != protocolReject {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused[binary.BigEndian.Uint16(b[header+4:])] = true
	select {
	case g.refusal <- struct{}{}:
	default:
	}
}

func (g *gate) refuses(proto uint16) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[proto]
}

// send frames content anew. A flag on both sides makes it whole whatever noise came before it.
func (w *way) send(content []byte) error {
	b := make([]byte, 0, len(content)+2)
	b = append(append(append(b, flag), content...), flag)
	_, err := w.out.Write(b)
	return err
}

// unlock opens the gate, and sends what was kept: nobody has to wait for a repetition.
func (g *gate) unlock() error {
	for _, w := range []*way{&g.toModule, &g.toHost} {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	g.mu.Lock()
	g.open = true
	g.mu.Unlock()
	for _, w := range []*way{&g.toModule, &g.toHost} {
		for _, content := range w.kept {
			if err := w.send(content); err != nil {
				return err
			}
		}
		w.kept = nil
	}
	return nil
}

func (g *gate) isUnlocked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) servers() []netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dns
}
