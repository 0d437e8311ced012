package lab

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"airlock/tests/lab/evidence"
)

// Calls is the carrier's end of data calls: bare IP packets in place of Ethernet frames. In the capture each packet wears
// the header that it would have on the module's network interface, so that both ways of the outer door are judged alike.
// What the gateway asks by ARP is answered here, behind the capture: a call has no ARP.
type Calls struct {
	carrier *Carrier
	send    func(ip []byte) error // towards the node
	gateway *queue

	mu   sync.Mutex
	node netip.Addr // whose packets were seen last; guarded by mu
}

// NewCalls makes the end of calls of which send hands packets to the node. Serve has to run.
func (c *Carrier) NewCalls(send func(ip []byte) error) *Calls {
	return &Calls{carrier: c, send: send, gateway: newQueue()}
}

// Ethernet's numbers, and who is who in the headers.
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd
)

// Packet takes a packet from the node. It never waits.
func (l *Calls) Packet(ip []byte) {
	if len(ip) < 20 {
		return
	}
	kind := uint16(typeIPv4)
	if ip[0]>>4 == 6 {
		kind = typeIPv6
	} else if source, ok := netip.AddrFromSlice(ip[12:16]); ok {
		l.mu.Lock()
		l.node = source
		l.mu.Unlock()
	}
	l.carrier.fromNode(l.gateway)(wear(mac(carrierMAC), mac(evidence.OuterMAC), kind, ip))
}

// Serve relays to and from the gateway until ctx ends.
func (l *Calls) Serve(ctx context.Context) error {
	near, far := net.Pipe()
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	g.Go(func() error { _ = l.carrier.network.AcceptQemu(ctx, far); return io.EOF })
	g.Go(func() error { return pump(newFrameReader(near), l.fromGateway) })
	g.Go(func() error { return l.gateway.drain(ctx, near, func([]byte) bool { return true }) })
	if err := g.Wait(); !ended(err) {
		return err
	}
	return nil
}

// fromGateway hands packets to the node, and answers for it.
func (l *Calls) fromGateway(frame []byte) {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case typeARP:
		l.answer(frame)
	case typeIPv4, typeIPv6:
		// Its length is the packet's own: short frames are padded.
		ip := frame[headerLength:]
		if frame[12] == 8 && len(ip) >= 20 {
			ip = ip[:min(len(ip), int(binary.BigEndian.Uint16(ip[2:])))]
		}
		if l.carrier.passToNode(wear(mac(evidence.OuterMAC), frame[6:12], binary.BigEndian.Uint16(frame[12:]), ip)) {
			_ = l.send(ip) // a call that has just ended takes none
		}
	}
}

// answer tells the gateway that the node's address is reached here (RFC 826).
func (l *Calls) answer(frame []byte) {
	arp := frame[headerLength:]
	l.mu.Lock()
	node := l.node
	l.mu.Unlock()
	const request, size = 1, 28
	if len(arp) < size || binary.BigEndian.Uint16(arp[6:]) != request || !node.Is4() || !slices.Equal(arp[24:28], node.AsSlice()) {
		return
	}
	reply := slices.Clone(arp[:size])
	reply[7] = 2
	copy(reply[8:], mac(evidence.OuterMAC))
	copy(reply[14:], arp[24:28])
	copy(reply[18:], arp[8:18])
	l.gateway.put(wear(frame[6:12], mac(evidence.OuterMAC), typeARP, reply))
}

// wear puts an Ethernet header before a packet.
func wear(to, from []byte, kind uint16, packet []byte) []byte {
	frame := make([]byte, 0, headerLength+len(packet))
	frame = append(append(frame, to...), from...)
	frame = binary.BigEndian.AppendUint16(frame, kind)
	return append(frame, packet...)
}

// mac reads one of the lab's own addresses.
func mac(s string) net.HardwareAddr {
	a, err := net.ParseMAC(s)
	if err != nil {
		panic("lab: a constant is no address: " + s)
	}
	return a
}
