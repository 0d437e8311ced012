package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"airlock/netd"
	"airlock/netd/interlock"
	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// childGuard is a guard in a process of its own, to be killed and stopped.
func childGuard(socket string) int {
	g := New(Config{Keeper: windows.NewGuardClient(socket), Folders: []string{os.Getenv(child + "_STATE")}})
	fmt.Fprintln(os.Stderr, g.Run(context.Background()))
	return 1
}

// guardedNetd is a real keeper that demands a guard, over hardware in memory, with the guard in a process of its own that
// watches this namespace.
type guardedNetd struct {
	t      *testing.T
	world  *netdtest.World
	keeper *netd.Keeper
	socket string
	state  string
	guard  *exec.Cmd
}

func startGuarded(t *testing.T) *guardedNetd {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("the guard watches a network namespace of its own: run this test as root")
	}
	if _, err := interlock.Load(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "guard") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n := &guardedNetd{t: t, world: netdtest.NewWorld(), socket: filepath.Join(dir, "netd.sock"), state: t.TempDir()}
	n.keeper, err = netd.New(netd.Config{
		Modem: n.world.Modem(), Outer: n.world.Outer(), Inner: n.world.Inner(), Interlock: n.world.Interlock(), Tunnel: n.world.Tunnel(),
		StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Guarded: true,
	})
	if err == nil {
		err = errors.Join(n.keeper.SetIdentity(netdtest.Identity()), n.keeper.SetSite(netdtest.Site("127.0.0.1:22")))
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", n.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = n.keeper.Run(ctx) })
	running.Go(func() {
		_ = windows.NewGuardServer(n.keeper, slog.New(slog.DiscardHandler)).Serve(ctx, l, uint32(os.Getuid()))
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	<-n.keeper.Ready()
	return n
}

// post sets a guard to watch.
func (n *guardedNetd) post() {
	n.t.Helper()
	n.guard = exec.Command("/proc/self/exe")
	n.guard.Env = append(os.Environ(), child+"="+n.socket, child+"_STATE="+n.state)
	n.guard.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.guard.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.dismiss)
	began := time.Now()
	n.within(5*time.Second, "the guard heard", func() bool {
		s := n.keeper.Status().Guard
		return s.Watching && s.Heard < time.Since(began) // and not one before it
	})
}

// dismiss kills the guard, also one that is stopped.
func (n *guardedNetd) dismiss() {
	_ = n.guard.Process.Kill()
	_ = n.guard.Wait() // it was killed
}

func (n *guardedNetd) within(limit time.Duration, what string, is func() bool) {
	n.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !is(); <-tick.C {
		if time.Since(began) > limit {
			n.t.Fatalf("not within %v: %s\n%s", limit, what, n.world)
		}
	}
}

// window asks for an inner window; the channel gives its last event, or its refusal as one.
func (n *guardedNetd) window() (opened, ended chan windows.Event) {
	opened, ended = make(chan windows.Event, 1), make(chan windows.Event, 1)
	go func() {
		var last windows.Event
		err := n.keeper.Window(n.t.Context(), windows.Request{Door: windows.Inner, Purpose: windows.Deploy, Asker: "test"}, func(e windows.Event) {
			if last = e; e.State == windows.Open {
				opened <- e
			}
		})
		if p := (*windows.Problem)(nil); errors.As(err, &p) {
			last = windows.Event{State: windows.Failed, Error: p.Code, Text: p.Detail}
		}
		ended <- last
	}()
	return opened, ended
}

// TestNoGuardNoDoor: netd opens nothing before a guard watches.
func TestNoGuardNoDoor(t *testing.T) {
	n := startGuarded(t)
	_, ended := n.window()
	if e := <-ended; e.Error != windows.CodeNoGuard {
		t.Errorf("without a guard the window ends with %+v, want %s", e, windows.CodeNoGuard)
	}
}

// TestGuardKilledOrStopped: netd shuts the door within the age that a beat may have, its own turn of a second, and the
// lowering; and opens again when a guard is back.
func TestGuardKilledOrStopped(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGSTOP": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			n := startGuarded(t)
			n.post()
			opened, ended := n.window()
			select {
			case <-opened:
			case e := <-ended:
				t.Fatalf("the window did not open: %+v", e)
			}
			began := time.Now()
			if err := n.guard.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			const bound = 3*time.Second + time.Second + 500*time.Millisecond
			select {
			case e := <-ended:
				t.Logf("shut %v after %s", time.Since(began).Round(time.Millisecond), name)
				if e.Error != windows.CodeNoGuard || n.world.Shut() != nil {
					t.Errorf("the window ended with %+v; %v", e, n.world.Shut())
				}
			case <-time.After(bound):
				t.Fatalf("still open %v after %s", bound, name)
			}
			n.dismiss()
			n.post()
			if opened, ended = n.window(); true {
				select {
				case <-opened:
				case e := <-ended:
					t.Errorf("with a new guard the window did not open: %+v", e)
				}
			}
		})
	}
}

// TestContradictionReachesNetd: what the guard sees in the kernel shuts the real keeper's door, latches, survives the
// guard's death, and one clearing clears both.
func TestContradictionReachesNetd(t *testing.T) {
	n := startGuarded(t)
	n.post()
	opened, ended := n.window()
	<-opened
	stray := plug(t, "usb7")
	stray.raise()
	select {
	case e := <-ended:
		if e.Error != windows.CodeFault || n.world.Shut() != nil {
			t.Errorf("the window ended with %+v; %v", e, n.world.Shut())
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the window is still open")
	}
	n.within(5*time.Second, "the fault latched", func() bool { return n.keeper.Status().Machine == "fault" })
	t.Logf("netd says: %s", n.keeper.Status().Fault)
	n.dismiss()
	n.post()
	_, ended = n.window()
	if e := <-ended; e.Error != windows.CodeFault {
		t.Errorf("with a fault latched the window ends with %+v", e)
	}
	if err := n.keeper.ClearFault(); err != nil {
		t.Fatal(err)
	}
	n.within(5*time.Second, "a window opens again", func() bool {
		opened, ended := n.window()
		select {
		case <-opened:
			return true
		case <-ended:
			return false
		}
	})
	if f := findFault([]string{n.state}); f != nil {
		t.Errorf("the guard still keeps %+v", f)
	}
}
