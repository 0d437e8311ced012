package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"
)

// nodePort is the number of the node's port; targets have the numbers above.
const nodePort = 0

// LAN is the switch of the isolated network: one port for the node, one per target, no gateway, no DHCP, and
// not a frame of its own. It learns where addresses are and floods what it does not know. The capture holds every
// frame that crosses the node's port.
type LAN struct {
	capture *Capture
	log     *slog.Logger

	mu      sync.Mutex // guards all below
	ports   map[int]*queue
	next    int
	learned map[[6]byte]int
	traffic Traffic
	fault   *synFault // nil: none
}

// NewLAN makes a switch without a cable in it. The capture stays the caller's to close.
func NewLAN(capture *Capture, log *slog.Logger) *LAN {
	return &LAN{capture: capture, log: log, ports: map[int]*queue{}, next: nodePort + 1, learned: map[[6]byte]int{}}
}

// ServeNode serves the node's port until conn or ctx ends; the frames have QEMU's form.
func (l *LAN) ServeNode(ctx context.Context, conn net.Conn) error {
	return l.serve(ctx, conn, nodePort)
}

// ServeTarget serves one more port, likewise.
func (l *LAN) ServeTarget(ctx context.Context, conn net.Conn) error {
	l.mu.Lock()
	port := l.next
	l.next++
	l.mu.Unlock()
	return l.serve(ctx, conn, port)
}

// Traffic returns the counts of the node's port since the start.
func (l *LAN) Traffic() Traffic {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.traffic
}

// DropNewConnections makes the switch lose the first packets (TCP SYN, repeats included) of the next n connections
// towards to. Connections are told apart by their source. A new call replaces the last one; n = 0 ends the fault.
func (l *LAN) DropNewConnections(to netip.AddrPort, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = newSynFault(to, n)
}

// DroppedConnections returns how many connections the present fault has kept from coming about.
func (l *LAN) DroppedConnections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil {
		return 0
	}
	return len(l.fault.lost)
}

func (l *LAN) serve(ctx context.Context, conn net.Conn, port int) error {
	out := newQueue()
	if err := l.plug(port, out); err != nil {
		conn.Close()
		return err
	}
	defer l.unplug(port)
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	g.Go(func() error { return pump(newFrameReader(conn), func(frame []byte) { l.forward(port, frame) }) })
	g.Go(func() error { return out.drain(ctx, conn, func(frame []byte) bool { return l.leave(port, frame) }) })
	if err := g.Wait(); !ended(err) {
		return fmt.Errorf("LAN port %d: %w", port, err)
	}
	return nil
}

func (l *LAN) plug(port int, out *queue) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ports[port] != nil {
		return fmt.Errorf("LAN port %d: a cable is already plugged in", port)
	}
	l.ports[port] = out
	return nil
}

// unplug forgets the port and what was learned of it, as a switch does that loses the carrier.
func (l *LAN) unplug(port int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ports, port)
	for mac, at := range l.learned {
		if at == port {
			delete(l.learned, mac)
		}
	}
}

// forward takes a frame that came in at a port to where it belongs.
func (l *LAN) forward(from int, frame []byte) {
	if from == nodePort && l.record(frame, true) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to, from6 := [6]byte(frame[0:6]), [6]byte(frame[6:12])
	if from6[0]&1 == 0 { // a group address is no one's source
		l.learned[from6] = from
	}
	if l.fault.drops(frame) {
		l.log.Debug("LAN drops a connection's first packet", "to", l.fault.to)
		return
	}
	if port, known := l.learned[to]; known && to[0]&1 == 0 {
		if port != from {
			l.ports[port].put(frame)
		}
		return
	}
	for port, out := range l.ports {
		if port != from {
			out.put(frame)
		}
	}
}

// leave is asked as a frame is about to leave the switch.
func (l *LAN) leave(port int, frame []byte) bool {
	return port != nodePort || l.record(frame, false) == nil
}

// record writes a frame at the node's port to the capture; one that could not be written does not cross.
func (l *LAN) record(frame []byte, fromNode bool) error {
	err := l.capture.Frame(frame)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.traffic.Refused++
	case fromNode:
		l.traffic.FramesOut++
		l.traffic.BytesOut += int64(len(frame))
	default:
		l.traffic.FramesIn++
		l.traffic.BytesIn += int64(len(frame))
	}
	return err
}
