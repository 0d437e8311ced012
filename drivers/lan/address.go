package lan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// apply puts MTU, address and default route on the link, and fills in what it has.
func (l *Link) apply(link netlink.Link, n *Network) error {
	for _, server := range l.cfg.DNS {
		if !slices.Contains(n.DNS, server) {
			n.DNS = append(n.DNS, server)
		}
	}
	if err := l.setMTU(link, n); err != nil || !n.Address.IsValid() {
		return err
	}
	if l.cfg.Dial == nil { // else whoever dialled has set it, with its other end
		addr := &netlink.Addr{IPNet: ipNet(n.Address)}
		if err := netlink.AddrReplace(link, addr); err != nil {
			return fmt.Errorf("give %s the address %s: %w", link.Attrs().Name, n.Address, err)
		}
	}
	return l.route(link, *n)
}

// setMTU sets the smallest of what is told and believed.
func (l *Link) setMTU(link netlink.Link, n *Network) error {
	want := 0
	for _, told := range []int{n.MTU, l.cfg.MTU} {
		if told < minMTU || told > maxMTU {
			continue
		}
		if l.cfg.IPv6 {
			told = max(told, minMTU6)
		}
		if want == 0 || told < want {
			want = told
		}
	}
	now, err := netlink.LinkByIndex(link.Attrs().Index) // PPP has agreed on one meanwhile
	if err != nil {
		return fmt.Errorf("read the MTU of %s: %w", link.Attrs().Name, err)
	}
	if n.MTU = now.Attrs().MTU; want == 0 || want == n.MTU {
		return nil
	}
	err = netlink.LinkSetMTU(link, want)
	switch {
	case errors.Is(err, unix.EINVAL) && want > n.MTU: // more than the device can
		return nil
	case err != nil:
		return fmt.Errorf("set the MTU of %s to %d: %w", link.Attrs().Name, want, err)
	}
	n.MTU = want
	return nil
}

// route leads everything over the link, where there is a way.
func (l *Link) route(link netlink.Link, n Network) error {
	route := &netlink.Route{LinkIndex: link.Attrs().Index}
	switch {
	case n.Gateway.IsValid():
		route.Dst, route.Gw = defaultOf(n.Gateway), n.Gateway.AsSlice()
		if !n.Address.Contains(n.Gateway) {
			route.SetFlag(netlink.FLAG_ONLINK) // modules lease /32 addresses with a gateway beside them
		}
	case l.cfg.OnLink:
		route.Dst, route.Scope = defaultOf(n.Address.Addr()), netlink.SCOPE_LINK
	default:
		return nil
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route by %s: %w", link.Attrs().Name, err)
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
