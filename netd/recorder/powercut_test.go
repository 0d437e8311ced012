package recorder

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"airlock/netd/recorder/chain"
)

// small makes a file of the record hold some two windows.
var small = Limits{Segment: 3000, Keep: 6000, Most: 12000}

func on(d *cutDisk) Options {
	return Options{Clock: &tick{}, Key: testKey(), Limits: small}
}

// promise is what Append, Checkpoint or Acknowledge has said to be on the disk.
type promise struct {
	event  Event
	window uint64
}

// live opens a record and lives through windows, as the keeper does, until the disk fails. It gives what the disk has promised.
func live(d *cutDisk, windows int) (kept []promise, err error) {
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		return kept, err
	}
	add := func(e Entry) error {
		if err := r.Append(e); err != nil {
			return err
		}
		if e.Event.durable() {
			kept = append(kept, promise{e.Event, e.Window})
		}
		return nil
	}
	if err := add(Entry{Event: Started}); err != nil {
		return kept, err
	}
	for range windows {
		w := r.LastWindow() + 1
		if err := r.Reserve(); err != nil {
			return kept, err
		}
		for _, e := range []Event{WindowAsked, RadioOn, InterlockOpen, WindowOpened, Dialled, InterlockShut, RadioOff, WindowClosed} {
			if err := add(Entry{Event: e, Window: w, Door: "outer"}); err != nil {
				return kept, err
			}
		}
		if err := r.Checkpoint(w); err != nil {
			return kept, err
		}
		kept = append(kept, promise{WindowClosed, w}, promise{Checkpoint, w})
		if w%3 == 0 {
			if err := r.Acknowledge(r.State().Last); err != nil {
				return kept, err
			}
		}
	}
	return kept, nil
}

// content is the record as a reader gets it, and whether it holds.
func content(t *testing.T, d *cutDisk) (entries []Entry, s Summary) {
	t.Helper()
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		t.Fatal(err)
	}
	lines := r.Reader(0)
	defer lines.Close()
	s, err = Check(lines, "", func(e Entry) error { entries = append(entries, e); return nil })
	if err != nil {
		all, _ := io.ReadAll(r.Reader(0))
		t.Fatalf("%v\n%s", err, all)
	}
	return entries, s
}

// The power is cut at the first operation of the disk, at the second, and so on until the whole life passes: through
// lines, checkpoints, rotations and droppings. Whatever the disk kept of what was not synced, the next start finds an
// unbroken chain with everything that was promised, says what was torn, and goes on.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, s := range []survival{nothingKept, allKept, halfKept, namesKept} {
		t.Run(string(s), func(t *testing.T) {
			n := 1
			for ; ; n++ {
				d := newCutDisk()
				d.cutAt = n
				kept, err := live(d, 9)
				if err != nil && !errors.Is(err, errCut) {
					t.Fatalf("cut at %d: %v", n, err)
				}
				entries, _ := content(t, d.after(s))
				holds(t, fmt.Sprintf("cut at %d", n), kept, entries)
				if err == nil {
					break
				}
			}
			if n < 100 {
				t.Errorf("only %d operations: the life is too short to judge by", n)
			}
			t.Logf("%d cuts", n)
		})
	}
}

// The power is cut, the record is opened, and the power is cut again while it is being repaired.
func TestPowerCutWhileRepairing(t *testing.T) {
	cuts := 0
	for n := 1; n < 90; n += 8 {
		first := newCutDisk()
		first.cutAt = n
		kept, _ := live(first, 3)
		for m := 1; ; m++ {
			second := first.after(halfKept)
			second.cutAt = m
			more, err := live(second, 1)
			entries, _ := content(t, second.after(halfKept))
			holds(t, fmt.Sprintf("cut at %d, then at %d", n, m), append(kept[:len(kept):len(kept)], more...), entries)
			cuts++
			if err == nil {
				break
			}
		}
	}
	t.Logf("%d pairs of cuts", cuts)
}

// holds checks that every promise is in the record, or among the lines that a signed line says were dropped.
func holds(t *testing.T, when string, kept []promise, entries []Entry) {
	t.Helper()
	if len(entries) == 0 {
		t.Fatalf("%s: the record is empty", when)
	}
	have := map[promise]int{}
	lowest := ^uint64(0)
	for _, e := range entries {
		have[promise{e.Event, e.Window}]++
		if e.Window > 0 {
			lowest = min(lowest, e.Window)
		}
	}
	dropped := entries[0].Seq > 1
	for _, p := range kept {
		if dropped && (p.window <= lowest) {
			continue
		}
		if have[p] == 0 {
			t.Fatalf("%s: %s of window %d was promised and is lost", when, p.event, p.window)
		}
	}
}

