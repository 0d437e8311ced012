package lan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// apply puts MTU, address and default route on the link, and fills in the MTU that it has.
func apply(link netlink.Link, n *Network) error {
	name := link.Attrs().Name
	if n.MTU == 0 {
		n.MTU = link.Attrs().MTU
	}
	if n.MTU != link.Attrs().MTU {
		if err := netlink.LinkSetMTU(link, n.MTU); err != nil {
			return fmt.Errorf("set the MTU of %s to %d: %w", name, n.MTU, err)
		}
	}
	addr := &netlink.Addr{IPNet: ipNet(n.Address)}
	if err := netlink.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, n.Address, err)
	}
	if !n.Gateway.IsValid() {
		return nil
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: defaultOf(n.Gateway), Gw: n.Gateway.AsSlice()}
	if !n.Address.Contains(n.Gateway) {
		route.SetFlag(netlink.FLAG_ONLINK) // modules lease /32 addresses with a gateway beside them
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route by %s on %s: %w", n.Gateway, name, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func defaultOf(gateway netip.Addr) *net.IPNet {
	zero := netip.IPv4Unspecified()
	if gateway.Is6() {
		zero = netip.IPv6Unspecified()
	}
	return ipNet(netip.PrefixFrom(zero, 0))
}

// flush removes every route and address of the link.
func flush(link netlink.Link) error {
	name := link.Attrs().Name
	routes, err := routesOf(link)
	if err != nil {
		return fmt.Errorf("list the routes of %s: %w", name, err)
	}
	for _, r := range routes {
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove the route %s of %s: %w", r.Dst, name, err)
		}
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", name, err)
	}
	for _, a := range addrs {
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove the address %s of %s: %w", a.IPNet, name, err)
		}
	}
	return nil
}

// routesOf lists the main table's routes over the link; what the kernel itself keeps in the local table goes with
// the addresses.
func routesOf(link netlink.Link) ([]netlink.Route, error) {
	return netlink.RouteList(link, netlink.FAMILY_ALL)
}
