package netd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// bubble is a keeper whose time flies: minutes pass as soon as nobody has anything to do.
type bubble struct {
	t     *testing.T
	w     *netdtest.World
	k     *netd.Keeper
	rules netd.Policy
	clock netd.Clock
	stop  context.CancelFunc
	ended chan error
	with  func(*netd.Config) // changes what the keeper works with; nil: nothing
}

// inBubble runs f with a keeper over w in a time of its own.
func inBubble(t *testing.T, w *netdtest.World, f func(*testing.T, *bubble)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, w: w}
		b.start(dir)
		f(t, b)
		b.halt()
		for _, breach := range w.Breaches() {
			t.Errorf("breach %s\n%s", breach, w)
		}
	})
}

func (b *bubble) start(dir string) {
	b.t.Helper()
	cfg := netd.Config{
		Modem: b.w.Modem(), Outer: b.w.Outer(), Inner: b.w.Inner(), Interlock: b.w.Interlock(), Tunnel: b.w.Tunnel(),
		StateDir: dir, Log: slog.New(slog.DiscardHandler), Policy: b.rules, Clock: b.clock,
	}
	if b.with != nil {
		b.with(&cfg)
	}
	k, err := netd.New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(k.SetIdentity(netdtest.Identity()), k.SetSite(netdtest.Site("127.0.0.1:22"))); err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.k, b.stop, b.ended = k, stop, make(chan error, 1)
	go func() { b.ended <- k.Run(ctx) }()
	<-k.Ready()
}

// halt ends the keeper as SIGTERM does.
func (b *bubble) halt() error {
	b.stop()
	err := <-b.ended
	b.ended <- err
	return err
}

// asked is a window on its way.
type asked struct {
	give   context.CancelFunc // as if its asker had gone
	opened chan windows.Event
	ended  chan struct{}
	mu     sync.Mutex
	last   windows.Event // guarded by mu
	err    error         // set before ended is closed
}

// ask asks for a window.
func (b *bubble) ask(r windows.Request) *asked {
	ctx, give := context.WithCancel(context.Background())
	a := &asked{give: give, opened: make(chan windows.Event, 1), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		a.err = b.k.Window(ctx, r, func(e windows.Event) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if e.State == windows.Open && a.last.State != windows.Open { // later ones tell how a question goes on
				a.opened <- e
			}
			a.last = e
		})
	}()
	return a
}

// open waits for the door.
func (b *bubble) open(r windows.Request) *asked {
	b.t.Helper()
	a := b.ask(r)
	select {
	case <-a.opened:
	case <-a.ended:
		b.t.Fatalf("the window did not open: %+v, %v\n%s", a.last, a.err, b.w)
	}
	return a
}

// end is how the window ended: its last event's state and code, or the refusal's code.
func (a *asked) end() (windows.State, string) {
	<-a.ended
	if a.err != nil {
		return "", code(a.err)
	}
	return a.last.State, a.last.Error
}

func (b *bubble) wantEnd(a *asked, state windows.State, want string) {
	b.t.Helper()
	if s, c := a.end(); s != state || c != want {
		b.t.Errorf("the window ends %s with code %q, want %s with %q\n%s", s, c, state, want, b.w)
	}
}

func (b *bubble) wantMachine(want string) {
	b.t.Helper()
	if got := b.k.Status().Machine; got != want {
		b.t.Errorf("the machine is in %s, want %s\n%s", got, want, b.w)
	}
}

var errStuck = errors.New("it is stuck")

