package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// readLinks follows the kernel's word on links and addresses (rtnetlink(7)). Once a second, and after the kernel has lost
// events for want of room, it has all links listed on the same socket, so that listing and events come in their order.
func (g *Guard) readLinks(ctx context.Context) error {
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var listed time.Time
	for {
		if time.Since(listed) >= pollEvery {
			listed = time.Now()
			if _, err := c.Send(listRequest()); err != nil {
				return ended(ctx, "list links", err)
			}
		}
		g.pulse(pulseLinks)
		messages, err := next(c, listed.Add(pollEvery))
		switch {
		case errors.Is(err, unix.ENOBUFS):
			listed = time.Time{} // something was missed
			continue
		case err != nil:
			return ended(ctx, "watch links", err)
		}
		news, err := linkNewsOf(messages)
		if err != nil {
			return fmt.Errorf("watch links: %w", err)
		}
		select {
		case g.linkNews <- news:
		case <-ctx.Done():
			return nil
		}
	}
}

// next waits for the kernel's next messages; none when it said nothing until then.
func next(c *netlink.Conn, until time.Time) ([]netlink.Message, error) {
	if err := c.SetReadDeadline(until); err != nil {
		return nil, err
	}
	messages, err := c.Receive()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return messages, err
}

// ended is the error of a reader: none when the guard is ending anyway.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w (%w)", what, errBlind, err)
}

func listRequest() netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofIfInfomsg), // AF_UNSPEC: every link
	}
}

// linkNewsOf reads a batch of messages. Those on addresses are news without events: a reason to look.
func linkNewsOf(messages []netlink.Message) (linkNews, error) {
	var n linkNews
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK && m.Header.Type != unix.RTM_DELLINK {
			continue
		}
		e, ok, err := linkEventOf(m)
		if err != nil {
			return n, err
		}
		if m.Header.Flags&netlink.Multi != 0 {
			n.whole, e.listed = true, true
		}
		if ok {
			n.events = append(n.events, e)
		}
	}
	return n, nil
}

// linkEventOf reads struct ifinfomsg and the name behind it; ok is false for what is no link of ours to watch.
func linkEventOf(m netlink.Message) (e linkEvent, ok bool, err error) {
	if len(m.Data) < unix.SizeofIfInfomsg {
		return e, false, fmt.Errorf("a message on a link of %d bytes", len(m.Data))
	}
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	e.index = int(int32(binary.NativeEndian.Uint32(m.Data[4:])))
	e.up = flags&unix.IFF_UP != 0
	e.gone = m.Header.Type == unix.RTM_DELLINK
	ad, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return e, false, err
	}
	for ad.Next() {
		if ad.Type() == unix.IFLA_IFNAME {
			e.name = ad.String()
		}
	}
	bridge := m.Data[0] != unix.AF_UNSPEC // a bridge's word on its port
	return e, flags&unix.IFF_LOOPBACK == 0 && !bridge, ad.Err()
}