// A rotation that is torn apart: each order in which its names can have reached the disk.
func TestTornRotation(t *testing.T) {
	whole := newCutDisk()
	if _, err := live(whole, 3); err != nil {
		t.Fatal(err)
	}
	old := slices.Sorted(func(yield func(string) bool) {
		for name := range whole.files {
			if name != "record.jsonl" && !yield(name) {
				return
			}
		}
	})
	if len(old) == 0 {
		t.Fatal("nothing was rotated")
	}
	want, _ := content(t, whole.after(allKept))
	for name, tear := range map[string]func(d *cutDisk){
		"the newest is missing": func(d *cutDisk) {
			last := old[len(old)-1]
			d.files = map[string]*cutFile{last: d.files[last], old[0]: d.files[old[0]]}
		},
		"the next was begun": func(d *cutDisk) { d.files["record.jsonl.new"] = &cutFile{d: d} },
		"the next has half a line, which a disk that reorders may leave": func(d *cutDisk) {
			d.files["record.jsonl.new"] = &cutFile{d: d, now: []byte(`{"seq":1,`)}
		},
	} {
		d := whole.after(allKept)
		tear(d)
		entries, s := content(t, d)
		if s.First != 1 || entries[0].Event != KeySet {
			t.Errorf("%s: the record begins with %+v", name, entries[0])
		}
		if len(entries) < len(want)-30 || d.files["record.jsonl.new"] != nil || d.files["record.jsonl"] == nil {
			t.Errorf("%s: %d lines in %d files", name, len(entries), len(d.files))
		}
	}
}

// One write, sync or rename fails, whichever it is, and the disk is well again: the record goes on, its chain is whole,
// and what is missing is told.
func TestOneFailingOperation(t *testing.T) {
	for _, fault := range []error{unix.EIO, unix.ENOSPC} {
		n := 1
		for ; ; n++ {
			d := newCutDisk()
			d.cutAt, d.fault = n, fault
			o, gaps := on(d), false
			o.Told = func(e Entry) { gaps = gaps || e.Event == Gap } // the line itself may be dropped later
			r, err := open(d, "record.jsonl", o)
			if err != nil {
				if !errors.Is(err, fault) {
					t.Fatal(err)
				}
				continue
			}
			missed := stubborn(t, r, fault, 9)
			ops := d.ops
			d.cutAt = 0
			content(t, d)
			if missed && !gaps {
				t.Fatalf("%v at %d: an event is missing, and no gap told", fault, n)
			}
			if ops < n {
				break
			}
		}
		if n < 100 {
			t.Errorf("only %d operations", n)
		}
		t.Logf("%v at each of %d operations", fault, n)
	}
}

// stubborn lives as live does, and goes on whatever fails. It says whether an event was missed.
func stubborn(t *testing.T, r *Recorder, fault error, windows int) (missed bool) {
	t.Helper()
	failed := func(err error) bool {
		if err != nil && !errors.Is(err, fault) {
			t.Fatal(err)
		}
		return err != nil
	}
	for w := range uint64(windows) {
		if failed(r.Reserve()) && failed(r.Reserve()) {
			t.Fatal("Reserve fails twice for one fault")
		}
		for _, e := range []Event{WindowAsked, InterlockOpen, Dialled, InterlockShut, WindowClosed} {
			missed = failed(r.Append(Entry{Event: e, Window: w + 1})) || missed
		}
		missed = failed(r.Checkpoint(w+1)) || missed
		missed = failed(r.Acknowledge(r.State().Last)) || missed
	}
	for range 2 { // the second tells that the first is missing
		missed = failed(r.Append(Entry{Event: Stopped})) || missed
	}
	return missed && r.missed == 0
}

