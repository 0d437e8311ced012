package run

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	dir, err := os.MkdirTemp("", "run") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.sock")

	l, err := Listen(t.Context(), path, "no-such-group", quiet())
	if err != nil {
		t.Fatalf("Listen() = %v, want a socket although the group is unknown", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket = %v, %v, want mode 0660", info.Mode(), err)
	}
	if _, err := Listen(t.Context(), path, "", quiet()); err == nil || !strings.Contains(err.Error(), "another daemon answers there") {
		t.Errorf("Listen() on a socket in use = %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a daemon that was killed leaves it
	l.Close()
	again, err := Listen(t.Context(), path, "", quiet())
	if err != nil {
		t.Fatalf("Listen() on a dead daemon's socket = %v", err)
	}
	again.Close()

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("state"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), file, "", quiet()); err == nil || !strings.Contains(err.Error(), "something else than a socket") {
		t.Errorf("Listen() on a file = %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "state" {
		t.Errorf("the file is now %q, %v", b, err)
	}
}

func TestUntil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	u := Until(ctx, done)
	derived, stop := context.WithCancel(u)
	defer stop()
	cancel()
	if u.Err() != nil || derived.Err() != nil {
		t.Error("it ended with the context that it outlives")
	}
	close(done)
	<-u.Done()
	<-derived.Done()
	if u.Err() == nil {
		t.Error("Err() = nil after its end")
	}
}
