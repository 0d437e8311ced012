package lan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Down takes addresses and routes away and the link down. nil means that this was read back afterwards, or that the
// interface is gone. Down after Down changes nothing.
func (l *Link) Down(ctx context.Context) error {
	found, err := l.Find()
	if fault, ok := errors.AsType[*Error](err); ok && fault.Kind == NoInterface {
		return nil
	}
	if err != nil {
		return err
	}
	return l.lower(ctx, found.Name)
}

// lower works on a name. The link goes down first: from then on nothing passes, whatever stands on it.
func (l *Link) lower(ctx context.Context, name string) error {
	link, err := netlink.LinkByName(name)
	if isGone(err) {
		return nil
	}
	if err == nil {
		err = netlink.LinkSetDown(link)
	}
	if err == nil {
		err = flush(link)
	}
	if isGone(err) {
		return nil
	}
	return errors.Join(err, readBackDown(ctx, name))
}

// readBackDown asks the kernel anew until it says down and empty; it says so at once except while a driver still
// winds down.
func readBackDown(ctx context.Context, name string) error {
	limit, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		still, err := whatStands(name)
		if err == nil && still == "" {
			return nil
		}
		select {
		case <-limit.Done():
			return fault(NotDown, err, "%s could not be proven down: %s. Pull its cable", name, still)
		case <-tick.C:
		}
	}
}

// whatStands says what still speaks against "down", by a fresh query; empty when nothing does.
func whatStands(name string) (string, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "no answer from the kernel", fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if isGone(err) {
		return "", nil
	}
	if err != nil {
		return "no answer from the kernel", err
	}
	if link.Attrs().RawFlags&(unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOWER_UP) != 0 {
		return "the link is up", nil
	}
	addrs, err := h.AddrList(link, netlink.FAMILY_ALL)
	if err == nil && len(addrs) > 0 {
		return fmt.Sprintf("it still has %s", addrs[0].IPNet), nil
	}
	return "", err
}

func isGone(err error) bool {
	_, notFound := errors.AsType[netlink.LinkNotFoundError](err)
	return notFound || errors.Is(err, unix.ENODEV)
}
