package lab

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"airlock/netd/windows"
	"airlock/tests/lab/evidence"
)

// datagram is a bare UDP packet of a call.
func datagram(t *testing.T, to net.IP, port int, payload string) []byte {
	t.Helper()
	network := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(100, 64, 0, 77), DstIP: to}
	transport := &layers.UDP{SrcPort: 4000, DstPort: layers.UDPPort(port)}
	if err := transport.SetNetworkLayerForChecksum(network); err != nil {
		t.Fatal(err)
	}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		network, transport, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// TestCalls: a call's packets reach the host and their answers the call, each is in the capture as the outer door's, with
// the direction that it had, and nothing else is; a shut gate passes none and keeps the evidence.
func TestCalls(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		buf := make([]byte, 2048)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:n], from)
		}
	}()
	defer func() { server.Close(); <-echoed }()
	path := filepath.Join(t.TempDir(), "outer.pcap")
	capture, err := NewCapture(path)
	if err != nil {
		t.Fatal(err)
	}
	carrier, err := NewCarrier(capture, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan []byte, 16)
	calls := carrier.NewCalls(func(ip []byte) error { answers <- ip; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- calls.Serve(ctx) }()
	port := server.LocalAddr().(*net.UDPAddr).Port
	host := net.ParseIP(CarrierHost)

	calls.Packet(datagram(t, host, port, "while the gate is shut"))
	calls.Packet([]byte("no packet"))
	carrier.SetData(true)
	calls.Packet(datagram(t, host, port, "ping"))
	select {
	case ip := <-answers:
		p := gopacket.NewPacket(ip, layers.LayerTypeIPv4, gopacket.Default)
		if app := p.ApplicationLayer(); app == nil || string(app.Payload()) != "ping" {
			t.Errorf("answer = %x", ip)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no answer within 5s")
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if err := capture.Close(); err != nil {
		t.Fatal(err)
	}
	frames, err := evidence.ReadCaptures(evidence.Timeline{}, path, emptyCapture(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []bool{false, false, true} // from the node, from the node, from afar
	if len(frames) != len(want) {
		t.Fatalf("captured %+v, want %d frames", frames, len(want))
	}
	for i, f := range frames {
		if f.FromFar != want[i] || f.Door != windows.Outer {
			t.Errorf("frame %d = %+v", i+1, f)
		}
	}
	if got := carrier.Traffic(); got.FramesOut != 2 || got.FramesIn != 1 || got.Refused != 1 {
		t.Errorf("traffic = %+v", got)
	}
}

func emptyCapture(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inner.pcap")
	c, err := NewCapture(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
