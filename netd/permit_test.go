package netd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/netd"
	"airlock/netd/calendar"
	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// bubbleClock is a bubble's time, which begins at midnight of a Saturday, 1 January 2000 UTC.
type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() time.Time      { return time.Now() }
func (c bubbleClock) Boot() time.Duration { return time.Since(c.start) }

// underRules runs f with a keeper that has rules, in a bubble.
func underRules(t *testing.T, rules netd.Policy, f func(t *testing.T, b *bubble, dir string)) {
	t.Helper()
	dir, w := t.TempDir(), netdtest.NewWorld()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, w: w, rules: rules, clock: bubbleClock{time.Now()}}
		b.start(dir)
		f(t, b, dir)
		if err := b.halt(); err != nil {
			t.Error(err)
		}
		for _, breach := range w.Breaches() {
			t.Errorf("breach %s\n%s", breach, w)
		}
	})
}

func hours(t *testing.T, expressions ...string) calendar.Hours {
	t.Helper()
	h, err := calendar.Parse("UTC", expressions)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHours: outside of its hours a door does not open, and says when it will; within them, a window ends with them.
func TestHours(t *testing.T) {
	rules := netd.Policy{Outer: netd.DoorPolicy{Hours: hours(t, "0-9 1 * * *")}}
	underRules(t, rules, func(t *testing.T, b *bubble, _ string) {
		a := b.ask(fetch)
		if _, got := a.end(); got != windows.CodeNotNow || !strings.Contains(a.err.Error(), "2000-01-01 01:00 UTC") {
			t.Errorf("a window at midnight: %v, want %s and when it may be", a.err, windows.CodeNotNow)
		}
		if s := b.k.Status(); !s.Outer.Next.Equal(time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)) || s.Inner.Hours != "" {
			t.Errorf("status: outer next %v, inner hours %q", s.Outer.Next, s.Inner.Hours)
		}
		b.open(deploy).giveAndWait() // the inner door has no hours
		time.Sleep(time.Hour + 7*time.Minute)
		began := time.Now()
		a = b.open(fetch)
		state, got := a.end()
		if state != windows.Failed || got != windows.CodeTimeUp {
			t.Errorf("the end of the hours: %s, %s, want %s", state, got, windows.CodeTimeUp)
		}
		if took := time.Since(began); took < 150*time.Second || took > 190*time.Second {
			t.Errorf("the window lasted %v, want what its hours had left, 3 minutes", took)
		}
	})
}

// giveAndWait gives a window back and waits for its end.
func (a *asked) giveAndWait() {
	a.give()
	<-a.ended
}

// TestLongest: a site may want shorter windows than netd's limit.
func TestLongest(t *testing.T) {
	underRules(t, netd.Policy{Inner: netd.DoorPolicy{Longest: time.Minute}}, func(t *testing.T, b *bubble, _ string) {
		began := time.Now()
		if _, got := b.open(deploy).end(); got != windows.CodeTimeUp || time.Since(began) > 70*time.Second {
			t.Errorf("the window ended with %q after %v, want %s after a minute", got, time.Since(began), windows.CodeTimeUp)
		}
	})
}

// TestGap: between the closing of one door and the raising of the other lies the gap; the same door waits for nothing.
func TestGap(t *testing.T) {
	const gap = 20 * time.Second
	underRules(t, netd.Policy{Gap: gap}, func(t *testing.T, b *bubble, _ string) {
		opened := func(r windows.Request) time.Duration {
			began := time.Now()
			b.open(r).giveAndWait()
			return time.Since(began)
		}
		for n, c := range []struct {
			r    windows.Request
			wait bool
		}{{fetch, false}, {fetch, false}, {deploy, true}, {deploy, false}, {fetch, true}} {
			if took := opened(c.r); (took >= gap) != c.wait {
				t.Errorf("window %d, %s: took %v, want it to wait: %v", n, c.r.Door, took, c.wait)
			}
		}
		// Given back while it waits, it raises nothing.
		before := len(b.w.Log())
		a := b.ask(deploy)
		time.Sleep(gap / 2)
		a.giveAndWait()
		for _, step := range b.w.Log()[before:] {
			if step == "lan0 up" {
				t.Error("a window that was given back in the gap raised its link")
			}
		}
	})
}

