package calls

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/drivers/ppp"
	"airlock/netd/passage"
	"airlock/tests/modemsim"
)

// closeIPv6 makes the namespace like the appliance: no interface has IPv6 by itself.
func closeIPv6(t *testing.T) {
	t.Helper()
	for setting, value := range map[string]string{"disable_ipv6": "1", "accept_ra": "0", "autoconf": "0", "router_solicitations": "0", "dad_transmits": "0"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/"+setting, []byte(value), 0); err != nil {
			t.Skipf("skipped: this kernel has no IPv6, or its settings cannot be written: %v", err)
		}
	}
}

// routers has the network advertise a prefix to the call until the test ends.
func (n *node) routers(prefix string) {
	ra := advertisement(netip.MustParsePrefix(prefix))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.Tick(50 * time.Millisecond); ; {
			select {
			case <-tick:
				_ = n.sim.SendPacket(ra) // refused while there is no call
			case <-stop:
				return
			}
		}
	}()
	n.t.Cleanup(func() { close(stop); <-done })
}

// advertisement is RFC 4861 §4.2 with one prefix for autoconfiguration.
func advertisement(p netip.Prefix) []byte {
	icmp := []byte{134, 0, 0, 0, 64, 0, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0}
	icmp = append(icmp, 3, 4, byte(p.Bits()), 0x40, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0)
	icmp = append(icmp, p.Addr().AsSlice()...)
	from, to := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1")
	ip := []byte{0x60, 0, 0, 0, 0, byte(len(icmp)), 58, 255}
	ip = append(append(ip, from.AsSlice()...), to.AsSlice()...)
	sum := uint32(0)
	for _, part := range [][]byte{ip[8:], {0, 0, 0, byte(len(icmp)), 0, 0, 0, 58}, icmp} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(icmp[2:], ^uint16(sum))
	return append(ip, icmp...)
}

// TestIPv6: contexts with IPv6 alone and with both families, of networks that grant both and of those that grant one.
func TestIPv6(t *testing.T) {
	closeIPv6(t)
	for _, tc := range []struct {
		name, kind string
		refuses    bool // the network refuses IPv6 to who asks for both
		router     bool
		want       string        // prefix of the window's address
		within     time.Duration // that raising the link may take
	}{
		{"IPv6 alone", "IPV6", false, true, "2001:db8:7::/64", 2 * time.Second},
		{"both", "IPV4V6", false, true, "10.64.0.2/32", 2 * time.Second},
		{"both asked, no router speaks", "IPV4V6", false, false, "10.64.0.2/32", 5 * time.Second},
		{"both asked, and IPv6 refused", "IPV4V6", true, true, "10.64.0.2/32", 2 * time.Second},
		{"IPv4 alone", "IP", false, true, "10.64.0.2/32", 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNode(t, modemsim.Config{Network: modemsim.Network{NoIPv6: tc.refuses}},
				func(c *modem.Config) { c.APN, c.Type = "internet", tc.kind })
			if tc.router {
				n.routers("2001:db8:7::/64")
			}
			n.mustUp()
			if n.gate != nil {
				if err := n.gate.Attach(ppp.Interface); err != nil {
					t.Fatal(err)
				}
				if err := n.gate.Open(ppp.Interface, time.Minute, passage.Passage{Lease: true, Discovery: true}); err != nil {
					t.Fatal(err)
				}
				stop := n.renew()
				defer stop()
			}
			began := time.Now()
			got, err := n.outer.Up(t.Context(), func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > tc.within {
				t.Errorf("raising the link took %s, want %s at most", took, tc.within)
			}
			if !netip.MustParsePrefix(tc.want).Contains(got.Address.Addr()) {
				t.Errorf("address = %s, want one of %s", got.Address, tc.want)
			}
			has := addressesOf(t)
			global := slices.ContainsFunc(has, netip.MustParsePrefix("2001:db8:7::/64").Contains)
			if want := tc.kind != "IP" && !tc.refuses && tc.router; global != want {
				t.Errorf("addresses = %v, want one of the router's prefix: %v", has, want)
			}
			n.lower()
		})
	}
}

// renew keeps the interlock open as the keeper does.
func (n *node) renew() (stop func()) {
	ending, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.Tick(time.Second); ; {
			select {
			case <-tick:
				if err := n.gate.Renew(ppp.Interface); err != nil {
					return
				}
			case <-ending:
				return
			}
		}
	}()
	return func() { close(ending); <-done }
}

func addressesOf(t *testing.T) (out []netip.Addr) {
	t.Helper()
	i, err := net.InterfaceByName(ppp.Interface)
	if err != nil {
		t.Fatal(err)
	}
	list, err := i.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}
