package netd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// tap is a reader of frames that notes what it was told.
type tap struct {
	refuse error

	mu  sync.Mutex
	log []string
}

func (p *tap) Listen(name string) (netd.Capture, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, "listen "+name)
	if p.refuse != nil {
		return nil, p.refuse
	}
	return capture{p}, nil
}

type capture struct{ p *tap }

func (c capture) End() recorder.Capture {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.log = append(c.p.log, "end")
	return recorder.Capture{FramesIn: 3, FramesOut: 4, BytesIn: 300, BytesOut: 400}
}

var _ netd.Tap = (*tap)(nil)

// told collects the lines that a keeper hands out for the journal.
type told struct {
	mu  sync.Mutex
	all []recorder.Entry
}

func (c *told) add(e recorder.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, e)
}

// account is the line of a window's end.
func (c *told) account(t *testing.T, window uint64) recorder.Entry {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.all {
		if e.Window == window && e.Account != nil {
			return e
		}
	}
	t.Fatalf("window %d has no account", window)
	return recorder.Entry{}
}

// One line tells the whole of a window: who, when on both clocks, what went through by counter and by capture, and
// what was read back.
func TestWindowHasOneAccount(t *testing.T) {
	p, c, dir := &tap{}, &told{}, t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, w: netdtest.NewWorld(), with: func(cfg *netd.Config) { cfg.Tap, cfg.Told = p, c.add }}
		b.start(dir)
		for _, r := range []windows.Request{fetch, deploy} {
			a := b.open(r)
			time.Sleep(7 * time.Second)
			a.give()
			b.wantEnd(a, windows.Closed, "")
		}
		if err := b.halt(); err != nil {
			t.Error(err)
		}
	})
	for i, door := range []windows.Door{windows.Outer, windows.Inner} {
		e := c.account(t, uint64(i+1))
		a := e.Account
		if e.Event != recorder.WindowClosed || e.Door != door || e.Asker != "test" || a.Opened == nil || e.At.Sub(a.Opened.At) < 7*time.Second {
			t.Errorf("%s: %+v, opened %+v", door, e, a.Opened)
		}
		if a.Asked.Boot > a.Opened.Boot || a.Opened.Boot > a.InterlockShut.Boot || a.InterlockShut.Boot > a.LinkDown.Boot {
			t.Errorf("%s: out of order: %+v", door, a)
		}
		if a.Counter == nil || a.Counter.BytesIn != 100 || *a.Counter.FramesIn != 1 || a.Capture == nil || a.Capture.BytesOut != 400 {
			t.Errorf("%s: counter %+v, capture %+v", door, a.Counter, a.Capture)
		}
		if outer := door == windows.Outer; outer != (a.RadioOff != nil) || outer && (a.ModemOpened.Radio != "on" || a.ModemClosed.Radio != "off") {
			t.Errorf("%s: radio off %v, module %+v then %+v", door, a.RadioOff, a.ModemOpened, a.ModemClosed)
		}
	}
	if want := []string{"listen wwan0", "end", "listen lan0", "end"}; !slices.Equal(p.log, want) {
		t.Errorf("the tap: %v, want %v", p.log, want)
	}
	if last := c.all[len(c.all)-1].Event; last != recorder.Checkpoint {
		t.Errorf("the record ends with %s, want all signed", last)
	}
}

// A tap that cannot listen stops no window, and is not passed over in silence.
func TestTapThatCannotListenIsTold(t *testing.T) {
	p, c, dir := &tap{refuse: errors.New("no such permission")}, &told{}, t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, w: netdtest.NewWorld(), with: func(cfg *netd.Config) { cfg.Tap, cfg.Told = p, c.add }}
		b.start(dir)
		a := b.open(fetch)
		a.give()
		b.wantEnd(a, windows.Closed, "")
		b.halt()
	})
	if got := c.account(t, 1).Account.Capture; got == nil || got.Error != "no such permission" {
		t.Errorf("capture %+v", got)
	}
}

