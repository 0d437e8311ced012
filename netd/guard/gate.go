package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"airlock/netd/interlock"
)

// readGate follows the kernel's word on its rules: each change of the interlock is looked at when it comes about, and each
// opening is remembered by name, so that a short one is not missed.
func (g *Guard) readGate(ctx context.Context) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return fmt.Errorf("watch the interlock: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	for {
		g.pulse(pulseGate)
		messages, err := next(c, time.Now().Add(pollEvery))
		if errors.Is(err, unix.ENOBUFS) { // something was missed: look
			messages, err = []netlink.Message{{}}, nil
		}
		if err != nil {
			return ended(ctx, "watch the interlock", err)
		}
		if len(messages) == 0 {
			continue
		}
		var opened []string
		for _, m := range messages {
			opened = append(opened, interlock.Opened(m)...)
		}
		select {
		case g.gateNews <- opened:
		case <-ctx.Done():
			return nil
		}
	}
}