func TestFullDiskLeavesAToldGap(t *testing.T) {
	for room := 0; room < 2600; room += 7 {
		d := newCutDisk()
		r, err := open(d, "record.jsonl", on(d))
		if err != nil {
			t.Fatal(err)
		}
		d.room = d.used() + room
		missed := 0
		for range 4 {
			if err := r.Append(Entry{Event: Dialled}); errors.Is(err, unix.ENOSPC) {
				missed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Checkpoint(1); missed > 0 && err == nil {
			t.Fatal("a checkpoint was written on a full disk")
		} else if err != nil {
			missed++
		}
		d.room = 0
		if err := r.Reserve(); err != nil { // makes up for the checkpoint
			t.Fatalf("with room again: %v", err)
		}
		entries, s := content(t, d)
		gap := slices.ContainsFunc(entries, func(e Entry) bool { return e.Event == Gap })
		if gap != (missed > 0) || s.Signed != s.Last {
			t.Fatalf("room for %d bytes: %d missed, a gap told %v, signed up to %d of %d", room, missed, gap, s.Signed.Seq, s.Last.Seq)
		}
	}
}

// A disk that is full when the next file is begun, or when old ones are dropped, refuses the window; with room again
// everything is done that was left undone.
func TestFullDiskWhileRotating(t *testing.T) {
	d := newCutDisk()
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		t.Fatal(err)
	}
	for r.end < small.Segment {
		if err := r.Append(Entry{Event: Dialled, Address: "192.0.2.1:22"}); err != nil {
			t.Fatal(err)
		}
	}
	d.cutAt, d.fault, d.stuck = d.ops+1, unix.ENOSPC, true
	if err := r.Reserve(); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("Reserve on a full disk = %v", err)
	}
	d.cutAt = 0
	if err := r.Reserve(); err != nil {
		t.Fatal(err)
	}
	if len(r.old) != 1 || r.end != 0 {
		t.Errorf("%d finished files, %d bytes in the newest", len(r.old), r.end)
	}
	content(t, d)
}

func TestDroppedLinesAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		acknowledge bool
		code        string
		most        int64
	}{
		"the publisher has them": {true, "", small.Keep + 4000},
		"nobody has them":        {false, Unacknowledged, small.Most + 4000},
	} {
		d := newCutDisk()
		r, err := open(d, "record.jsonl", on(d))
		if err != nil {
			t.Fatal(err)
		}
		for w := range uint64(60) {
			if err := r.Reserve(); err != nil {
				t.Fatal(err)
			}
			for _, e := range []Event{WindowAsked, Dialled, WindowClosed} {
				if err := r.Append(Entry{Event: e, Window: w + 1}); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Checkpoint(w + 1); err != nil {
				t.Fatal(err)
			}
			if c.acknowledge {
				if err := r.Acknowledge(r.State().Last); err != nil {
					t.Fatal(err)
				}
			}
			if used := int64(d.used()); used > c.most+small.Segment {
				t.Fatalf("%s: %d bytes are used", name, used)
			}
		}
		entries, s := content(t, d)
		var told []Entry
		for _, e := range entries {
			if e.Event == Dropped {
				told = append(told, e)
			}
		}
		if len(told) == 0 || s.First != told[len(told)-1].Through+1 {
			t.Fatalf("%s: begins with line %d, dropped: %+v", name, s.First, told)
		}
		if last := told[len(told)-1]; last.Code != c.code || len(last.Sig) == 0 {
			t.Errorf("%s: %+v", name, last)
		}
		text, err := io.ReadAll(r.Reader(0))
		if err != nil {
			t.Fatal(err)
		}
		cut := slices.DeleteFunc(slices.Collect(strings.Lines(string(text))), func(l string) bool { return strings.Contains(l, `"event":"dropped"`) })
		if _, err := Verify(strings.NewReader(strings.Join(cut, ""))); err == nil {
			t.Errorf("%s: a record without the lines that tell what was dropped verifies", name)
		}
	}
}

func TestAcknowledgeKnowsTheLine(t *testing.T) {
	d := newCutDisk()
	if _, err := live(d, 2); err != nil {
		t.Fatal(err)
	}
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		t.Fatal(err)
	}
	last := r.State().Last
	for _, p := range []chain.Position{{Seq: last.Seq + 1, Hash: last.Hash}, {Seq: last.Seq - 1, Hash: last.Hash}, {Seq: last.Seq}} {
		if err := r.Acknowledge(p); !errors.Is(err, ErrUnknown) {
			t.Errorf("Acknowledge(%+v) = %v", p, err)
		}
	}
	for range 2 {
		if err := r.Acknowledge(last); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.State(); s.Acknowledged != last.Seq || s.Last.Seq != last.Seq+1 {
		t.Errorf("State = %+v, want line %d acknowledged in one line", s, last.Seq)
	}
	again, err := open(d, "record.jsonl", on(d))
	if err != nil || again.State().Acknowledged != last.Seq {
		t.Errorf("after a restart: %+v, %v", again.State(), err)
	}
}
