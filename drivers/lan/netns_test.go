package lan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// cable is a veth pair: "near" in a namespace of the test's own thread, "far" in another one.
type cable struct {
	t   *testing.T
	far netns.NsHandle
	top netns.NsHandle // the near namespace
}

// plugIn makes the namespaces; the test runs in the near one until its end, on a thread that is thrown away after it.
func plugIn(t *testing.T) *cable {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: network namespaces need root")
	}
	runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine
	far, err := netns.New()
	if err != nil {
		t.Skipf("skipped: cannot make a network namespace: %v", err)
	}
	near, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, far: far, top: near}
	t.Cleanup(func() { far.Close(); near.Close() })
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"}, PeerName: "far", PeerNamespace: netlink.NsFd(far)}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	return c
}

// atFarEnd runs f in the other namespace.
func (c *cable) atFarEnd(f func() error) {
	c.t.Helper()
	if err := netns.Set(c.far); err != nil {
		c.t.Fatal(err)
	}
	err := f()
	if err2 := netns.Set(c.top); err2 != nil {
		c.t.Fatal(err2)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cable) raiseFar() {
	c.atFarEnd(func() error {
		link, err := netlink.LinkByName("far")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix("10.9.0.1/24"))}); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
}

// listenFar collects every frame that arrives at the far end.
func (c *cable) listenFar() (frames func() [][]byte) {
	var fd int
	c.atFarEnd(func() error {
		link, err := netlink.LinkByName("far")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: link.Attrs().Index}) // ETH_P_ALL
	})
	c.t.Cleanup(func() { unix.Close(fd) })
	return func() [][]byte {
		var out [][]byte
		buf := make([]byte, 2048)
		for {
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return out
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype != unix.PACKET_OUTGOING {
				out = append(out, slices.Clone(buf[:n]))
			}
		}
	}
}

// serveDHCP answers at the far end until the test ends; modify fills the reply in.
func (c *cable) serveDHCP(modify ...dhcpv4.Modifier) {
	var server *server4.Server
	handler := func(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
		kind := dhcpv4.MessageTypeOffer
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			kind = dhcpv4.MessageTypeAck
		}
		reply, err := dhcpv4.NewReplyFromRequest(m, append([]dhcpv4.Modifier{dhcpv4.WithMessageType(kind),
			dhcpv4.WithServerIP(net.IPv4(10, 9, 0, 1)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 0, 1)))}, modify...)...)
		if err == nil {
			_, _ = conn.WriteTo(reply.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68})
		}
	}
	c.atFarEnd(func() (err error) {
		server, err = server4.NewServer("far", &net.UDPAddr{IP: net.IPv4zero, Port: 67}, handler)
		return err
	})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve() })
	c.t.Cleanup(func() { server.Close(); serving.Wait() })
}

// onWire is what an operator would see with `ip addr` and `ip route`.
func onWire(t *testing.T) (up bool, addrs, gateways []string, mtu int) {
	t.Helper()
	link, err := netlink.LinkByName("near")
	if err != nil {
		t.Fatal(err)
	}
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		addrs = append(addrs, a.IPNet.String())
	}
	routes, err := netlink.RouteList(link, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Gw != nil {
			gateways = append(gateways, r.Gw.String())
		}
	}
	return link.Attrs().RawFlags&unix.IFF_UP != 0, addrs, gateways, link.Attrs().MTU
}

func wantDown(t *testing.T) {
	t.Helper()
	if up, addrs, gateways, _ := onWire(t); up || len(addrs) > 0 || len(gateways) > 0 {
		t.Errorf("after Down: up = %v, addresses = %v, gateways = %v, want nothing", up, addrs, gateways)
	}
}

func TestStatic(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	frames := c.listenFar()
	l := New(Config{Want: Want{Name: "near"}, Address: netip.MustParsePrefix("10.9.0.2/24"),
		Gateway: netip.MustParseAddr("10.9.0.1"), MTU: 1400, Carrier: 3 * time.Second})
	for range 2 { // twice changes nothing
		n, err := l.Up(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.MTU != 1400 || n.Address.String() != "10.9.0.2/24" || n.Name != "near" {
			t.Errorf("Up = %+v", n)
		}
		up, addrs, gateways, mtu := onWire(t)
		if !up || !slices.Equal(addrs, []string{"10.9.0.2/24"}) || !slices.Equal(gateways, []string{"10.9.0.1"}) || mtu != 1400 {
			t.Errorf("after Up: up = %v, addresses = %v, gateways = %v, MTU = %d", up, addrs, gateways, mtu)
		}
	}
	time.Sleep(300 * time.Millisecond) // let the kernel say what it would say of its own accord
	if got := frames(); len(got) > 0 {
		t.Errorf("%d frames left the interface though nobody sent any; the first: %x", len(got), got[0])
	}
	for range 2 {
		if err := l.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantDown(t)
	}
}

// TestIPv6StaysOff also shows that TestStatic's ear is not deaf: with IPv6 on, the kernel does speak by itself.
func TestIPv6StaysOff(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	frames := c.listenFar()
	address := netip.MustParsePrefix("10.9.0.2/24")
	on := New(Config{Want: Want{Name: "near"}, Address: address, IPv6: true, Carrier: 3 * time.Second})
	if _, err := on.Up(t.Context(), nil); err != nil {
		t.Skipf("skipped: this kernel has no IPv6: %v", err)
	}
	if _, addrs, _, _ := onWire(t); len(addrs) != 2 {
		t.Errorf("addresses with IPv6 on = %v, want a link-local one too", addrs)
	}
	deadline := time.Now().Add(3 * time.Second)
	for heard := 0; heard == 0; heard = len(frames()) {
		if time.Now().After(deadline) {
			t.Fatal("no frame with IPv6 on within 3s")
		}
		time.Sleep(20 * time.Millisecond) // a raw socket gives no event here
	}
	off := New(Config{Want: Want{Name: "near"}, Address: address, Carrier: 3 * time.Second})
	if _, err := off.Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, addrs, _, _ := onWire(t); !slices.Equal(addrs, []string{"10.9.0.2/24"}) {
		t.Errorf("addresses = %v, want 10.9.0.2/24 alone", addrs)
	}
}

// TestIPv6OffInASandbox: the second way to keep IPv6 silent, for a /proc/sys that cannot be written.
func TestIPv6OffInASandbox(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	frames := c.listenFar()
	link, err := netlink.LinkByName("near")
	if err != nil {
		t.Fatal(err)
	}
	if err := noLinkLocal(link); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1200 * time.Millisecond) // router solicitations come within a second
	if _, addrs, _, _ := onWire(t); len(addrs) > 0 {
		t.Errorf("addresses = %v, want none", addrs)
	}
	if got := frames(); len(got) > 0 {
		t.Errorf("%d frames left the interface; the first: %x", len(got), got[0])
	}
}

