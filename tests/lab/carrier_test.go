package lab

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// guest is a node's network card made by hand: it asks for an address, answers ARP, and sends UDP.
type guest struct {
	t      *testing.T
	conn   net.Conn
	frames *frameReader
	mac    net.HardwareAddr
	ip     net.IP
}

func newGuest(t *testing.T, conn net.Conn) *guest {
	return &guest{t: t, conn: conn, frames: newFrameReader(conn), mac: net.HardwareAddr{0x40, 0x54, 0, 1, 2, 3}, ip: net.IPv4zero}
}

func (g *guest) send(ls ...gopacket.SerializableLayer) {
	g.t.Helper()
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		g.t.Fatal(err)
	}
	if err := writeFrame(g.conn, buffer.Bytes()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) udp(to net.HardwareAddr, ip net.IP, from, port uint16, payload []byte) {
	g.t.Helper()
	network := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: g.ip, DstIP: ip}
	transport := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(port)}
	if err := transport.SetNetworkLayerForChecksum(network); err != nil {
		g.t.Fatal(err)
	}
	g.send(&layers.Ethernet{SrcMAC: g.mac, DstMAC: to, EthernetType: layers.EthernetTypeIPv4}, network, transport, gopacket.Payload(payload))
}

// receive returns the first packet that want accepts, and answers the gateway's ARP questions meanwhile.
func (g *guest) receive(within time.Duration, want func(gopacket.Packet) bool) (gopacket.Packet, error) {
	g.t.Helper()
	if err := g.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		g.t.Fatal(err)
	}
	for {
		frame, err := g.frames.next()
		if err != nil {
			return nil, err
		}
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		if arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok && arp.Operation == layers.ARPRequest && g.ip.Equal(net.IP(arp.DstProtAddress)) {
			g.arp(layers.ARPReply, net.HardwareAddr(arp.SourceHwAddress), arp.SourceProtAddress)
		}
		if want(p) {
			return p, nil
		}
	}
}

func (g *guest) arp(operation uint16, to net.HardwareAddr, ip []byte) {
	g.t.Helper()
	g.send(&layers.Ethernet{SrcMAC: g.mac, DstMAC: to, EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: operation, SourceHwAddress: g.mac, SourceProtAddress: g.ip.To4(), DstHwAddress: to, DstProtAddress: ip})
}

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// lease runs the four steps of DHCP.
func (g *guest) lease() {
	g.t.Helper()
	discover, err := dhcpv4.NewDiscovery(g.mac, dhcpv4.WithBroadcast(true))
	if err != nil {
		g.t.Fatal(err)
	}
	g.udp(broadcast, net.IPv4bcast, 68, 67, discover.ToBytes())
	offer := g.dhcp(dhcpv4.MessageTypeOffer)
	request, err := dhcpv4.NewRequestFromOffer(offer, dhcpv4.WithBroadcast(true))
	if err != nil {
		g.t.Fatal(err)
	}
	g.udp(broadcast, net.IPv4bcast, 68, 67, request.ToBytes())
	ack := g.dhcp(dhcpv4.MessageTypeAck)
	if got := ack.Router(); len(got) != 1 || got[0].String() != CarrierGateway {
		g.t.Fatalf("DHCP router = %v, want %s", got, CarrierGateway)
	}
	g.ip = ack.YourIPAddr
}

func (g *guest) dhcp(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	g.t.Helper()
	var message *dhcpv4.DHCPv4
	_, err := g.receive(patience, func(p gopacket.Packet) bool {
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok || udp.DstPort != 68 {
			return false
		}
		m, err := dhcpv4.FromBytes(udp.Payload)
		message = m
		return err == nil && m.MessageType() == kind
	})
	if err != nil {
		g.t.Fatalf("no DHCP %s: %v", kind, err)
	}
	return message
}

// resolve asks who has ip.
func (g *guest) resolve(ip string) net.HardwareAddr {
	g.t.Helper()
	want := net.ParseIP(ip).To4()
	g.arp(layers.ARPRequest, broadcast, want)
	p, err := g.receive(patience, func(p gopacket.Packet) bool {
		arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return ok && arp.Operation == layers.ARPReply && bytes.Equal(arp.SourceProtAddress, want)
	})
	if err != nil {
		g.t.Fatalf("nobody answers ARP for %s: %v", ip, err)
	}
	return net.HardwareAddr(p.Layer(layers.LayerTypeARP).(*layers.ARP).SourceHwAddress)
}

func (g *guest) udpFrom(port uint16) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool {
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		return ok && uint16(udp.SrcPort) == port
	}
}