func TestLoweringIsTriedAgain(t *testing.T) {
	for _, step := range []string{"tunnel down", "shut", "wwan0 down", "modem down", "lan0 down"} {
		t.Run(step, func(t *testing.T) {
			inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
				r := fetch
				if step == "lan0 down" {
					r = deploy
				}
				a := b.open(r)
				b.w.Fail(step, errStuck, errStuck)
				a.give()
				b.wantEnd(a, windows.Closed, "")
				b.wantMachine("shut")
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestFaultLatches(t *testing.T) {
	for _, step := range []string{"tunnel down", "shut", "wwan0 down", "modem down", "lan0 down"} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				b := &bubble{t: t, w: netdtest.NewWorld()}
				b.start(dir)
				r := fetch
				if step == "lan0 down" {
					r = deploy
				}
				a := b.open(r)
				b.w.Fail(step, errStuck, errStuck, errStuck, errStuck) // the fourth while the doors are forced
				a.give()
				b.wantEnd(a, windows.Failed, windows.CodeFault)
				b.wantMachine("forcing")
				if err := b.k.ClearFault(); code(err) != windows.CodeFault {
					t.Errorf("ClearFault before the doors are read back = %v", err)
				}
				time.Sleep(time.Minute) // in the bubble
				b.wantMachine("fault")
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
				if s := b.k.Status(); !strings.Contains(s.Fault, "stuck") || s.Outer.State != "shut" {
					t.Errorf("Status = %+v", s)
				}
				b.wantEnd(b.ask(fetch), "", windows.CodeFault)
				b.wantEnd(b.ask(deploy), "", windows.CodeFault)
				if err := b.halt(); err != nil {
					t.Error(err)
				}
				b.start(dir) // a restart clears no fault
				b.wantEnd(b.ask(fetch), "", windows.CodeFault)
				time.Sleep(time.Minute)
				if err := b.k.ClearFault(); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				b.wantMachine("shut")
				a = b.open(fetch)
				a.give()
				b.wantEnd(a, windows.Closed, "")
				if err := b.halt(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestFaultAtTheStart(t *testing.T) {
	w := netdtest.NewWorld()
	w.Fail("modem down", slices.Repeat([]error{errStuck}, 10)...)
	inBubble(t, w, func(t *testing.T, b *bubble) {
		b.wantMachine("forcing")
		time.Sleep(5 * time.Minute)
		b.wantMachine("fault") // forced for as long as it took
		if err := w.Shut(); err != nil {
			t.Error(err)
		}
	})
}

func TestWindowEndsByItself(t *testing.T) {
	long := fetch
	long.MaxSeconds = 90
	for _, c := range []struct {
		name  string
		r     windows.Request
		event func(*netdtest.World)
		want  string
		after time.Duration // at the latest
	}{
		{"its time is up", long, func(*netdtest.World) {}, windows.CodeTimeUp, 91 * time.Second},
		{"the limit caps it", fetch, func(*netdtest.World) {}, windows.CodeTimeUp, netd.MaxWindow + time.Second},
		{"the lease lapses", fetch, func(w *netdtest.World) { w.Fail("renew wwan0", errStuck) }, windows.CodeInternal, 3 * time.Second},
		{"the modem is pulled", fetch, (*netdtest.World).Unplug, windows.CodeNoModem, 3 * time.Second},
		{"the LAN's NIC is gone", deploy, func(w *netdtest.World) { w.Fail("find lan0", errStuck) }, windows.CodeNoLink, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
				a := b.open(c.r)
				begin := time.Now()
				c.event(b.w)
				b.wantEnd(a, windows.Failed, c.want)
				if took := time.Since(begin); took > c.after {
					t.Errorf("took %v, want %v at most", took, c.after)
				}
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
				if err := b.k.Healthy(); err != nil {
					t.Errorf("Healthy = %v", err)
				}
			})
		})
	}
}

// A module that comes back has its radio on, whatever it was told before.
func TestModuleThatComesBackIsSilenced(t *testing.T) {
	inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
		b.w.Unplug()
		time.Sleep(10 * time.Second)
		b.w.Plug()
		time.Sleep(10 * time.Second)
		if err := b.w.Shut(); err != nil {
			t.Error(err)
		}
		b.w.Unplug()
		b.w.Plug() // too quick for the keeper to see; whoever watches the devices tells it
		b.k.Doubt()
		time.Sleep(time.Second)
		if err := b.w.Shut(); err != nil {
			t.Error(err)
		}
	})
}

// The lower waits for the raise that it cancels, whatever that hangs in; meanwhile nothing renews the
// interlock, and the watchdog learns of it.
func TestRaiseIsJoinedBeforeTheLower(t *testing.T) {
	for _, step := range []string{"modem up", "attach wwan0", "open wwan0", "wwan0 up", "tunnel up"} {
		t.Run(step, func(t *testing.T) {
			inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
				release := b.w.Hang(step)
				a := b.ask(fetch)
				time.Sleep(10 * time.Second)
				before := len(b.w.Log())
				a.give()
				time.Sleep(4 * time.Second)
				b.wantMachine("cancelling-outer")
				for _, line := range b.w.Log()[before:] {
					if !strings.HasPrefix(line, "renew") {
						t.Errorf("%q while the raise still runs", line)
					}
				}
				if s := b.w.String(); !strings.Contains(s, `interlock passes ""`) {
					t.Errorf("the lease is renewed while nobody wants the door:\n%s", s)
				}
				time.Sleep(6 * time.Minute)
				if err := b.k.Healthy(); err == nil || !strings.Contains(err.Error(), "raise-outer does not come to an end") {
					t.Errorf("Healthy = %v", err)
				}
				release()
				b.wantEnd(a, windows.Failed, windows.CodeInternal)
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestStopInEveryState(t *testing.T) {
	for _, r := range []windows.Request{fetch, deploy, service} {
		for _, step := range []string{"", "wwan0 up", "lan0 up", "wwan0 down", "lan0 down"} {
			t.Run(fmt.Sprintf("%s at %q", r.Purpose, step), func(t *testing.T) {
				inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
					if strings.HasSuffix(step, " up") {
						time.AfterFunc(5*time.Second, b.w.Hang(step))
					}
					a := b.ask(r)
					time.Sleep(2 * time.Second)
					if strings.HasSuffix(step, " down") {
						time.AfterFunc(5*time.Second, b.w.Hang(step))
						a.give()
						time.Sleep(time.Second)
					}
					if err := b.halt(); err != nil {
						t.Errorf("Run = %v", err)
					}
					<-a.ended
					if err := b.w.Shut(); err != nil {
						t.Errorf("%v\n%s", err, b.w)
					}
					b.wantEnd(b.ask(r), "", windows.CodeInternal)
				})
			})
		}
	}
}

// A keeper that cannot shut the doors says so at its end, and does not hang.
func TestStopThatCannotShut(t *testing.T) {
	inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
		b.open(fetch)
		b.w.Fail("modem down", slices.Repeat([]error{errStuck}, 20)...)
		if err := b.halt(); err == nil || !strings.Contains(err.Error(), "shut the doors") {
			t.Errorf("Run = %v", err)
		}
	})
}

// A module that is plugged in in the last second before the LAN is raised has its radio on, and nothing has noticed it
// yet: the raising itself reads it back. (Seen when the poll was all there was: the LAN came up beside the radio.)
func TestModuleThatAppearsRightBeforeTheLAN(t *testing.T) {
	inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
		b.w.Unplug()
		time.Sleep(9500 * time.Millisecond) // between two looks
		b.w.Plug()
		a := b.open(deploy)
		if b.w.RadioOn() {
			t.Errorf("the LAN is open and the radio on\n%s", b.w)
		}
		a.give()
		b.wantEnd(a, windows.Closed, "")
	})
}

// A device that appears while the LAN is open ends its window: the radio of a module that starts is on.
func TestDeviceThatAppearsBesideTheLAN(t *testing.T) {
	inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
		a := b.open(deploy)
		b.k.Doubt() // whoever watches the devices has seen one
		b.wantEnd(a, windows.Failed, windows.CodeInternal)
		time.Sleep(5 * time.Second)
		if s := b.k.Status().Machine; s != "shut" || b.w.RadioOn() {
			t.Errorf("comes to rest in %s, radio on: %v\n%s", s, b.w.RadioOn(), b.w)
		}
	})
}