func TestDHCP(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	c.serveDHCP(dhcpv4.WithYourIP(net.IPv4(10, 9, 0, 77)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithRouter(net.IPv4(10, 9, 0, 1)), dhcpv4.WithDNS(net.IPv4(10, 9, 0, 53)), dhcpv4.WithLeaseTime(600),
		dhcpv4.WithOption(dhcpv4.Option{Code: dhcpv4.OptionInterfaceMTU, Value: dhcpv4.Uint16(1358)}))
	l := New(Config{Want: Want{Name: "near"}, Carrier: 3 * time.Second})
	n, err := l.Up(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Network{Name: "near", Address: netip.MustParsePrefix("10.9.0.77/24"), Gateway: netip.MustParseAddr("10.9.0.1"),
		DNS: []netip.Addr{netip.MustParseAddr("10.9.0.53")}, MTU: 1358, Lease: 10 * time.Minute}
	if n.Name != want.Name || n.Address != want.Address || n.Gateway != want.Gateway || !slices.Equal(n.DNS, want.DNS) ||
		n.MTU != want.MTU || n.Lease != want.Lease {
		t.Errorf("Up = %+v, want %+v", n, want)
	}
	up, addrs, gateways, mtu := onWire(t)
	if !up || !slices.Equal(addrs, []string{"10.9.0.77/24"}) || !slices.Equal(gateways, []string{"10.9.0.1"}) || mtu != 1358 {
		t.Errorf("after Up: up = %v, addresses = %v, gateways = %v, MTU = %d", up, addrs, gateways, mtu)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDown(t)
}

// TestOddLease: modules lease a /32 with a gateway beside it.
func TestOddLease(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	c.serveDHCP(dhcpv4.WithYourIP(net.IPv4(100, 64, 3, 4)), dhcpv4.WithNetmask(net.CIDRMask(32, 32)), dhcpv4.WithRouter(net.IPv4(100, 64, 3, 5)))
	n, err := New(Config{Want: Want{Name: "near"}, Carrier: 3 * time.Second}).Up(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, gateways, _ := onWire(t); !slices.Equal(gateways, []string{"100.64.3.5"}) || n.Address.Bits() != 32 {
		t.Errorf("Up = %+v, gateways = %v", n, gateways)
	}
}

func TestNobodyThere(t *testing.T) {
	c := plugIn(t)
	l := New(Config{Want: Want{Name: "near"}, Carrier: 200 * time.Millisecond, Lease: 300 * time.Millisecond})
	_, err := l.Up(t.Context(), nil)
	if fault, ok := errors.AsType[*Error](err); !ok || fault.Kind != NoCarrier {
		t.Errorf("Up without carrier = %v, want kind %q", err, NoCarrier)
	}
	wantDown(t)
	c.raiseFar()
	_, err = l.Up(t.Context(), nil)
	if fault, ok := errors.AsType[*Error](err); !ok || fault.Kind != NoLease {
		t.Errorf("Up without a DHCP server = %v, want kind %q", err, NoLease)
	}
	wantDown(t)
	if _, err := New(Config{Want: Want{Name: "absent"}}).Up(t.Context(), nil); err == nil {
		t.Error("Up of an absent interface = nil")
	}
	if err := New(Config{Want: Want{Name: "absent"}}).Down(t.Context()); err != nil {
		t.Errorf("Down of an absent interface = %v, want nil: it is gone", err)
	}
}

// TestCarrierComesLate: the wait is by the kernel's event, not by looking now and then.
func TestCarrierComesLate(t *testing.T) {
	c := plugIn(t)
	l := New(Config{Want: Want{Name: "near"}, Address: netip.MustParsePrefix("10.9.0.2/24"), Carrier: 5 * time.Second})
	errs := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // ends with the goroutine
		if err := netns.Set(c.far); err != nil {
			errs <- err
			return
		}
		time.Sleep(300 * time.Millisecond)
		link, err := netlink.LinkByName("far")
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		errs <- err
	}()
	began := time.Now()
	if _, err := l.Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Up took %s after a carrier at 300ms", took)
	}
}

// TestCancelled: the window's holder is gone while the address is awaited; the link must not stay up.
func TestCancelled(t *testing.T) {
	c := plugIn(t)
	c.raiseFar()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := New(Config{Want: Want{Name: "near"}}).Up(ctx, nil); err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("Up = %v after %s, want an error at once", err, time.Since(began))
	}
	wantDown(t)
}
