package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// firstWait is the time for the first answer; the client doubles it at each of its tries.
const firstWait = time.Second

// lease gets an address by DHCP (RFC 2131). The lease is neither renewed nor released: a window is shorter, and the link goes
// down behind it.
func (l *Link) lease(ctx context.Context, name string) (Network, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Lease)
	defer cancel()
	client, err := nclient4.New(name, nclient4.WithTimeout(firstWait), nclient4.WithRetry(10))
	if err != nil {
		return Network{}, fmt.Errorf("open DHCP on %s: %w", name, err)
	}
	defer client.Close()
	answer, err := client.Request(ctx, dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter,
		dhcpv4.OptionDomainNameServer, dhcpv4.OptionInterfaceMTU))
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Network{}, ctx.Err()
	case err != nil:
		return Network{}, fault(NoLease, err, "nobody gave %s an address within %s: check that a DHCP server is on that network, or configure a fixed address", name, l.cfg.Lease)
	}
	n, err := readLease(answer.ACK)
	if err != nil {
		return Network{}, fault(NoLease, err, "the DHCP server on %s gave an unusable answer: configure a fixed address", name)
	}
	return n, nil
}

// Bounds of an MTU that is believed: 576 is what IPv4 hosts must take (RFC 791), 9216 the largest jumbo frame in use. IPv6
// goes by no link of less than 1280 (RFC 8200 §5).
const minMTU, maxMTU, minMTU6 = 576, 9216, 1280

// readLease takes from an ACK what we use.
func readLease(ack *dhcpv4.DHCPv4) (Network, error) {
	addr, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() {
		return Network{}, fmt.Errorf("address %v", ack.YourIPAddr)
	}
	mask := ack.SubnetMask()
	if mask == nil {
		mask = net.CIDRMask(32, 32) // then all goes by the gateway
	}
	ones, bits := mask.Size()
	if bits != 32 {
		return Network{}, fmt.Errorf("subnet mask %v", mask)
	}
	n := Network{Address: netip.PrefixFrom(addr, ones), Lease: ack.IPAddressLeaseTime(0)}
	for _, router := range ack.Router() {
		if gw, ok := netip.AddrFromSlice(router.To4()); ok && !gw.IsUnspecified() {
			n.Gateway = gw
			break
		}
	}
	for _, server := range ack.DNS() {
		if dns, ok := netip.AddrFromSlice(server.To4()); ok && !dns.IsUnspecified() {
			n.DNS = append(n.DNS, dns)
		}
	}
	if b := ack.Options.Get(dhcpv4.OptionInterfaceMTU); len(b) == 2 {
		if mtu := int(b[0])<<8 | int(b[1]); mtu >= minMTU && mtu <= maxMTU {
			n.MTU = mtu
		}
	}
	return n, nil
}
