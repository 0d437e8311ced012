package windows_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// TestPersonsOnly: who is no person by the kernel's word may lock the doors, and not lift that, clear a fault or approve.
func TestPersonsOnly(t *testing.T) {
	n := netdtest.Start(t, netdtest.NewWorld(), "")
	for name, person := range map[string]bool{"person": true, "courier": false} {
		t.Run(name, func(t *testing.T) {
			server := windows.NewServer(n.Keeper, slog.New(slog.DiscardHandler))
			if !person {
				server.Bar(uint32(os.Getuid()), windows.Service)
			}
			client := windows.NewClient(serve(t, server))
			ctx := t.Context()
			if err := client.LockDown(ctx, windows.Lockdown{By: name}); err != nil {
				t.Errorf("LockDown = %v", err)
			}
			for what, err := range map[string]error{
				"LiftLockdown": client.LiftLockdown(ctx, name), "ClearFault": client.ClearFault(ctx),
				"Approve": client.Approve(ctx, windows.Approval{Purpose: windows.Deploy, By: name}),
			} {
				refused := err != nil && windows.AsProblem(err, "", "").Code == windows.CodeNotAllowed
				if refused == person {
					t.Errorf("%s = %v, person: %v", what, err, person)
				}
			}
			if locked := n.Keeper.Status().Lockdown != nil; locked == person {
				t.Errorf("locked down: %v", locked)
			}
		})
		if err := n.Client.LiftLockdown(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
	}
}

// serve runs a server on a socket of its own until the test ends, and names it.
func serve(t *testing.T, s *windows.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "netd")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(ctx, l) })
	t.Cleanup(func() { stop(); running.Wait(); os.RemoveAll(dir) })
	return path
}
