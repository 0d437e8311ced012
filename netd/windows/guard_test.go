package windows_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"airlock/netd/windows"
)

// warden keeps what the guard said.
type warden struct {
	mu        sync.Mutex
	beats     []windows.Beat
	condemned []windows.GuardFault
	refuse    error
}

// Beat implements windows.Guarded.
func (w *warden) Beat(b windows.Beat) windows.Stand {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats = append(w.beats, b)
	return windows.Stand{Machine: "shut", Outer: "shut", Inner: "shut", Radio: "off", Forgiven: "x"}
}

// Condemn implements windows.Guarded.
func (w *warden) Condemn(f windows.GuardFault) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.condemned = append(w.condemned, f)
	return w.refuse
}

// hear serves a warden for some users, until the test ends.
func hear(t *testing.T, w *warden, users ...uint32) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ear") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "netd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- windows.NewGuardServer(w, slog.New(slog.DiscardHandler)).Serve(ctx, l, users...) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return socket
}

func TestGuardIsHeard(t *testing.T) {
	w := &warden{}
	c := windows.NewGuardClient(hear(t, w, 4711, uint32(os.Getuid())))
	s, err := c.Beat(t.Context(), windows.Beat{})
	if err != nil || s.Radio != "off" || s.Forgiven != "x" {
		t.Errorf("Beat() = %+v, %v", s, err)
	}
	f := windows.GuardFault{ID: "1", Rule: "renamed", Why: "it was"}
	if err := c.Condemn(t.Context(), f); err != nil {
		t.Error(err)
	}
	w.refuse = &windows.Problem{Code: windows.CodeInternal, Detail: "netd is going down"}
	var p *windows.Problem
	if err := c.Condemn(t.Context(), f); !errors.As(err, &p) || p.Detail != "netd is going down" {
		t.Errorf("Condemn() = %v", err)
	}
	if len(w.beats) != 1 || len(w.condemned) != 2 || w.condemned[0] != f {
		t.Errorf("netd heard %+v", w)
	}
}

// TestOnlyTheGuardIsHeard: whoever else calls is hung up on before a byte is read; and no window can be asked for there.
func TestOnlyTheGuardIsHeard(t *testing.T) {
	w := &warden{}
	c := windows.NewGuardClient(hear(t, w, uint32(os.Getuid())+1))
	if _, err := c.Beat(t.Context(), windows.Beat{}); err == nil || windows.NobodyThere(err) {
		t.Errorf("a stranger's Beat() = %v, want to be hung up on", err)
	}
	if err := c.Condemn(t.Context(), windows.GuardFault{ID: "1"}); err == nil {
		t.Error("a stranger's Condemn succeeded")
	}
	if len(w.beats)+len(w.condemned) > 0 {
		t.Errorf("netd heard %+v", w)
	}
	socket := hear(t, w, uint32(os.Getuid()))
	for _, request := range []string{
		put("POST", "/v1/windows", `{"door":"outer","purpose":"fetch","asker":"x"}`),
		"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\nAirlock-Window: 1\r\nConnection: close\r\n\r\n",
	} {
		if status, _, body := raw(t, socket, request); status != 404 && status != 405 {
			t.Errorf("%.20s = %d %s, want that there is no such thing", request, status, body)
		}
	}
}

// TestNobodyThere tells a netd that is dead from one that is slow.
func TestNobodyThere(t *testing.T) {
	c := windows.NewGuardClient(filepath.Join(t.TempDir(), "none.sock"))
	if _, err := c.Beat(t.Context(), windows.Beat{}); !windows.NobodyThere(err) {
		t.Errorf("NobodyThere(%v) = false", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := windows.NewGuardClient(hear(t, &warden{}, 0)).Beat(ctx, windows.Beat{})
	if windows.NobodyThere(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Beat() = %v", err)
	}
}
