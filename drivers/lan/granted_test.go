package lan

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// near is the interface under test, as the kernel has it.
func near(t *testing.T) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName("near")
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// defaults are the default routes as `ip route` prints them: by a gateway, or to the link itself.
func defaults(t *testing.T, family int) (via []string) {
	t.Helper()
	routes, err := netlink.RouteList(near(t), family)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if r.Gw == nil {
			via = append(via, "link")
			continue
		}
		via = append(via, r.Gw.String())
	}
	return via
}

// TestPointToPoint: the address of a context, alone with its neighbour, who answers no ARP: everything goes out at once,
// and nothing is asked for.
func TestPointToPoint(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	frames := c.listenFar()
	l := New(Config{Want: Want{Name: "near"}, Address: netip.MustParsePrefix("10.64.0.2/32"), OnLink: true, NoARP: true,
		DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")}, MTU: 1430, Carrier: 3 * time.Second})
	for range 2 {
		n, err := l.Up(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.MTU != 1430 || n.Address.String() != "10.64.0.2/32" || len(n.DNS) != 1 {
			t.Errorf("Up = %+v", n)
		}
	}
	if via := defaults(t, netlink.FAMILY_V4); !slices.Equal(via, []string{"link"}) {
		t.Errorf("default routes = %v, want one to the link", via)
	}
	conn, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("at once")); err != nil {
		t.Fatal(err)
	}
	got := frames()
	for deadline := time.Now().Add(2 * time.Second); len(got) == 0 && time.Now().Before(deadline); got = frames() {
		time.Sleep(10 * time.Millisecond) // a raw socket gives no event here
	}
	if len(got) != 1 || binary.BigEndian.Uint16(got[0][12:]) != 0x0800 {
		t.Errorf("frames = %x, want the one packet and no ARP", got)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDown(t)

	// The next window may have a module that does answer ARP.
	other := New(Config{Want: Want{Name: "near"}, Address: netip.MustParsePrefix("10.9.0.2/24"), Carrier: 3 * time.Second})
	if _, err := other.Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if near(t).Attrs().RawFlags&unix.IFF_NOARP != 0 {
		t.Error("ARP is still off in the next window")
	}
	if via := defaults(t, netlink.FAMILY_V4); len(via) != 0 {
		t.Errorf("default routes = %v of a link without gateway, want none", via)
	}
}

// TestSmallestMTU: of what the network has granted and what DHCP tells the smaller holds, and what nobody can mean does not.
func TestSmallestMTU(t *testing.T) {
	for _, tc := range []struct {
		granted, leased uint16
		want            int
	}{
		{1430, 1500, 1430}, {1500, 1358, 1358}, {1420, 0, 1420}, {0, 1400, 1400}, {68, 1400, 1400}, {60000, 0, 1500}, {0, 0, 1500},
	} {
		c := plugIn(t)
		c.raiseFar()
		options := []dhcpv4.Modifier{dhcpv4.WithYourIP(net.IPv4(10, 9, 0, 77)), dhcpv4.WithNetmask(net.CIDRMask(24, 32))}
		if tc.leased != 0 {
			options = append(options, dhcpv4.WithOption(dhcpv4.Option{Code: dhcpv4.OptionInterfaceMTU, Value: dhcpv4.Uint16(tc.leased)}))
		}
		c.serveDHCP(options...)
		n, err := New(Config{Want: Want{Name: "near"}, MTU: int(tc.granted), Carrier: 3 * time.Second}).Up(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, mtu := onWire(t); mtu != tc.want || n.MTU != tc.want {
			t.Errorf("granted %d, leased %d: MTU = %d (told as %d), want %d", tc.granted, tc.leased, mtu, n.MTU, tc.want)
		}
	}
}

// advertise sends router advertisements from the far end until the test ends: one prefix, and an MTU.
func (c *cable) advertise(prefix string, mtu uint32) {
	c.t.Helper()
	p := netip.MustParsePrefix(prefix)
	var fd, index int
	var mac net.HardwareAddr
	c.atFarEnd(func() error {
		link, err := netlink.LinkByName("far")
		if err != nil {
			return err
		}
		index, mac = link.Attrs().Index, link.Attrs().HardwareAddr
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	frame := advertisement(mac, p, mtu)
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.Tick(100 * time.Millisecond); ctx.Err() == nil; <-tick {
			_ = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: index, Protocol: 0xdd86}) // the near end may be down yet
		}
	}()
	c.t.Cleanup(func() { cancel(); <-done; unix.Close(fd) })
}

// advertisement is RFC 4861 §4.2 with a prefix for autoconfiguration (§4.6.2) and an MTU (§4.6.4).
func advertisement(mac net.HardwareAddr, p netip.Prefix, mtu uint32) []byte {
	icmp := []byte{134, 0, 0, 0, 64, 0, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0}
	icmp = append(icmp, 3, 4, byte(p.Bits()), 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0)
	icmp = append(icmp, p.Addr().AsSlice()...)
	icmp = binary.BigEndian.AppendUint32(append(icmp, 5, 1, 0, 0), mtu)
	from, to := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1")
	ip := []byte{0x60, 0, 0, 0, 0, byte(len(icmp)), 58, 255}
	ip = append(append(ip, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(icmp[2:], checksum(slices.Concat(ip[8:40], []byte{0, 0, 0, byte(len(icmp)), 0, 0, 0, 58}, icmp)))
	return slices.Concat([]byte{0x33, 0x33, 0, 0, 0, 1}, mac, []byte{0x86, 0xdd}, ip, icmp)
}

// checksum is RFC 1071's.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// closeIPv6 makes the namespace like the appliance: no interface has IPv6 by itself.
func (c *cable) closeIPv6() {
	for _, s := range [][2]string{{"disable_ipv6", "1"}, {"accept_ra", "0"}, {"autoconf", "0"}, {"router_solicitations", "0"}, {"dad_transmits", "0"}} {
		for _, name := range []string{"default", "near"} {
			if err := setIPv6(name, s[0], s[1]); err != nil {
				c.t.Skipf("skipped: this kernel has no IPv6, or its settings cannot be written: %v", err)
			}
		}
	}
}

// TestIPv6Only: a context without IPv4 gets its address and its way by router advertisement, and no DHCP is asked.
func TestIPv6Only(t *testing.T) {
	c := plugIn(t)
	c.closeIPv6()
	c.raiseFar()
	frames := c.listenFar()
	l := New(Config{Want: Want{Name: "near"}, NoIPv4: true, IPv6: true, Carrier: 3 * time.Second, Lease: 5 * time.Second})
	time.Sleep(100 * time.Millisecond) // the kernel's own word, if it had one
	if got := frames(); len(got) > 0 {
		t.Errorf("%d frames left the interface while it was down", len(got))
	}
	c.advertise("2001:db8:7::/64", 1340)
	n, err := l.Up(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := netip.MustParsePrefix("2001:db8:7::/64"); !want.Contains(n.Address.Addr()) || n.IPv6 != n.Address {
		t.Errorf("Up = %+v, want an address in %s", n, want)
	}
	if via := defaults(t, netlink.FAMILY_V6); !slices.Equal(via, []string{"fe80::1"}) {
		t.Errorf("default routes = %v, want the router's", via)
	}
	solicited := false
	for _, f := range frames() {
		if f[12] == 8 { // IPv4 or ARP
			t.Errorf("the frame %x left for a network without IPv4", f)
		}
		solicited = solicited || len(f) > 54 && f[20] == 58 && f[54] == 133
	}
	if !solicited {
		t.Log("the router's word came before it was asked for")
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDown(t)
}

// TestBothFamilies: IPv4 by DHCP and IPv6 beside it; where no router speaks IPv4 alone does, after a short wait.
func TestBothFamilies(t *testing.T) {
	for _, advertised := range []bool{true, false} {
		c := plugIn(t)
		c.closeIPv6()
		c.raiseFar()
		c.serveDHCP(dhcpv4.WithYourIP(net.IPv4(10, 9, 0, 77)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithRouter(net.IPv4(10, 9, 0, 1)))
		if advertised {
			c.advertise("2001:db8:7::/64", 1500)
		}
		l := New(Config{Want: Want{Name: "near"}, IPv6: true, MTU: 1000, Carrier: 3 * time.Second})
		n, err := l.Up(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.Address.String() != "10.9.0.77/24" || n.IPv6.IsValid() != advertised {
			t.Errorf("router %v: Up = %+v", advertised, n)
		}
		if n.MTU != minMTU6 {
			t.Errorf("MTU = %d, want %d: IPv6 goes by no smaller one", n.MTU, minMTU6)
		}
		if err := l.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantDown(t)
	}
}

// TestNoRouter: where IPv6 is all there is, its absence is a diagnosis.
func TestNoRouter(t *testing.T) {
	c := plugIn(t)
	c.closeIPv6()
	c.raiseFar()
	_, err := New(Config{Want: Want{Name: "near"}, NoIPv4: true, IPv6: true, Lease: 300 * time.Millisecond}).Up(t.Context(), nil)
	if fault, ok := errors.AsType[*Error](err); !ok || fault.Kind != NoLease {
		t.Errorf("Up = %v, want kind %q", err, NoLease)
	}
	wantDown(t)
}

// TestDialled: a link that somebody else brings up and addresses is routed, never addressed twice, and emptied at the end.
func TestDialled(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	dial := func(context.Context) (Dialled, error) { // in the test's own thread, as Up is
		link := near(t)
		peer := ipNet(netip.MustParsePrefix("10.64.0.1/32"))
		err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix("10.64.0.2/32")), Peer: peer})
		return Dialled{Address: netip.MustParseAddr("10.64.0.2"), MTU: 1400}, errors.Join(err, netlink.LinkSetUp(link))
	}
	l := New(Config{Want: Want{Name: "near"}, OnLink: true, MTU: 1380, Dial: dial})
	n, err := l.Up(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	up, addrs, _, mtu := onWire(t)
	if !up || !slices.Equal(addrs, []string{"10.64.0.2/32"}) || mtu != 1380 || n.Address.String() != "10.64.0.2/32" {
		t.Errorf("up = %v, addresses = %v, MTU = %d, Up = %+v", up, addrs, mtu, n)
	}
	if via := defaults(t, netlink.FAMILY_V4); !slices.Equal(via, []string{"link"}) {
		t.Errorf("default routes = %v", via)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDown(t)
	failing := New(Config{Want: Want{Name: "near"}, Dial: func(context.Context) (Dialled, error) { return Dialled{}, errors.New("no address") }})
	if _, err := failing.Up(t.Context(), nil); err == nil {
		t.Error("Up of a link that could not be dialled = nil")
	}
	wantDown(t)
}
