package netdtest

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"airlock/netd"
	"airlock/netd/windows"
)

// Node is a real Keeper behind a real Server on a unix socket, with a World for hardware.
type Node struct {
	Keeper *netd.Keeper
	Client *windows.Client
	Socket string
	stop   func()
}

// Start runs a Keeper and its Server over w until the test ends, and waits until both doors have
// been read back. The test fails when w has seen a breach by then. A state folder of "" is a fresh one.
func Start(t testing.TB, w *World, stateDir string) *Node {
	t.Helper()
	if stateDir == "" {
		stateDir = t.TempDir()
	}
	k, err := netd.New(netd.Config{
		Modem: w.Modem(), Outer: w.Outer(), Inner: w.Inner(), Interlock: w.Interlock(), Tunnel: w.Tunnel(),
		StateDir: stateDir, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "netd") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Keeper: k, Socket: filepath.Join(folder, "netd.sock")}
	server := windows.NewServer(k, slog.New(slog.DiscardHandler))
	for uid, purposes := range w.Barred {
		server.Bar(uid, purposes...)
	}
	n.Client = windows.NewClient(n.Socket)
	l, err := net.Listen("unix", n.Socket)
	if err != nil {
		t.Fatal(err)
	}
	keep, stopKeeper := context.WithCancel(context.Background())
	serve, stopServer := context.WithCancel(context.Background())
	var running sync.WaitGroup
	kept := make(chan error, 1)
	running.Go(func() { kept <- k.Run(keep) })
	running.Go(func() { _ = server.Serve(serve, l) })
	n.stop = sync.OnceFunc(func() {
		stopKeeper() // first, so that windows get their last events
		if err := <-kept; err != nil {
			t.Logf("the keeper: %v", err)
		}
		stopServer()
		running.Wait()
		os.RemoveAll(folder)
	})
	t.Cleanup(func() {
		n.stop()
		for _, b := range w.Breaches() {
			t.Errorf("breach %s\n%s", b, w)
		}
	})
	select {
	case <-k.Ready():
	case <-time.After(10 * time.Second):
		t.Fatalf("the doors were not read back as shut\n%s", w)
	}
	return n
}

// Stop ends the node in order, as SIGTERM does, and waits for it. The test's end does it otherwise.
func (n *Node) Stop() { n.stop() }
