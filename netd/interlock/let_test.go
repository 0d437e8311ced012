package interlock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"airlock/netd/passage"
)

// packet is an IP packet inside a frame that is told from others by a number.
type packet struct {
	name     string
	from, to string // address:port; of ICMP the port is the type
	proto    byte
	flags    byte // of TCP
	fragment bool // not the first one, so that it has no ports
}

// wrap makes the frame.
func (p packet) wrap(mark byte) []byte {
	from, to := netip.MustParseAddrPort(p.from), netip.MustParseAddrPort(p.to)
	inner := binary.BigEndian.AppendUint16(nil, from.Port())
	inner = binary.BigEndian.AppendUint16(inner, to.Port())
	inner = append(inner, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, p.flags, 0, 0, 0, 0, 0, 0)
	if p.proto == 1 || p.proto == 58 {
		inner = []byte{byte(to.Port()), 0, 0, 0, 0, 0, 0, 0}
	}
	if from.Addr().Is6() {
		head := append([]byte{0x60, 0, 0, 0, 0, byte(len(inner)), p.proto, 255}, from.Addr().AsSlice()...)
		return frame(mark, "02:00:00:00:00:99", 0x86dd, append(append(head, to.Addr().AsSlice()...), inner...))
	}
	head := []byte{0x45, 0, 0, byte(20 + len(inner)), 0, 1, 0, 0, 64, p.proto, 0, 0}
	if p.fragment {
		head[7] = 8
	}
	head = append(append(head, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	sum := uint32(0)
	for i := 0; i < len(head); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(head[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(head[10:], ^uint16(sum+sum>>16))
	return frame(mark, "02:00:00:00:00:99", 0x0800, append(head, inner...))
}

const (
	icmp4, tcp, udpProto, icmp6 = 1, 6, 17, 58
	syn, ack, rst               = 0x02, 0x10, 0x04
)

// traffic are packets about which passages differ; the node is 10.9.0.2 and fd09::2.
func traffic() []packet {
	return []packet{
		{name: "hub out", from: "10.9.0.2:4000", to: "192.0.2.7:51820", proto: udpProto},
		{name: "hub in", from: "192.0.2.7:51820", to: "10.9.0.2:4000", proto: udpProto},
		{name: "hub, other port", from: "10.9.0.2:4000", to: "192.0.2.7:51821", proto: udpProto},
		{name: "hub, other host", from: "10.9.0.2:4000", to: "192.0.2.8:51820", proto: udpProto},
		{name: "hub, fragment", from: "10.9.0.2:4000", to: "192.0.2.7:51820", proto: udpProto, fragment: true},
		{name: "hub by tcp", from: "10.9.0.2:4000", to: "192.0.2.7:51820", proto: tcp, flags: syn},
		{name: "hub6 out", from: "[fd09::2]:4000", to: "[fd99::7]:51820", proto: udpProto},
		{name: "hub6 in", from: "[fd99::7]:51820", to: "[fd09::2]:4000", proto: udpProto},
		{name: "name server out", from: "10.9.0.2:4000", to: "10.9.0.1:53", proto: udpProto},
		{name: "name server in", from: "10.9.0.1:53", to: "10.9.0.2:4000", proto: udpProto},
		{name: "dhcp out", from: "0.0.0.0:68", to: "255.255.255.255:67", proto: udpProto},
		{name: "dhcp in", from: "10.9.0.1:67", to: "10.9.0.2:68", proto: udpProto},
		{name: "dhcp server of ours", from: "10.9.0.2:67", to: "10.9.0.1:68", proto: udpProto},
		{name: "dhcp6 out", from: "[fe80::2]:546", to: "[ff02::1:2]:547", proto: udpProto},
		{name: "dhcp6 in", from: "[fe80::1]:547", to: "[fe80::2]:546", proto: udpProto},
		{name: "ssh syn", from: "10.9.0.2:4000", to: "10.9.0.11:22", proto: tcp, flags: syn},
		{name: "ssh syn ack", from: "10.9.0.11:22", to: "10.9.0.2:4000", proto: tcp, flags: syn | ack},
		{name: "ssh data", from: "10.9.0.11:22", to: "10.9.0.2:4000", proto: tcp, flags: ack},
		{name: "ssh reset", from: "10.9.0.11:22", to: "10.9.0.2:4000", proto: tcp, flags: rst},
		{name: "target connects to us", from: "10.9.0.11:22", to: "10.9.0.2:22", proto: tcp, flags: syn},
		{name: "other port of the target", from: "10.9.0.2:4000", to: "10.9.0.11:23", proto: tcp, flags: syn},
		{name: "other target", from: "10.9.0.2:4000", to: "10.9.0.12:22", proto: tcp, flags: syn},
		{name: "unreachable in", from: "10.9.0.1:0", to: "10.9.0.2:3", proto: icmp4},
		{name: "ping in", from: "10.9.0.1:0", to: "10.9.0.2:8", proto: icmp4},
		{name: "too big in", from: "[fd09::1]:0", to: "[fd09::2]:2", proto: icmp6},
		{name: "router asked", from: "[fe80::2]:0", to: "[ff02::2]:133", proto: icmp6},
		{name: "router tells", from: "[fe80::1]:0", to: "[ff02::1]:134", proto: icmp6},
		{name: "we tell as a router", from: "[fe80::2]:0", to: "[ff02::1]:134", proto: icmp6},
		{name: "neighbour asked", from: "[fe80::2]:0", to: "[ff02::1:ff00:1]:135", proto: icmp6},
		{name: "ping6 in", from: "[fd09::1]:0", to: "[fd09::2]:128", proto: icmp6},
	}
}

// ours: packets that the node sends.
func (p packet) ours() bool {
	a := netip.MustParseAddrPort(p.from).Addr()
	return slices.Contains([]string{"10.9.0.2", "fd09::2", "fe80::2", "0.0.0.0"}, a.String())
}

// TestPassages: each passage lets pass what it names and nothing else of all traffic.
func TestPassages(t *testing.T) {
	place := func(s string) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(s)} }
	errs := []string{"unreachable in", "too big in"}
	i, wan, _ := load(t)
	wanRaised := false
	for _, c := range []struct {
		name string
		p    passage.Passage
		want []string
	}{
		{"nothing", passage.Passage{}, nil},
		{"an address", passage.Passage{Lease: true}, append([]string{"dhcp out", "dhcp in", "dhcp6 out", "dhcp6 in"}, errs...)},
		{"IPv6", passage.Passage{Discovery: true}, append([]string{"router asked", "router tells", "neighbour asked"}, errs...)},
		{"the name of the hub", passage.Passage{Datagrams: place("10.9.0.1:53")}, append([]string{"name server out", "name server in"}, errs...)},
		{"the hub", passage.Passage{Datagrams: place("192.0.2.7:51820")}, append([]string{"hub out", "hub in"}, errs...)},
		{"the hub by IPv6", passage.Passage{Datagrams: place("[fd99::7]:51820")}, append([]string{"hub6 out", "hub6 in"}, errs...)},
		{"a target", passage.Passage{Connections: place("10.9.0.11:22")},
			append([]string{"ssh syn", "ssh syn ack", "ssh data", "ssh reset"}, errs...)},
	} {
		if err := i.Open(outer, time.Minute, c.p); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !wanRaised {
			wan.raise()
			wanRaised = true
		}
		for n, through := range throughNow(t, wan) {
			name := traffic()[n].name
			if want := slices.Contains(c.want, name); through != want {
				t.Errorf("passage for %s: %s passes: %v, want %v", c.name, name, through, want)
			}
		}
	}
}

// throughNow sends all traffic, each packet from its own end, and says of each whether it came through.
func throughNow(t *testing.T, c *cable) []bool {
	t.Helper()
	far, near := c.far(), open(t, c.index, false)
	out := make([]bool, len(traffic()))
	for n, p := range traffic() {
		f := p.wrap(byte(n))
		if p.ours() {
			near.send(f)
			out[n] = far.heard(5*time.Millisecond, func(got []byte) bool { return bytes.HasPrefix(got, f[:14]) }) > 0
			continue
		}
		before, _ := counted(t, passIn)
		far.send(f)
		after := before
		for range 5 {
			near.heard(2*time.Millisecond, nil)
			if after, _ = counted(t, passIn); after > before {
				break
			}
		}
		out[n] = after > before
	}
	return out
}

// TestExchangeOfPassage: an open door's passage is exchanged without a new budget, and a lapsed or shut one's is not.
func TestExchangeOfPassage(t *testing.T) {
	i, wan, _ := load(t)
	hub := passage.Passage{Datagrams: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:51820")}}
	if err := i.Open(outer, 0, hub); !errors.Is(err, ErrLapsed) {
		t.Errorf("exchange at a shut door = %v, want %v", err, ErrLapsed)
	}
	const budget = 4 * time.Second
	if err := i.Open(outer, budget, everyday()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := i.Open(inner, 0, hub); !errors.Is(err, ErrLapsed) {
		t.Errorf("exchange for the door that is not open = %v, want %v", err, ErrLapsed)
	}
	wan.raise()
	if err := i.Open(outer, 0, hub); err != nil {
		t.Fatal(err)
	}
	if got := throughNow(t, wan); !got[0] || got[8] {
		t.Errorf("after the exchange: hub passes %v, name server passes %v", got[0], got[8])
	}
	stop := keep(t, i, outer)
	near, far, f := open(t, wan.index, false), wan.far(), traffic()[0].wrap(0)
	last := time.Duration(0)
	for time.Since(begin) < budget+500*time.Millisecond {
		sent := time.Since(begin)
		near.send(f)
		if far.heard(10*time.Millisecond, func(got []byte) bool { return bytes.HasPrefix(got, f[:14]) }) > 0 {
			last = sent
		}
	}
	stop()
	if last > budget+50*time.Millisecond {
		t.Errorf("the last frame passed %v after the opening; the exchange has prolonged the budget of %v", last, budget)
	}
}

// TestManyPlaces: a site of a hundred targets is one batch.
func TestManyPlaces(t *testing.T) {
	i, _, _ := load(t)
	var p passage.Passage
	for n := range 200 {
		p.Connections = append(p.Connections, netip.MustParseAddrPort(fmt.Sprintf("10.9.%d.%d:22", n/100, n%100+1)))
	}
	begin := time.Now()
	if err := i.Open(inner, time.Minute, p); err != nil {
		t.Fatal(err)
	}
	t.Logf("200 places in %v", time.Since(begin).Round(time.Millisecond))
}
