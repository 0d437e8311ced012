package lan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// secondWait is for IPv6 where IPv4 is there already: networks grant one of two without a word about the other.
const secondWait = 3 * time.Second

func ipv6Setting(name, setting string) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", name, setting)
}

func setIPv6(name, setting, value string) error {
	return os.WriteFile(ipv6Setting(name, setting), []byte(value), 0)
}

// allowIPv6 undoes what silenceIPv6 and the image do: the interface takes a router's word, and asks for it when it is up.
func allowIPv6(link netlink.Link) error {
	name := link.Attrs().Name
	for _, s := range [][2]string{{"accept_ra", "1"}, {"autoconf", "1"}, {"router_solicitations", "3"}, {"disable_ipv6", "0"}} {
		if err := setIPv6(name, s[0], s[1]); err != nil {
			return fmt.Errorf("allow IPv6 on %s: %w", name, err)
		}
	}
	if link.Attrs().RawFlags&unix.IFF_POINTOPOINT != 0 {
		return nil // PPP agrees on the identifier
	}
	if err := netlink.LinkSetIP6AddrGenMode(link, addrGenEUI64); err != nil {
		return fmt.Errorf("allow IPv6 on %s: %w", name, err)
	}
	return nil
}

// silenceIPv6 switches IPv6 off for the interface, or, where /proc/sys cannot be written (a sandbox), at least keeps
// the kernel from making a link-local address, without which it sends nothing.
func silenceIPv6(link netlink.Link) error {
	name := link.Attrs().Name
	err := setIPv6(name, "disable_ipv6", "1")
	if errors.Is(err, os.ErrNotExist) { // the kernel has no IPv6
		return nil
	}
	if err == nil {
		return errors.Join(setIPv6(name, "accept_ra", "0"), setIPv6(name, "autoconf", "0"), setIPv6(name, "router_solicitations", "0"))
	}
	if err2 := noLinkLocal(link); err2 != nil {
		return fmt.Errorf("keep IPv6 off %s: %w", name, errors.Join(err, err2))
	}
	return nil
}

func noLinkLocal(link netlink.Link) error { return netlink.LinkSetIP6AddrGenMode(link, addrGenNone) }

// IN6_ADDR_GEN_MODE_… of <linux/if_link.h>.
const addrGenEUI64, addrGenNone = 0, 1

// awaitIPv6 waits for an address of a router's prefix; the kernel makes it, and the default route with it, of the
// advertisement. Only where IPv4 is missing too it is an error that none comes.
func (l *Link) awaitIPv6(ctx context.Context, link netlink.Link, n *Network) error {
	limit := l.cfg.Lease
	if n.Address.IsValid() {
		limit = min(limit, secondWait)
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	updates := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribe(updates, waiting.Done()); err != nil {
		return fmt.Errorf("watch %s: %w", link.Attrs().Name, err)
	}
	for {
		address, err := globalIPv6(link)
		if err != nil {
			return err
		}
		if address.IsValid() {
			n.IPv6 = address
			if !n.Address.IsValid() {
				n.Address = address
			}
			return nil
		}
		select {
		case <-updates: // closed at the end of waiting
		case <-waiting.Done():
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case waiting.Err() == nil:
		case n.Address.IsValid():
			return nil
		default:
			return fault(NoLease, nil, "no router told %s an IPv6 prefix within %s: the network may have no IPv6 for this SIM; configure the type IP", link.Attrs().Name, limit)
		}
	}
}

// globalIPv6 is an address that reaches beyond the link and may be used; invalid when there is none.
func globalIPv6(link netlink.Link) (netip.Prefix, error) {
	list, err := netlink.AddrList(link, netlink.FAMILY_V6)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("list the addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range list {
		addr, ok := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		if ok && addr.IsGlobalUnicast() && a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
			return netip.PrefixFrom(addr, bits), nil
		}
	}
	return netip.Prefix{}, nil
}
