package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Config is one door's link.
type Config struct {
	Want Want
	// Address with its prefix length, and Gateway for what lies beyond it. An invalid Address means DHCP, or with NoIPv4 none.
	Address netip.Prefix
	Gateway netip.Addr
	DNS     []netip.Addr // told by others than DHCP, which comes first
	OnLink  bool         // without a Gateway everything lies behind the link: it leads to one neighbour
	NoARP   bool         // the neighbour answers no ARP
	NoIPv4  bool         // the network has IPv6 alone
	MTU     int          // bytes at most, of what the link, DHCP and this say the smallest; 0: this says nothing
	IPv6    bool         // off: the interface gets no IPv6 address and sends no IPv6 frame of its own
	// Dial, when set, brings the link up and gives it its addresses, as PPP does; it is called when the link may send.
	Dial func(ctx context.Context) (Dialled, error)
	// Carrier and Lease bound the waiting; 15 s and 20 s when zero.
	Carrier, Lease time.Duration
	Log            *slog.Logger
	Sys            string // root of sysfs; empty means the real one
}

// Dialled is what a link has got that others have brought up.
type Dialled struct {
	Address netip.Addr // IPv4; invalid: none
	IPv6    bool       // it speaks IPv6, so that a router may be heard
	DNS     []netip.Addr
	MTU     int
}

// Network is what a raised link got.
type Network struct {
	Name    string
	Address netip.Prefix  // of IPv4 where there is one
	IPv6    netip.Prefix  // by router advertisement; invalid: none
	Gateway netip.Addr    // zero: on-link only
	DNS     []netip.Addr  // may be empty
	MTU     int           // bytes
	Lease   time.Duration // of DHCP; zero for static addresses

	deaf bool // dialled, and without IPv6: no router can be heard
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
	n, err := l.connect(ctx, link, found, say)
	if err != nil {
		return Network{}, err
	}
	n.Name = found.Name
	if err := l.apply(link, &n); err != nil {
		return Network{}, err
	}
	if l.cfg.IPv6 && !n.deaf {
		if err := l.awaitIPv6(ctx, link, &n); err != nil {
			return Network{}, err
		}
	}
	say(fmt.Sprintf("%s has %s", found.Name, n.Address))
	return n, nil
}

// connect brings the link up and learns its IPv4 address.
func (l *Link) connect(ctx context.Context, link netlink.Link, found Interface, say func(string)) (Network, error) {
	if l.cfg.Dial != nil {
		d, err := l.cfg.Dial(ctx)
		n := Network{DNS: d.DNS, MTU: d.MTU, deaf: !d.IPv6}
		if d.Address.IsValid() {
			n.Address = netip.PrefixFrom(d.Address, d.Address.BitLen())
		}
		return n, err
	}
	if err := l.waitCarrier(ctx, link, found); err != nil {
		return Network{}, err
	}
	if l.cfg.Address.IsValid() || l.cfg.NoIPv4 {
		return Network{Address: l.cfg.Address, Gateway: l.cfg.Gateway}, nil
	}
	say("asking for an address on " + found.Name)
	return l.lease(ctx, found.Name)
}

// prepare empties the interface, and says what may be sent on it by itself, before it may send.
func (l *Link) prepare(link netlink.Link) error {
	if err := flush(link); err != nil {
		return err
	}
	if err := l.setARP(link); err != nil {
		return err
	}
	if l.cfg.IPv6 {
		return allowIPv6(link)
	}
	return silenceIPv6(link)
}

// setARP switches ARP off where it would be asked in vain, and on again where an earlier window had switched it off.
func (l *Link) setARP(link netlink.Link) error {
	off := link.Attrs().RawFlags&unix.IFF_NOARP != 0
	var err error
	switch {
	case off == l.cfg.NoARP || link.Attrs().RawFlags&unix.IFF_POINTOPOINT != 0:
	case off:
		err = netlink.LinkSetARPOn(link)
	default:
		err = netlink.LinkSetARPOff(link)
	}
	if err != nil {
		return fmt.Errorf("set ARP on %s: %w", link.Attrs().Name, err)
	}
	return nil
}

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
