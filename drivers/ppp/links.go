package ppp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Interface is the name of the network interface that a call makes.
const Interface = "ppp0"

// State is an interface as the kernel has it.
type State struct {
	There     bool
	Up        bool
	MTU       int
	Addresses []netip.Addr
}

// Links is the kernel's view of interfaces.
type Links interface {
	// Look tells of one interface now.
	Look(name string) (State, error)
	// Watch gives word after changes of interfaces and addresses, until ctx ends.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// kernel is the real one.
type kernel struct{}

var _ Links = kernel{}

// Look implements Links.
func (kernel) Look(name string) (State, error) {
	link, err := netlink.LinkByName(name)
	if _, absent := errors.AsType[netlink.LinkNotFoundError](err); absent || errors.Is(err, unix.ENODEV) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("look at %s: %w", name, err)
	}
	s := State{There: true, Up: link.Attrs().RawFlags&unix.IFF_UP != 0, MTU: link.Attrs().MTU}
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return s, fmt.Errorf("look at %s: %w", name, err)
	}
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			s.Addresses = append(s.Addresses, addr.Unmap())
		}
	}
	return s, nil
}

// Watch implements Links.
func (kernel) Watch(ctx context.Context) (<-chan struct{}, error) {
	links, addrs := make(chan netlink.LinkUpdate, 16), make(chan netlink.AddrUpdate, 16)
	if err := netlink.LinkSubscribe(links, ctx.Done()); err != nil {
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	if err := netlink.AddrSubscribe(addrs, ctx.Done()); err != nil {
		return nil, fmt.Errorf("watch addresses: %w", err)
	}
	changed := make(chan struct{}, 1)
	go func() { // ends when ctx has ended, with both subscriptions
		for links != nil || addrs != nil {
			select {
			case _, ok := <-links:
				if !ok {
					links = nil
				}
			case _, ok := <-addrs:
				if !ok {
					addrs = nil
				}
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, nil
}

// until looks after each change, and at each word of wake, until it is so, ctx ends, or stop is closed.
func until(ctx context.Context, links Links, wake, stop <-chan struct{}, so func(State) bool) (State, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	changed, err := links.Watch(watching)
	if err != nil {
		return State{}, err
	}
	for {
		s, err := links.Look(Interface)
		if err != nil || so(s) {
			return s, err
		}
		select {
		case <-changed:
		case <-wake:
		case <-stop:
			return s, ErrHungUp
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}
