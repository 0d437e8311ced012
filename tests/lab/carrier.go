package lab

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/containers/gvisor-tap-vsock/pkg/types"
	"github.com/containers/gvisor-tap-vsock/pkg/virtualnetwork"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
)

// The carrier's network. CarrierHost stands for the public internet: what the node sends to it arrives at the
// host's loopback, same port, so the hub's endpoint in a token is CarrierHost and the port where publisherd listens.
const (
	CarrierSubnet  = "100.64.0.0/24" // RFC 6598: what carriers give to phones
	CarrierGateway = "100.64.0.1"
	CarrierHost    = "100.64.0.254"
	carrierMAC     = "5a:94:ef:e4:0c:01"
	carrierMTU     = 1500
)

// Traffic counts frames and bytes of one door, seen from the node.
type Traffic struct {
	FramesIn, FramesOut int64 // to the node, from the node
	BytesIn, BytesOut   int64 // Ethernet frames without preamble and checksum
	Refused             int64 // frames that came while the gate was shut, both directions
}

// Carrier is the cellular network behind the module's data interface: DHCP, a gateway, and UDP to the host. Frames
// pass only while the module's data context is active (SetData). The capture holds every frame that the node sent,
// also those which the shut gate refused, and every frame that was passed to the node.
type Carrier struct {
	network *virtualnetwork.VirtualNetwork
	capture *Capture
	log     *slog.Logger
	active  atomic.Bool

	mu      sync.Mutex // guards traffic
	traffic Traffic
}

// NewCarrier makes a carrier whose gate is shut. The capture stays the caller's to close.
func NewCarrier(capture *Capture, log *slog.Logger) (*Carrier, error) {
	// gvisor-tap-vsock logs through logrus' one global logger, a line for each ordinary end of a wire; the lab's own
	// log is where that belongs.
	logrus.SetOutput(lineLog{log})
	network, err := virtualnetwork.New(&types.Configuration{
		MTU:               carrierMTU,
		Subnet:            CarrierSubnet,
		GatewayIP:         CarrierGateway,
		GatewayMacAddress: carrierMAC,
		// Addresses that the gateway answers ARP for; without this the NAT below is never reached.
		GatewayVirtualIPs: []string{CarrierHost},
		NAT:               map[string]string{CarrierHost: "127.0.0.1"},
	})
	if err != nil {
		return nil, fmt.Errorf("make carrier: %w", err)
	}
	return &Carrier{network: network, capture: capture, log: log}, nil
}

// SetData opens or shuts the gate; the module calls it as its data context comes and goes.
func (c *Carrier) SetData(active bool) {
	if c.active.Swap(active) != active {
		c.log.Debug("carrier", "data", active)
	}
}

// Traffic returns the counts since the start.
func (c *Carrier) Traffic() Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traffic
}

// Serve relays between conn, where the node's frames come in QEMU's form, and the carrier's gateway, until conn or ctx
// ends. It returns nil when conn ended in good order.
func (c *Carrier) Serve(ctx context.Context, conn net.Conn) error {
	near, far := net.Pipe()
	toNode, toGateway := newQueue(), newQueue()
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close(); near.Close(); far.Close() })
	defer stop()

	// The gateway's own end returns only when its pipe is closed, and then always with an error.
	g.Go(func() error { _ = c.network.AcceptQemu(ctx, far); return io.EOF })
	g.Go(func() error { return pump(newFrameReader(conn), c.fromNode(toGateway)) })
	g.Go(func() error { return pump(newFrameReader(near), toNode.put) })
	g.Go(func() error { return toNode.drain(ctx, conn, c.passToNode) })
	g.Go(func() error { return toGateway.drain(ctx, near, func([]byte) bool { return true }) })
	if err := g.Wait(); !ended(err) {
		return fmt.Errorf("carrier: %w", err)
	}
	return nil
}

// fromNode records a frame of the node whether or not the gate is open: a node that sends while its context is
// down is just what the capture must show.
func (c *Carrier) fromNode(gateway *queue) func([]byte) {
	return func(frame []byte) {
		err := c.capture.Frame(frame)
		active := c.active.Load()
		c.mu.Lock()
		c.traffic.FramesOut++
		c.traffic.BytesOut += int64(len(frame))
		if !active || err != nil {
			c.traffic.Refused++
		}
		c.mu.Unlock()
		if active && err == nil {
			gateway.put(frame)
		}
	}
}

// passToNode decides at the last moment, after the queue: what waited while the gate was shut is not passed.
func (c *Carrier) passToNode(frame []byte) bool {
	if !c.active.Load() || c.capture.Frame(frame) != nil {
		c.mu.Lock()
		c.traffic.Refused++
		c.mu.Unlock()
		return false
	}
	c.mu.Lock()
	c.traffic.FramesIn++
	c.traffic.BytesIn += int64(len(frame))
	c.mu.Unlock()
	return true
}

// pump hands each frame of a stream to take until the stream ends.
func pump(frames *frameReader, take func([]byte)) error {
	for {
		frame, err := frames.next()
		if err != nil {
			return err
		}
		take(frame)
	}
}

// HostAddr is where the node reaches a port of the host's loopback.
func HostAddr(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(CarrierHost), port)
}

// lineLog writes lines of a foreign logger to ours.
type lineLog struct{ log *slog.Logger }

func (l lineLog) Write(b []byte) (int, error) {
	l.log.Debug("carrier's gateway", "says", strings.TrimSpace(string(b)))
	return len(b), nil
}