// TestApproval: a window that needs a yes gets none without, and a yes is for one window, for an hour.
func TestApproval(t *testing.T) {
	rules := netd.Policy{Inner: netd.DoorPolicy{Approval: []windows.Purpose{windows.Deploy}}}
	underRules(t, rules, func(t *testing.T, b *bubble, _ string) {
		refused := func(when string) {
			t.Helper()
			a := b.ask(deploy)
			if _, got := a.end(); got != windows.CodeNeedsApproval || !strings.Contains(a.err.Error(), "approve deploy") {
				t.Errorf("%s: %v, want %s and what to type", when, a.err, windows.CodeNeedsApproval)
			}
		}
		refused("at first")
		if err := b.k.Approve(windows.Approval{Purpose: windows.Deploy}); code(err) != windows.CodeBadRequest {
			t.Errorf("a yes of nobody: %v", err)
		}
		if err := b.k.Approve(windows.Approval{Purpose: windows.Fetch, By: "ann"}); code(err) != windows.CodeBadRequest {
			t.Errorf("a yes to what needs none: %v", err)
		}
		say := func() {
			t.Helper()
			if err := b.k.Approve(windows.Approval{Purpose: windows.Deploy, By: "ann"}); err != nil {
				t.Fatal(err)
			}
		}
		say()
		if s := b.k.Status(); len(s.Approved) != 1 || s.Approved[0].By != "ann" || len(s.Inner.Approval) != 1 {
			t.Errorf("status: approved %+v, approval %v", s.Approved, s.Inner.Approval)
		}
		b.open(fetch).giveAndWait() // uses no yes up
		b.open(deploy).giveAndWait()
		refused("the second time")
		say()
		time.Sleep(time.Hour)
		refused("an hour later")
		var asked []string
		err := recorder.Read(b.k.Record(0), func(e recorder.Entry) error {
			if e.Event == recorder.WindowAsked && e.Door == windows.Inner {
				asked = append(asked, e.Text)
			}
			return nil
		})
		if err != nil || len(asked) != 1 || asked[0] != "approved by ann" {
			t.Errorf("the record (%v) names who approved: %q", err, asked)
		}
	})
}

// TestLockdown: it ends what is open, both doors are read back, no window is let in, also not by the next netd, until a
// person lifts it.
func TestLockdown(t *testing.T) {
	underRules(t, netd.Policy{}, func(t *testing.T, b *bubble, dir string) {
		refused := func() {
			t.Helper()
			for _, r := range []windows.Request{fetch, deploy} {
				a := b.ask(r)
				if _, got := a.end(); got != windows.CodeLockdown || !strings.Contains(a.err.Error(), "ann") {
					t.Errorf("a window under lockdown: %v, want %s and who did it", a.err, windows.CodeLockdown)
				}
			}
		}
		a := b.open(fetch)
		before := len(b.w.Log())
		if err := b.k.LockDown(windows.Lockdown{By: "ann", Why: "audit"}); err != nil {
			t.Fatal(err)
		}
		if state, got := a.end(); state != windows.Failed || got != windows.CodeLockdown {
			t.Errorf("the open window ended %s, %s", state, got)
		}
		time.Sleep(10 * time.Second)
		steps := strings.Join(b.w.Log()[before:], "; ")
		for _, want := range []string{"modem down", "lan0 down"} {
			if !strings.Contains(steps, want) {
				t.Errorf("%q was not done: %s", want, steps)
			}
		}
		refused()
		if err := b.halt(); err != nil {
			t.Fatal(err)
		}
		b.start(dir)
		if l := b.k.Status().Lockdown; l == nil || l.Why != "audit" {
			t.Errorf("after a restart the lockdown is %+v", l)
		}
		refused()
		if err := b.k.LiftLockdown(""); code(err) != windows.CodeBadRequest {
			t.Errorf("lifted by nobody: %v", err)
		}
		if err := b.k.LiftLockdown("bob"); err != nil {
			t.Fatal(err)
		}
		b.open(deploy).giveAndWait()
		if err := b.halt(); err != nil {
			t.Fatal(err)
		}
		// One that cannot be read is one all the same.
		if err := os.WriteFile(filepath.Join(dir, "lockdown.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.start(dir)
		a = b.ask(fetch)
		if _, got := a.end(); got != windows.CodeLockdown {
			t.Errorf("a window with a damaged lockdown: %v", a.err)
		}
	})
}
