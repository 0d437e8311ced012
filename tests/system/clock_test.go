package system

import (
	"testing"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// compare asks at the host's time at; the node's clock is behind by off, and the ways there and back take these times.
func compare(c *Clock, at time.Time, off, there, back time.Duration) {
	c.Compare(at, at.Add(there-off), at.Add(there+back))
}

func TestClockBoundsTheDifference(t *testing.T) {
	var c Clock
	off := 700 * time.Millisecond
	compare(&c, noon, off, 300*time.Millisecond, 20*time.Millisecond)
	compare(&c, noon.Add(time.Second), off, 10*time.Millisecond, 400*time.Millisecond)
	compare(&c, noon.Add(2*time.Second), off, 200*time.Millisecond, 200*time.Millisecond)
	got, uncertainty := c.at(noon.Add(-off))
	if wrong := (got - off).Abs(); wrong > uncertainty {
		t.Errorf("at(noon) = %v ± %v, but the difference is %v", got, uncertainty, off)
	}
	if want := 15 * time.Millisecond; uncertainty != want {
		t.Errorf("uncertainty = %v, want %v: the shortest way there and the shortest way back", uncertainty, want)
	}
}

func TestClockThatDrifts(t *testing.T) {
	var c Clock
	compare(&c, noon, 0, 5*time.Millisecond, 5*time.Millisecond)
	later := noon.Add(10 * time.Minute)
	compare(&c, later, time.Second, 5*time.Millisecond, 5*time.Millisecond)
	for at, want := range map[time.Time]time.Duration{noon: 0, later.Add(-time.Second): time.Second} {
		if got, uncertainty := c.at(at); (got - want).Abs() > uncertainty {
			t.Errorf("at(%v) = %v ± %v, want %v", at, got, uncertainty, want)
		}
	}
}

func TestClockNeverCompared(t *testing.T) {
	var c Clock
	if _, uncertainty := c.at(noon); uncertainty < time.Minute {
		t.Errorf("uncertainty = %v without a comparison, want one that no verdict can pass", uncertainty)
	}
}

func TestWindowsOfARecord(t *testing.T) {
	in, out := uint64(10), uint64(20)
	later := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	got := windowsOf([]recorder.Entry{
		{Event: recorder.Started, At: later(0)},
		{Event: recorder.WindowAsked, Window: 1, Door: windows.Outer, Purpose: windows.Fetch, Asker: "deployd", At: later(1)},
		{Event: recorder.WindowOpened, Window: 1, At: later(2)},
		{Event: recorder.Dialled, Window: 1, At: later(3)},
		{Event: recorder.WindowClosed, Window: 1, In: &in, Out: &out, At: later(4)},
		{Event: recorder.WindowAsked, Window: 2, Door: windows.Inner, Purpose: windows.Deploy, At: later(5)},
		{Event: recorder.WindowFailed, Window: 2, At: later(6)},
	}, func(t time.Time) time.Time { return t.Add(time.Hour) })
	if len(got) != 2 {
		t.Fatalf("windowsOf found %d windows, want 2: %+v", len(got), got)
	}
	first := got[0]
	if first.Door != windows.Outer || first.BytesIn != 10 || first.BytesOut != 20 || !first.Asked.Equal(later(1).Add(time.Hour)) ||
		!first.Opened.Equal(later(2).Add(time.Hour)) || !first.Closed.Equal(later(4).Add(time.Hour)) {
		t.Errorf("the first window is %+v", first)
	}
	if !got[1].Opened.IsZero() || !got[1].Closed.Equal(later(6).Add(time.Hour)) {
		t.Errorf("the window that failed is %+v", got[1])
	}
}
