package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"time"
)

// socketMode lets the owner and the group ask, and nobody else.
const socketMode = 0o660

// Listen makes the socket of a daemon for the members of a group. A socket that a dead daemon left
// behind is replaced; one that still answers is not. A group that does not exist, or that may not
// be given the socket, is told in the log and leaves the socket to the daemon's own group: doors
// must be kept even where nobody can ask.
func Listen(ctx context.Context, path, group string, log *slog.Logger) (net.Listener, error) {
	if err := vacate(ctx, path); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := give(path, group); err != nil {
		log.Warn("socket stays with the daemon's own group", "socket", path, "group", group, "why", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s to its group: %w", path, err), l.Close())
	}
	return l, nil
}

// vacate removes a socket that nobody answers on; anything else at its place is left alone.
func vacate(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something else than a socket stands there; remove it")
	}
	d := net.Dialer{Timeout: time.Second}
	if conn, err := d.DialContext(ctx, "unix", path); err == nil {
		conn.Close()
		return errors.New("another daemon answers there; stop it first")
	}
	return os.Remove(path)
}

// give hands the socket to the group, unless it has it already: root without CAP_CHOWN may not.
func give(path, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return fmt.Errorf("read the number of group %s: %w", group, err)
	}
	if gid == os.Getegid() {
		return nil
	}
	return os.Chown(path, -1, gid)
}

// Until is ctx, but ended by done instead of ctx's own end. A server that must outlive the one it
// serves for waits for it so.
func Until(ctx context.Context, done <-chan struct{}) context.Context {
	return until{context.WithoutCancel(ctx), done}
}

type until struct {
	context.Context
	done <-chan struct{}
}

// Done is closed when the other has ended.
func (u until) Done() <-chan struct{} { return u.done }

// Err says whether it has.
func (u until) Err() error {
	select {
	case <-u.done:
		return context.Canceled
	default:
		return nil
	}
}
