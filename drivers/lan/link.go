package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Config is one door's link.
type Config struct {
	Want Want
	// Address with its prefix length, and Gateway for what lies beyond it. An invalid Address means DHCP.
	Address netip.Prefix
	Gateway netip.Addr
	MTU     int  // bytes; 0 leaves the link's or takes DHCP's
	IPv6    bool // off: the interface gets no IPv6 address and sends no IPv6 frame of its own
	// Carrier and Lease bound the waiting; 15 s and 20 s when zero.
	Carrier, Lease time.Duration
	Log            *slog.Logger
	Sys            string // root of sysfs; empty means the real one
}

// Network is what a raised link got.
type Network struct {
	Name    string
	Address netip.Prefix
	Gateway netip.Addr    // zero: on-link only
	DNS     []netip.Addr  // may be empty
	MTU     int           // bytes
	Lease   time.Duration // of DHCP; zero for static addresses
}

// Link is one interface. It keeps nothing between calls: what is true is asked of the kernel each time.
type Link struct {
	cfg Config
}

// New makes a Link; nothing is touched before Up or Down.
func New(cfg Config) *Link {
	if cfg.Carrier <= 0 {
		cfg.Carrier = 15 * time.Second
	}
	if cfg.Lease <= 0 {
		cfg.Lease = 20 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Want.Role == "" {
		cfg.Want.Role = Wired
	}
	return &Link{cfg: cfg}
}

// Find names the interface; the error is an *Error of kind NoInterface or Ambiguous.
func (l *Link) Find() (Interface, error) {
	if name := l.cfg.Want.Name; name != "" {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return Interface{}, fault(NoInterface, err, "there is no network interface %s", name)
		}
		a := link.Attrs()
		return Interface{Name: name, Index: a.Index, MAC: a.HardwareAddr.String(), Role: l.cfg.Want.Role,
			Up: a.RawFlags&unix.IFF_UP != 0, Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0}, nil
	}
	all, err := List(l.cfg.Sys)
	if err != nil {
		return Interface{}, err
	}
	return choose(all, l.cfg.Want)
}

// Up raises the link that Find names and gives it its address. What stood on it is removed first, so Up after Up gives the
// same. say tells a person what is happening. A failed Up takes the link down again.
func (l *Link) Up(ctx context.Context, say func(string)) (Network, error) {
	if say == nil {
		say = func(string) {}
	}
	found, err := l.Find()
	if err != nil {
		return Network{}, err
	}
	n, err := l.raise(ctx, found, say)
	if err != nil {
		// The caller's time may be up; lowering must happen all the same.
		lower, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return Network{}, errors.Join(err, l.lower(lower, found.Name))
	}
	return n, nil
}

func (l *Link) raise(ctx context.Context, found Interface, say func(string)) (Network, error) {
	link, err := netlink.LinkByName(found.Name)
	if err != nil {
		return Network{}, fault(NoInterface, err, "%s vanished: check its plug", found)
	}
	if err := l.prepare(link); err != nil {
		return Network{}, err
	}
	say("raising " + found.Name)
	if err := l.waitCarrier(ctx, link, found); err != nil {
		return Network{}, err
	}
	n := Network{Name: found.Name, Address: l.cfg.Address, Gateway: l.cfg.Gateway, MTU: l.cfg.MTU}
	if !n.Address.IsValid() {
		say("asking for an address on " + found.Name)
		if n, err = l.lease(ctx, found.Name); err != nil {
			return Network{}, err
		}
	}
	if err := apply(link, &n); err != nil {
		return Network{}, err
	}
	say(fmt.Sprintf("%s has %s", found.Name, n.Address))
	return n, nil
}

// prepare empties the interface and keeps IPv6 off it before it may send.
func (l *Link) prepare(link netlink.Link) error {
	if err := flush(link); err != nil {
		return err
	}
	if l.cfg.IPv6 {
		return allowIPv6(link)
	}
	return silenceIPv6(link)
}

func ipv6Switch(link netlink.Link) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", link.Attrs().Name, "disable_ipv6")
}

// allowIPv6 undoes what an earlier silenceIPv6 did.
func allowIPv6(link netlink.Link) error {
	if err := os.WriteFile(ipv6Switch(link), []byte("0"), 0); err != nil {
		return fmt.Errorf("allow IPv6 on %s: %w", link.Attrs().Name, err)
	}
	return nil
}

// silenceIPv6 switches IPv6 off for the interface, or, where /proc/sys cannot be written (a sandbox), at least keeps
// the kernel from making a link-local address, without which it sends nothing.
func silenceIPv6(link netlink.Link) error {
	err := os.WriteFile(ipv6Switch(link), []byte("1"), 0)
	if err == nil || errors.Is(err, os.ErrNotExist) { // no such file: the kernel has no IPv6
		return nil
	}
	if err2 := noLinkLocal(link); err2 != nil {
		return fmt.Errorf("keep IPv6 off %s: %w", link.Attrs().Name, errors.Join(err, err2))
	}
	return nil
}

func noLinkLocal(link netlink.Link) error { return netlink.LinkSetIP6AddrGenMode(link, addrGenNone) }

// addrGenNone is IN6_ADDR_GEN_MODE_NONE of <linux/if_link.h>.
const addrGenNone = 1

// waitCarrier raises the link and waits, by the kernel's events, until there is somebody at the other end.
func (l *Link) waitCarrier(ctx context.Context, link netlink.Link, found Interface) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Carrier)
	defer cancel()
	updates, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	defer close(done)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		return fmt.Errorf("watch %s: %w", found.Name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("raise %s: %w", found.Name, err)
	}
	// What changed before the subscription is not told: look once.
	if now, err := netlink.LinkByIndex(link.Attrs().Index); err == nil && hasCarrier(now) {
		return nil
	}
	for {
		select {
		case u, ok := <-updates:
			switch {
			case !ok:
				return fmt.Errorf("watch %s: the kernel ended the subscription", found.Name)
			case int(u.Index) != link.Attrs().Index:
			case u.Header.Type == unix.RTM_DELLINK:
				return fault(NoInterface, nil, "%s vanished: check its plug", found)
			case hasCarrier(u.Link):
				return nil
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fault(NoCarrier, nil, "%s has no link: check the cable and what it is plugged into", found)
		}
	}
}

// hasCarrier: administratively up and with a signal from the other end.
func hasCarrier(link netlink.Link) bool {
	const up = unix.IFF_UP | unix.IFF_LOWER_UP
	return link.Attrs().RawFlags&up == up
}
