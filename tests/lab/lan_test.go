package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// station is a card on the switch that sends and receives raw frames.
type station struct {
	t      *testing.T
	conn   net.Conn
	frames *frameReader
	mac    net.HardwareAddr
}

func plugIn(t *testing.T, serve Serve, mac byte) *station {
	t.Helper()
	near, far := testPipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, far) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve = %v, want nil when told to stop", err)
		}
	})
	return &station{t: t, conn: near, frames: newFrameReader(near), mac: net.HardwareAddr{2, 0, 0, 0, 0, mac}}
}

func (s *station) send(to net.HardwareAddr, text string) {
	s.t.Helper()
	frame := append(append(append([]byte{}, to...), s.mac...), 0x88, 0xb5) // IEEE 802 local experimental
	if err := writeFrame(s.conn, append(frame, text...)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) expect(text string) {
	s.t.Helper()
	s.conn.SetReadDeadline(time.Now().Add(patience))
	frame, err := s.frames.next()
	if err != nil {
		s.t.Fatalf("station %s: no frame %q: %v", s.mac, text, err)
	}
	if got := string(frame[headerLength:]); got != text {
		s.t.Fatalf("station %s received %q, want %q", s.mac, got, text)
	}
}

func (s *station) expectNothing() {
	s.t.Helper()
	s.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	frame, err := s.frames.next()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatalf("station %s received %q (%v), want nothing", s.mac, frame, err)
	}
}

func TestLANFloodsThenLearns(t *testing.T) {
	capture, path := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	node, a, b := plugIn(t, lan.ServeNode, 1), plugIn(t, lan.ServeTarget, 2), plugIn(t, lan.ServeTarget, 3)
	// A port is there as soon as its cable is served; the first frame of each shows it.
	for _, s := range []*station{node, a, b} {
		waitPlugged(t, lan, 3)
		s.send(broadcast, "here is "+s.mac.String())
		for _, other := range []*station{node, a, b} {
			if other != s {
				other.expect("here is " + s.mac.String())
			}
		}
	}
	node.send(a.mac, "node to a")
	a.expect("node to a")
	a.send(b.mac, "a to b")
	b.expect("a to b")
	a.send(node.mac, "a to node")
	node.expect("a to node")
	b.expectNothing()
	node.expectNothing()

	frames := readCapture(t, path)
	var texts []string
	for _, f := range frames {
		texts = append(texts, string(f[headerLength:]))
	}
	want := fmt.Sprintf("here is %s|here is %s|here is %s|node to a|a to node", node.mac, a.mac, b.mac)
	if got := strings.Join(texts, "|"); got != want {
		t.Errorf("capture = %q, want %q", got, want)
	}
	checkCounts(t, lan.Traffic(), frames, node.mac)
}

func waitPlugged(t *testing.T, lan *LAN, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		lan.mu.Lock()
		have := len(lan.ports)
		lan.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d ports are plugged in, want %d", have, n)
		}
	}
}

func TestLANHasOneNodePort(t *testing.T) {
	capture, _ := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	plugIn(t, lan.ServeNode, 1)
	waitPlugged(t, lan, 1)
	_, far := testPipe(t)
	if err := lan.ServeNode(t.Context(), far); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second ServeNode = %v, want an error", err)
	}
}

func TestLANForgetsAnUnpluggedPort(t *testing.T) {
	capture, _ := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	node, a := plugIn(t, lan.ServeNode, 1), plugIn(t, lan.ServeTarget, 2)
	waitPlugged(t, lan, 2)
	a.send(broadcast, "hello")
	node.expect("hello")
	a.conn.Close()
	waitPlugged(t, lan, 1)
	again := plugIn(t, lan.ServeTarget, 2) // the same card at another port
	waitPlugged(t, lan, 2)
	node.send(again.mac, "flooded")
	again.expect("flooded")
}

func TestLANPassesNoFrameThatItCannotRecord(t *testing.T) {
	capture, _ := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	node, a := plugIn(t, lan.ServeNode, 1), plugIn(t, lan.ServeTarget, 2)
	waitPlugged(t, lan, 2)
	if err := capture.Close(); err != nil {
		t.Fatal(err)
	}
	node.send(broadcast, "unrecorded")
	a.expectNothing()
	a.send(broadcast, "unrecorded")
	node.expectNothing()
	if got := lan.Traffic().Refused; got != 2 {
		t.Errorf("Refused = %d, want 2", got)
	}
}

// syn is the first packet of a connection, or another packet of it.
func syn(from, to string, port uint16, ack bool) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 2019, SYN: true, ACK: ack, Window: 1000}
	_ = tcp.SetNetworkLayerForChecksum(ip)
	buffer := gopacket.NewSerializeBuffer()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, eth, ip, tcp); err != nil {
		panic(err)
	}
	return buffer.Bytes()
}

func TestDropNewConnections(t *testing.T) {
	to := netip.MustParseAddrPort("10.90.0.11:2019")
	f := newSynFault(to, 2)
	for _, step := range []struct {
		what  string
		frame []byte
		want  bool
	}{
		{"first connection", syn("10.90.0.2", "10.90.0.11", 40001, false), true},
		{"its repeat", syn("10.90.0.2", "10.90.0.11", 40001, false), true},
		{"another target", syn("10.90.0.2", "10.90.0.12", 40002, false), false},
		{"an answer, not a first packet", syn("10.90.0.2", "10.90.0.11", 40003, true), false},
		{"second connection", syn("10.90.0.2", "10.90.0.11", 40004, false), true},
		{"third connection", syn("10.90.0.2", "10.90.0.11", 40005, false), false},
		{"a late repeat of the first", syn("10.90.0.2", "10.90.0.11", 40001, false), true},
		{"a frame that is no IP", bytes.Repeat([]byte{1}, 60), false},
		{"a cut-off frame", syn("10.90.0.2", "10.90.0.11", 40006, false)[:30], false},
	} {
		if got := f.drops(step.frame); got != step.want {
			t.Errorf("%s: drops = %v, want %v", step.what, got, step.want)
		}
	}
	if none := newSynFault(to, 0); none.drops(syn("10.90.0.2", "10.90.0.11", 1, false)) {
		t.Error("a fault of 0 connections drops one")
	}
}
