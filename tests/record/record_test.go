// Package record lets a keeper live through whatever can happen, over hardware in memory, and has the record that it
// leaves judged by the independent model.
package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/windows"
	"airlock/tests/model"
)

var (
	fetch  = windows.Request{Door: windows.Outer, Purpose: windows.Fetch, Asker: "test"}
	deploy = windows.Request{Door: windows.Inner, Purpose: windows.Deploy, Asker: "test"}
	stuck  = errors.New("it is stuck")
)

// life is a keeper in a time of its own, and whoever asks it.
type life struct {
	t      *testing.T
	w      *netdtest.World
	dir    string
	keeper *netd.Keeper
	stop   context.CancelFunc
	ended  chan error
	asked  []*asker
}

type asker struct {
	give context.CancelFunc
	done chan struct{}

	window atomic.Uint64 // its number; 0: it has none
}

func (l *life) start() {
	k, err := netd.New(netd.Config{
		Modem: l.w.Modem(), Outer: l.w.Outer(), Inner: l.w.Inner(), Interlock: l.w.Interlock(), Tunnel: l.w.Tunnel(),
		StateDir: l.dir, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := errors.Join(k.SetIdentity(netdtest.Identity()), k.SetSite(netdtest.Site("127.0.0.1:22"))); err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	l.keeper, l.stop, l.ended = k, stop, make(chan error, 1)
	go func() { l.ended <- k.Run(ctx) }()
	<-k.Ready()
}

// halt ends the keeper as SIGTERM does, and whoever still asks.
func (l *life) halt() {
	l.stop()
	<-l.ended
	for _, a := range l.asked {
		a.give()
		<-a.done
	}
	l.asked = nil
}

func (l *life) ask(r windows.Request) {
	ctx, give := context.WithCancel(context.Background())
	a := &asker{give: give, done: make(chan struct{})}
	k := l.keeper
	go func() {
		defer close(a.done)
		_ = k.Window(ctx, r, func(e windows.Event) { a.window.Store(e.Window) }) // whatever comes of it, the record tells
	}()
	l.asked = append(l.asked, a)
}

// copied is the record as a power cut would leave it now: what the keeper has written, without its end.
func (l *life) copied() string {
	f, err := os.ReadFile(filepath.Join(l.dir, "record.jsonl"))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(f)
}

// chance lets something happen.
func (l *life) chance(random *rand.Rand) {
	steps := netdtest.Steps()
	step := steps[random.IntN(len(steps))]
	switch random.IntN(13) {
	case 0, 1:
		l.ask(fetch)
	case 2, 3:
		l.ask(deploy)
	case 4, 5, 6:
		if len(l.asked) > 0 {
			l.asked[random.IntN(len(l.asked))].give()
		}
	case 7:
		l.w.Fail(step, stuck)
	case 8:
		l.w.Fail(step, slices.Repeat([]error{stuck}, 4)...) // enough for a fault
	case 9:
		time.AfterFunc(time.Duration(random.IntN(8000))*time.Millisecond, l.w.Hang(step))
	case 10:
		_ = l.keeper.ClearFault() // refused while there is none, or it stands
	case 11:
		l.keeper.Doubt()
	case 12:
		for _, a := range l.asked { // one of them may have its door open; the place is one that no policy names
			if _, err := l.keeper.Dial(context.Background(), a.window.Load(), "192.0.2.1:1"); err == nil {
				l.t.Error("a dial to a place that the policy does not name")
			}
		}
	}
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond) // in the bubble
}

// judge wants the model to find nothing.
func judge(t *testing.T, when, record string, o model.Options) model.Verdict {
	t.Helper()
	v, err := model.Judge(strings.NewReader(record), o)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Held() {
		t.Errorf("%s: %v\n%s", when, v.Findings, numbered(record))
	}
	return v
}

func numbered(record string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(record) {
		n++
		line, _, _ = strings.Cut(line, `,"prev":`)
		fmt.Fprintf(&b, "%4d %s\n", n, line)
	}
	return b.String()
}

// Anything in any order, with the keeper restarted in between: the model accepts the record of each life, as it stands at
// the end and as a kill in the midst of it would leave it.
func TestModelAcceptsWhateverHappened(t *testing.T) {
	total, seeds := model.Verdict{}, uint64(60)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		dir := t.TempDir()
		var cuts []string
		synctest.Test(t, func(t *testing.T) {
			l := &life{t: t, w: netdtest.NewWorld(), dir: dir}
			random := rand.New(rand.NewPCG(seed, 11))
			for range 3 {
				l.start()
				for range 40 {
					l.chance(random)
					if random.IntN(10) == 0 {
						cuts = append(cuts, l.copied())
					}
				}
				l.halt()
			}
		})
		v := judge(t, fmt.Sprintf("seed %d", seed), (&life{t: t, dir: dir}).copied(), model.Options{})
		for i, cut := range cuts {
			judge(t, fmt.Sprintf("seed %d, cut %d", seed, i), cut, model.Options{Running: true})
		}
		total.Lines, total.Windows, total.Starts = total.Lines+v.Lines, total.Windows+v.Windows, total.Starts+v.Starts
	}
	if total.Windows < 100 {
		t.Errorf("only %d windows", total.Windows)
	}
	t.Logf("%d lives: %d lines, %d windows, %d starts", seeds, total.Lines, total.Windows, total.Starts)
}

// In the bundle of a real record each line that is taken out is found, and each pair that is swapped, and a changed byte of each line.
func TestModelFindsEveryChangeOfABundle(t *testing.T) {
	dir := t.TempDir()
	var bundle string
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t, w: netdtest.NewWorld(), dir: dir}
		l.start()
		for _, r := range []windows.Request{fetch, deploy} {
			l.ask(r)
			time.Sleep(5 * time.Second)
			l.asked[len(l.asked)-1].give()
			time.Sleep(5 * time.Second)
		}
		lines, err := l.keeper.ExportRecord()
		if err != nil {
			t.Fatal(err)
		}
		defer lines.Close()
		b, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		bundle = string(b)
		l.halt()
	})
	judge(t, "the bundle", bundle, model.Options{})
	lines := slices.Collect(strings.Lines(bundle))
	if len(lines) < 30 {
		t.Fatalf("%d lines", len(lines))
	}
	found := func(what string, at int, changed []string) {
		v, err := model.Judge(strings.NewReader(strings.Join(changed, "")), model.Options{Running: true})
		if err != nil {
			t.Fatal(err)
		}
		if v.Held() {
			t.Errorf("%s %d is not found", what, at+1)
		} else if got := v.Findings[0].Line; got != at && got != at+1 {
			t.Errorf("%s %d: line %d is named: %v", what, at+1, got, v.Findings[0])
		}
	}
	for i := range lines {
		if i > 0 { // without its head a bundle is a record
			found("without line", i, slices.Delete(slices.Clone(lines), i, i+1))
			swapped := slices.Clone(lines)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			found("swapped with the line before: line", i, swapped)
		}
		for at := 3; at < len(lines[i]); at += 97 {
			changed := slices.Clone(lines)
			b := []byte(lines[i])
			b[at] ^= 2
			changed[i] = string(b)
			found(fmt.Sprintf("byte %d of line", at), i, changed)
		}
	}
}