// jumpy is a wall clock that is years off, each time elsewhere; the other clock is the bubble's.
type jumpy struct {
	mu    sync.Mutex
	n     int
	begun time.Time
}

func (j *jumpy) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	return time.Now().AddDate([]int{0, 10, -40, 9000, -56}[j.n%5], 0, 0)
}

func (j *jumpy) Boot() time.Duration { return time.Since(j.begun) }

// A clock that jumps years back and forth changes nothing: windows are as long as they should be, the chain is whole,
// and the lines stand in the order of the clock since boot.
func TestClockJumpsYears(t *testing.T) {
	dir := t.TempDir()
	r := fetch
	r.MaxSeconds = 60
	synctest.Test(t, func(t *testing.T) {
		clock := &jumpy{begun: time.Now()}
		b := &bubble{t: t, w: netdtest.NewWorld(), with: func(cfg *netd.Config) { cfg.Clock = clock }}
		b.start(dir)
		for range 4 {
			a := b.open(r)
			before := time.Now()
			b.wantEnd(a, windows.Failed, windows.CodeTimeUp)
			if took := time.Since(before); took < 59*time.Second || took > 62*time.Second {
				t.Errorf("a window of 60 s took %v", took)
			}
		}
		if err := b.halt(); err != nil {
			t.Error(err)
		}
	})
	f, err := os.Open(filepath.Join(dir, "record.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var before recorder.Entry
	years := map[int]bool{}
	if err := recorder.Read(f, func(e recorder.Entry) error {
		if e.Boot < before.Boot {
			t.Errorf("line %d at %v since boot stands behind one at %v", e.Seq, e.Boot, before.Boot)
		}
		years[e.At.Year()] = true
		before = e
		return nil
	}); err != nil || len(years) < 4 {
		t.Errorf("%v; the lines are of the years %v", err, years)
	}
}

// The node's record key is made once, told in the status and at the enrolment, and a record that is
// signed with another does not verify against it.
func TestRecordKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	n := netdtest.Start(t, publisher(t), dir)
	s, err := n.Client.Status(t.Context())
	if err != nil || s.Record == nil || s.Record.Key == "" || s.Record.Last.Seq == 0 {
		t.Fatalf("Status = %+v, %v", s.Record, err)
	}
	n.Stop()
	again := netdtest.Start(t, publisher(t), dir)
	after, err := again.Client.Status(t.Context())
	if err != nil || after.Record.Key != s.Record.Key || after.Record.Last.Seq <= s.Record.Last.Seq {
		t.Errorf("after a restart: %+v, %v", after.Record, err)
	}
	bundle, err := again.Client.ExportRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	b, err := io.ReadAll(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := recorder.Check(bytes.NewReader(b), s.Record.Key, nil); err != nil || sum.Key != s.Record.Key {
		t.Errorf("Check = %+v, %v", sum, err)
	}
	cut := b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1]
	if _, err := recorder.Verify(bytes.NewReader(cut)); err == nil {
		t.Error("a bundle without its last line verifies")
	}
}

func TestRecordIsAcknowledged(t *testing.T) {
	n := netdtest.Start(t, publisher(t), "")
	s, err := n.Client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wrong := s.Record.Last
	wrong.Hash = strings.Repeat("0", 64)
	wantCode(t, "a line that is another", n.Client.AcknowledgeRecord(t.Context(), wrong), windows.CodeBadRequest)
	if err := n.Client.AcknowledgeRecord(t.Context(), s.Record.Last); err != nil {
		t.Fatal(err)
	}
	after, err := n.Client.Status(t.Context())
	if err != nil || after.Record.Acknowledged != s.Record.Last.Seq {
		t.Errorf("Status = %+v, %v", after.Record, err)
	}
	lines, err := n.Client.RecordFrom(t.Context(), s.Record.Last.Seq)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	if b, err := io.ReadAll(lines); err != nil || bytes.Count(b, []byte("\n")) != 2 {
		t.Errorf("from line %d on: %s, %v", s.Record.Last.Seq, b, err)
	}
}
