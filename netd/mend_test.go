package netd_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// count is how often a step was done.
func (b *bubble) count(step string) (n int) {
	for _, line := range b.w.Log() {
		if line == step {
			n++
		}
	}
	return n
}

// recorded are the record's lines of one event.
func (b *bubble) recorded(event recorder.Event) (found []recorder.Entry) {
	b.t.Helper()
	whole, err := io.ReadAll(b.k.Record(0))
	if err != nil {
		b.t.Fatal(err)
	}
	err = recorder.Read(bytes.NewReader(whole), func(e recorder.Entry) error {
		if e.Event == event {
			found = append(found, e)
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	return found
}

// A lease that carries nothing is mended, and the link is raised anew behind the interlock each time: the module may
// have come back with an interface that nobody guards.
func TestLameLeaseIsMended(t *testing.T) {
	for lame := range 3 {
		t.Run(fmt.Sprint(lame), func(t *testing.T) {
			w := netdtest.NewWorld()
			w.Lame = lame
			inBubble(t, w, func(t *testing.T, b *bubble) {
				a := b.open(fetch)
				if n := b.count("modem mend"); n != lame {
					t.Errorf("mended %d times, want %d", n, lame)
				}
				want := []string{"shut", "wwan0 down", "modem mend", "wwan0 down", "attach wwan0", "open wwan0", "wwan0 up"}
				log := b.w.Log()
				if i := slices.Index(log, "modem mend"); i >= 0 && !slices.Equal(log[i-2:i+5], want) {
					t.Errorf("around the first mending: %v, want %v", log[i-2:i+5], want)
				}
				a.give()
				b.wantEnd(a, windows.Closed, "")
				steps := b.recorded(recorder.ModuleRecovery)
				if len(steps) != lame || lame > 0 && (steps[0].Text != "rebind, because: no traffic" || steps[0].Window != 1) {
					t.Errorf("recorded %+v, want %d steps", steps, lame)
				}
				closed := b.recorded(recorder.WindowClosed)
				if want := uint64(100 * (lame + 1)); len(closed) != 1 || *closed[0].In != want {
					t.Errorf("the window's end tells %+v, want %d bytes: those of every raising", closed, want)
				}
				if err := b.w.Shut(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// What mending cannot help against, or is not the module's fault, ends with the diagnosis that fits.
func TestSilenceIsBlamed(t *testing.T) {
	tok, err := tunnel.NewToken([32]byte{9}, [32]byte{0xab}, "192.0.2.1:51820")
	if err != nil {
		t.Fatal(err)
	}
	enrol := windows.Request{Door: windows.Outer, Purpose: windows.Enrol, Asker: "console", Token: tok.String()}
	for _, c := range []struct {
		name  string
		r     windows.Request
		set   func(*netdtest.World)
		code  string
		words string
		mends int
	}{
		{"nothing comes in, ever", fetch, func(w *netdtest.World) { w.Lame = 9 }, windows.CodeNoNetwork, "carries no traffic", 2},
		{"the hub is silent, others are not", fetch, func(w *netdtest.World) { w.UnknownHub, w.Chatter = true, true }, windows.CodeNoHub, "does not answer", 0},
		{"no hub runs there", fetch, func(w *netdtest.World) {
			w.Fail("tunnel up", fmt.Errorf("%w: %w", tunnel.ErrNoHandshake, tunnel.ErrRefused))
		}, windows.CodeNoHub, "nothing listens", 0},
		{"a revoked token", enrol, func(w *netdtest.World) { w.UnknownHub = true }, windows.CodeBadToken, "new token", 1},
		{"the module does not come back", fetch, func(w *netdtest.World) { w.Lame = 9; w.Fail("modem mend", errStuck) }, windows.CodeNoNetwork, "it is stuck", 0},
		{"the link does not come back", fetch, func(w *netdtest.World) { w.Lame = 9; w.Fail("wwan0 up", nil, errStuck) }, windows.CodeNoNetwork, "it is stuck", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := netdtest.NewWorld()
			inBubble(t, w, func(t *testing.T, b *bubble) {
				c.set(w)
				a := b.ask(c.r)
				b.wantEnd(a, windows.Failed, c.code)
				if !strings.Contains(a.last.Text, c.words) {
					t.Errorf("told %q, want %q in it", a.last.Text, c.words)
				}
				if n := b.count("modem mend"); n != c.mends {
					t.Errorf("mended %d times, want %d", n, c.mends)
				}
				if err := b.w.Shut(); err != nil {
					t.Errorf("%v\n%s", err, b.w)
				}
			})
		})
	}
}

// An asker who goes in the middle of a mending is heard, the raising is joined, and the door is shut.
func TestMendingIsCancelled(t *testing.T) {
	for _, step := range []string{"shut", "wwan0 down", "modem mend", "attach wwan0", "open wwan0", "wwan0 up", "tunnel up"} {
		t.Run(step, func(t *testing.T) {
			w := netdtest.NewWorld()
			inBubble(t, w, func(t *testing.T, b *bubble) {
				w.Lame = 2
				a := b.ask(fetch)
				// The first handshake is held up until the second half of the test is prepared.
				release := w.Hang("tunnel up")
				time.Sleep(time.Second)
				held := w.Hang(step)
				if step != "tunnel up" {
					release()
				}
				time.Sleep(2 * time.Second)
				a.give()
				time.Sleep(3 * time.Second)
				b.wantMachine("cancelling-outer")
				held()
				release()
				b.wantEnd(a, windows.Failed, windows.CodeInternal)
				b.wantMachine("shut")
				if err := b.w.Shut(); err != nil {
					t.Errorf("%v\n%s", err, b.w)
				}
			})
		})
	}
}

// Mending in any order with everything else: no door rule is broken, and at rest both doors are shut.
func TestMendingInAnyOrder(t *testing.T) {
	steps := []string{"shut", "wwan0 down", "modem mend", "attach wwan0", "open wwan0", "wwan0 up", "tunnel up", "find wwan0"}
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			w := netdtest.NewWorld()
			inBubble(t, w, func(t *testing.T, b *bubble) {
				w.Lame = 1 + random.IntN(40)
				var all []*asked
				for range 40 {
					switch random.IntN(6) {
					case 0, 1:
						all = append(all, b.ask([]windows.Request{fetch, fetch, deploy}[random.IntN(3)]))
					case 2:
						if len(all) > 0 {
							all[random.IntN(len(all))].give()
						}
					case 3:
						w.Fail(steps[random.IntN(len(steps))], errStuck)
					case 4:
						time.AfterFunc(time.Duration(random.IntN(4000))*time.Millisecond, w.Hang(steps[random.IntN(len(steps))]))
					case 5:
						b.k.Doubt()
					}
					time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
				}
				for _, a := range all {
					a.give()
				}
				time.Sleep(10 * time.Minute)
				if s := b.k.Status().Machine; s != "shut" && s != "fault" {
					t.Errorf("comes to rest in %s\n%s", s, b.w)
				}
				if err := b.w.Shut(); err != nil {
					t.Errorf("at rest: %v\n%s", err, b.w)
				}
			})
		})
	}
}