// startEcho is a UDP server on the host's loopback, as the hub is: it answers each datagram with a longer one, then with
// one more that nobody asked for.
func startEcho(t *testing.T) uint16 {
	t.Helper()
	server, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(append([]byte("answer to "), b[:n]...), from)
			_, _ = server.WriteToUDPAddrPort([]byte("one more"), from)
		}
	}()
	return server.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

func startCarrier(t *testing.T) (*Carrier, *guest, string) {
	t.Helper()
	capture, path := newTestCapture(t)
	carrier, err := NewCarrier(capture, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	near, far := testPipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- carrier.Serve(ctx, far) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil when told to stop", err)
		}
	})
	return carrier, newGuest(t, near), path
}

func TestCarrierTakesUDPToTheHostAndBack(t *testing.T) {
	port := startEcho(t)
	carrier, g, path := startCarrier(t)
	carrier.SetData(true)
	g.lease()
	host := g.resolve(CarrierHost)
	for _, size := range []int{32, 148, 1400} { // 148: a WireGuard handshake's first message
		payload := bytes.Repeat([]byte{7}, size)
		g.udp(host, HostAddr(port).Addr().AsSlice(), 51000, port, payload)
		for _, want := range [][]byte{append([]byte("answer to "), payload...), []byte("one more")} {
			p, err := g.receive(patience, g.udpFrom(port))
			if err != nil {
				t.Fatalf("no answer to %d bytes: %v", size, err)
			}
			if got := p.Layer(layers.LayerTypeUDP).(*layers.UDP).Payload; !bytes.Equal(got, want) {
				t.Errorf("answer to %d bytes = %q, want %q", size, got, want)
			}
			if from := p.NetworkLayer().NetworkFlow().Src().String(); from != CarrierHost {
				t.Errorf("answer comes from %s, want %s", from, CarrierHost)
			}
		}
	}
	checkCounts(t, carrier.Traffic(), readCapture(t, path), g.mac)
}

// checkCounts compares what a door counted with what its capture holds.
func checkCounts(t *testing.T, got Traffic, frames [][]byte, node net.HardwareAddr) {
	t.Helper()
	want := Traffic{Refused: got.Refused}
	for _, f := range frames {
		if bytes.Equal(f[6:12], node) {
			want.FramesOut, want.BytesOut = want.FramesOut+1, want.BytesOut+int64(len(f))
		} else {
			want.FramesIn, want.BytesIn = want.FramesIn+1, want.BytesIn+int64(len(f))
		}
	}
	if got != want {
		t.Errorf("Traffic() = %+v, the capture says %+v", got, want)
	}
}

func TestCarrierPassesNothingWhileDataIsDown(t *testing.T) {
	port := startEcho(t)
	carrier, g, path := startCarrier(t)
	carrier.SetData(true)
	g.lease()
	host := g.resolve(CarrierHost)
	ask := func() { g.udp(host, HostAddr(port).Addr().AsSlice(), 51000, port, []byte("hello")) }
	ask()
	if _, err := g.receive(patience, g.udpFrom(port)); err != nil {
		t.Fatalf("no answer with data up: %v", err)
	}
	if _, err := g.receive(patience, g.udpFrom(port)); err != nil {
		t.Fatalf("no second answer with data up: %v", err)
	}

	carrier.SetData(false)
	before := carrier.Traffic()
	ask()
	_, err := g.receive(300*time.Millisecond, func(gopacket.Packet) bool { return true })
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("receive with data down = %v, want nothing until the deadline", err)
	}
	after := carrier.Traffic()
	if after.FramesIn != before.FramesIn {
		t.Errorf("%d frames reached the node with data down", after.FramesIn-before.FramesIn)
	}
	if after.Refused != before.Refused+1 {
		t.Errorf("refused frames = %d, want %d", after.Refused, before.Refused+1)
	}
	if frames := readCapture(t, path); !bytes.Contains(frames[len(frames)-1], []byte("hello")) {
		t.Error("the frame that the node sent with data down is not in the capture")
	}

	carrier.SetData(true)
	ask()
	if _, err := g.receive(patience, g.udpFrom(port)); err != nil {
		t.Fatalf("no answer with data up again: %v", err)
	}
}

func TestCarrierEndsOnAStreamOutOfStep(t *testing.T) {
	capture, _ := newTestCapture(t)
	carrier, err := NewCarrier(capture, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	near, far := testPipe(t)
	if _, err := near.Write([]byte{0xff, 0, 0, 0, 1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := carrier.Serve(t.Context(), far); err == nil {
		t.Error("Serve = nil, want an error for a frame of 4 GB")
	}
}
