package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"airlock/tests/modemsim"
)

// serveSocket serves one host after the other; the module lives on between them. While it is off the bus, a host's
// connection ends at once.
func serveSocket(ctx context.Context, sim *modemsim.Sim, listen string) error {
	network, where, err := address(listen)
	if err != nil {
		return err
	}
	if network == "unix" {
		if err := removeStale(where); err != nil {
			return err
		}
	}
	l, err := net.Listen(network, where)
	if err != nil {
		return fmt.Errorf("serve the AT port: %w", err)
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("accept: %w", err)
		}
		if err := sim.Serve(ctx, conn); err != nil && !errors.Is(err, modemsim.ErrAway) {
			return err
		}
	}
}

// removeStale removes a socket that an earlier run left, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s exists and is no socket: remove it, or choose another path", path)
	}
	return os.Remove(path)
}

// servePTY serves whatever host opens the link, one after the other. When the module leaves the bus the link goes, and
// it is there again, to another terminal, when the module is back.
func servePTY(ctx context.Context, sim *modemsim.Sim, link string) error {
	for {
		if err := serveTerminal(ctx, sim, link); err != nil {
			return err
		}
		if err := sim.Await(ctx); err != nil {
			return err
		}
	}
}

func serveTerminal(ctx context.Context, sim *modemsim.Sim, link string) error {
	tty, err := modemsim.OpenPTY()
	if err != nil {
		return err
	}
	defer tty.Close()
	if info, err := os.Lstat(link); err == nil && info.Mode().Type() == os.ModeSymlink {
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	if err := os.Symlink(tty.Host, link); err != nil {
		return fmt.Errorf("link the pseudo terminal: %w", err)
	}
	defer os.Remove(link)
	return sim.Serve(ctx, tty)
}
