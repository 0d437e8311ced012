package netd_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// startGuarded starts a keeper that demands a guard.
func (b *bubble) startGuarded(dir string) {
	b.t.Helper()
	k, err := netd.New(netd.Config{
		Modem: b.w.Modem(), Outer: b.w.Outer(), Inner: b.w.Inner(), Interlock: b.w.Interlock(), Tunnel: b.w.Tunnel(),
		StateDir: dir, Log: slog.New(slog.DiscardHandler), Guarded: true,
	})
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

// guarded runs f with such a keeper; the world sees no breach.
func guarded(t *testing.T, f func(*testing.T, *bubble, string)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, w: netdtest.NewWorld()}
		b.startGuarded(dir)
		f(t, b, dir)
		if err := b.halt(); err != nil {
			t.Error(err)
		}
		for _, breach := range b.w.Breaches() {
			t.Errorf("breach %s\n%s", breach, b.w)
		}
	})
}

// beats gives signs of life, as the guard does, until the function returned is called.
func (b *bubble) beats(f *windows.GuardFault) (silence func()) {
	b.k.Beat(windows.Beat{Fault: f})
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.k.Beat(windows.Beat{Fault: f})
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-ended }
}

var seen = windows.GuardFault{ID: "first", Rule: "both-links-up", Why: "wwan0 and lan0 were up at once"}

// TestGuardFallsSilent: no window opens without it, and one that is open ends within 4 s of its last beat.
func TestGuardFallsSilent(t *testing.T) {
	for _, r := range []windows.Request{fetch, deploy} {
		t.Run(string(r.Door), func(t *testing.T) {
			guarded(t, func(t *testing.T, b *bubble, _ string) {
				b.wantEnd(b.ask(r), "", windows.CodeNoGuard)
				silence := b.beats(nil)
				a := b.open(r)
				time.Sleep(time.Minute) // in the bubble: it stays open
				if s := b.k.Status(); s.Guard == nil || !s.Guard.Watching || !strings.HasSuffix(s.Machine, "-open") {
					t.Errorf("Status = %+v", s)
				}
				silence()
				began := time.Now()
				b.wantEnd(a, windows.Failed, windows.CodeNoGuard)
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("shut %v after the last beat", took)
				}
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
				b.wantEnd(b.ask(r), "", windows.CodeNoGuard)
				defer b.beats(nil)()
				a = b.open(r)
				a.give()
				b.wantEnd(a, windows.Closed, "")
			})
		})
	}
}

// TestGuardFallsSilentWhileRaising: the raise is cancelled and joined, then lowered.
func TestGuardFallsSilentWhileRaising(t *testing.T) {
	guarded(t, func(t *testing.T, b *bubble, _ string) {
		silence := b.beats(nil)
		release := b.w.Hang("tunnel up")
		a := b.ask(fetch)
		time.Sleep(time.Second)
		b.wantMachine("raising-outer")
		silence()
		time.Sleep(5 * time.Second)
		b.wantMachine("cancelling-outer")
		release()
		b.wantEnd(a, windows.Failed, windows.CodeNoGuard)
	})
}

// TestCondemnedInEveryState: wherever the machine stands, both doors are forced, the fault is kept at once, and survives a
// restart; one clearing is enough, but no door opens before the guard has agreed.
func TestCondemnedInEveryState(t *testing.T) {
	for _, c := range []struct {
		state string
		r     windows.Request
		hang  string
		give  bool
	}{
		{"shut", windows.Request{}, "", false},
		{"lowering", windows.Request{}, "modem down", false},
		{"raising-outer", fetch, "tunnel up", false},
		{"cancelling-outer", fetch, "tunnel up", true},
		{"outer-open", fetch, "", false},
		{"lowering-outer", fetch, "modem down", true},
		{"raising-inner", deploy, "lan0 up", false},
		{"cancelling-inner", deploy, "lan0 up", true},
		{"inner-open", deploy, "", false},
		{"lowering-inner", deploy, "lan0 down", true},
	} {
		t.Run(c.state, func(t *testing.T) {
			guarded(t, func(t *testing.T, b *bubble, dir string) {
				silence := b.beats(nil)
				release := func() {}
				hang := func() {
					if c.hang != "" {
						release = b.w.Hang(c.hang)
					}
				}
				var a *asked
				lowers := strings.HasPrefix(c.state, "lowering-")
				switch {
				case c.state == "lowering":
					hang()
					b.k.Doubt()
				case c.r.Door == "":
				case c.hang == "" || lowers:
					a = b.open(c.r)
					if lowers {
						hang()
					}
				default:
					hang()
					a = b.ask(c.r)
				}
				time.Sleep(time.Second)
				if c.give {
					a.give()
					time.Sleep(time.Second)
				}
				b.wantMachine(c.state)
				silence()
				silence = b.beats(&seen)
				time.Sleep(time.Second)
				if s := b.k.Status(); !strings.Contains(s.Fault, seen.Why) {
					t.Errorf("not kept at once: %+v", s)
				}
				release()
				if a != nil {
					<-a.ended
				}
				time.Sleep(5 * time.Second)
				b.wantMachine("fault")
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
				silence()
				if err := b.halt(); err != nil {
					t.Error(err)
				}
				b.startGuarded(dir) // a restart clears no fault
				silence = b.beats(&seen)
				time.Sleep(5 * time.Second)
				b.wantMachine("fault")
				b.wantEnd(b.ask(fetch), "", windows.CodeFault)
				if err := b.k.ClearFault(); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Second)
				b.wantMachine("shut")
				b.wantEnd(b.ask(fetch), "", windows.CodeFault) // the guard holds it still
				if s := b.k.Beat(windows.Beat{Fault: &seen}); s.Forgiven != seen.ID {
					t.Errorf("the guard is not told of the clearing: %+v", s)
				}
				silence()
				defer b.beats(nil)()
				a = b.open(fetch)
				a.give()
				b.wantEnd(a, windows.Closed, "")
			})
		})
	}
}

// TestCondemnedAnew: a fault that the guard sees again after a clearing latches again.
func TestCondemnedAnew(t *testing.T) {
	guarded(t, func(t *testing.T, b *bubble, _ string) {
		if err := b.k.Condemn(seen); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		b.wantMachine("fault")
		if err := b.k.ClearFault(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		b.wantMachine("shut")
		again := seen
		again.ID = "second"
		b.k.Beat(windows.Beat{Fault: &again})
		time.Sleep(5 * time.Second)
		b.wantMachine("fault")
	})
}
