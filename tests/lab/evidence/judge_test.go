package evidence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/netd/windows"
)

// noon is the origin of all times here; sec(1.5) is a second and a half later.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func sec(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

func window(door windows.Door, purpose windows.Purpose, asked, opened, closed float64) Window {
	return Window{Door: door, Purpose: purpose, Asker: "deployd", Asked: sec(asked), Opened: sec(opened), Closed: sec(closed)}
}

// goodTimeline is a fetch, a deployment and a report.
func goodTimeline() Timeline {
	return Timeline{
		Clock: Clock{Uncertainty: 20 * time.Millisecond, How: "the console's clock was read between two readings of ours"},
		Windows: []Window{
			window(windows.Outer, windows.Fetch, 0, 4, 10),
			window(windows.Inner, windows.Deploy, 12, 13, 20),
			window(windows.Outer, windows.Report, 22, 26, 30),
		},
		Modem: []ModemState{{sec(1), "radio on"}, {sec(3), "registered (LTE)"}, {sec(10), "radio off"}},
		Deployments: []Deployment{{Release: "caddy-v2.11.8-0123456789ab", Version: "v2.11.8", Target: "target-a", Outcome: "reverted",
			Started: sec(13), Ended: sec(19), Before: "caddy-v2.11.7-ba9876543210", After: "caddy-v2.11.7-ba9876543210",
			Reason: "health check: 10.90.0.11:2019/metrics did not answer within 5 s, 3 times; every target is back on its release"}},
	}
}

func frame(number int, door windows.Door, at float64, fromFar bool) Frame {
	return Frame{Number: number, Door: door, At: sec(at), Bytes: 100 * number, FromFar: fromFar, What: "10.90.0.2 > 10.90.0.11, TCP 40000 to 22"}
}

func goodFrames() []Frame {
	return []Frame{
		frame(1, windows.Outer, 2, false), // before opened, as a DHCP request is
		frame(2, windows.Outer, 5, true),
		frame(3, windows.Outer, 9.99, false),
		frame(4, windows.Outer, 29, true),
		frame(1, windows.Inner, 12.5, false),
		frame(2, windows.Inner, 19.99, true),
	}
}

func kinds(v Verdict) []Kind {
	var all []Kind
	for _, f := range v.Violations {
		all = append(all, f.Kind)
	}
	return all
}

func TestJudgeHeld(t *testing.T) {
	v := Judge(goodTimeline(), goodFrames())
	if !v.Held || len(v.Violations) != 0 {
		t.Fatalf("Judge = %+v, want held", v.Violations)
	}
	want := []WindowSum{
		{Window: Window{BytesIn: 200, BytesOut: 400}, FramesIn: 1, FramesOut: 2},
		{Window: Window{BytesIn: 200, BytesOut: 100}, FramesIn: 1, FramesOut: 1},
		{Window: Window{BytesIn: 400}, FramesIn: 1},
	}
	for i, w := range v.Windows {
		got := WindowSum{Window: Window{BytesIn: w.BytesIn, BytesOut: w.BytesOut}, FramesIn: w.FramesIn, FramesOut: w.FramesOut}
		if got != want[i] {
			t.Errorf("window %d = %+v, want %+v", i, got, want[i])
		}
	}
	doors := []DoorSum{
		{Door: windows.Outer, Windows: 2, Open: 18 * time.Second, Frames: 4, BytesIn: 600, BytesOut: 400},
		{Door: windows.Inner, Windows: 1, Open: 8 * time.Second, Frames: 2, BytesIn: 200, BytesOut: 100},
	}
	if !slices.Equal(v.Doors, doors) {
		t.Errorf("doors = %+v, want %+v", v.Doors, doors)
	}
	if want := 2010 * time.Millisecond; v.Closest != want {
		t.Errorf("Closest = %s, want %s: the last frame of either door before the other's window", v.Closest, want)
	}
}

func TestJudgeFindsWhatIsPlanted(t *testing.T) {
	for _, c := range []struct {
		what  string
		plant func(*Timeline, *[]Frame)
		want  []Kind
	}{
		{"a frame on the inner door while the outer is open", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Inner, 6, false))
		}, []Kind{Crossed}},
		{"a frame towards the node counts as much", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(5, windows.Outer, 15, true))
		}, []Kind{Crossed}},
		{"a frame before the other door is open but after it was asked for", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Inner, 22.5, false))
		}, []Kind{Crossed}},
		{"a frame just outside the other's window", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Inner, 10.015, false))
		}, []Kind{Unclear}},
		{"a frame between two windows", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Inner, 11, false))
		}, []Kind{Outside}},
		{"a frame at boot", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Outer, -30, false))
		}, []Kind{Outside}},
		{"a frame after everything", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Outer, 30.021, false))
		}, []Kind{Outside}},
		{"a frame just after its own window, nearer than the clocks tell", func(_ *Timeline, f *[]Frame) {
			*f = append(*f, frame(3, windows.Outer, 30.019, false))
		}, nil},
		{"two windows at once", func(t *Timeline, _ *[]Frame) {
			t.Windows[1].Asked = sec(9.98)
		}, []Kind{Overlap, Crossed}}, // the outer's last frame is then inside the inner's window, too
		{"two windows of one door at once", func(t *Timeline, f *[]Frame) {
			t.Windows = append(t.Windows, window(windows.Outer, windows.Report, 29.5, 29.6, 31))
			*f = append(*f, frame(7, windows.Outer, 30.5, true))
		}, []Kind{Overlap}},
		{"a long window over two others", func(t *Timeline, f *[]Frame) {
			t.Windows[0].Closed = sec(21)
		}, []Kind{Overlap, Crossed, Crossed}},
		{"a window that was open and left no frame", func(_ *Timeline, f *[]Frame) {
			*f = (*f)[:4]
		}, []Kind{Silent}},
		{"a window that failed may leave no frame", func(t *Timeline, f *[]Frame) {
			t.Windows[1].Opened, *f = time.Time{}, (*f)[:4]
		}, nil},
		{"a capture of a door that had no window", func(t *Timeline, f *[]Frame) {
			t.Windows, *f = t.Windows[:1], append((*f)[:3:3], frame(1, windows.Inner, 12.5, false))
		}, []Kind{Outside}},
	} {
		timeline, frames := goodTimeline(), goodFrames()
		c.plant(&timeline, &frames)
		v := Judge(timeline, frames)
		got := kinds(v)
		if !slices.Equal(got, c.want) || v.Held != (len(c.want) == 0) {
			t.Errorf("%s: found %v (held %v), want %v: %+v", c.what, got, v.Held, c.want, v.Violations)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(*Timeline)
		want  string
	}{
		{"no windows", func(t *Timeline) { t.Windows = nil }, "windows: none"},
		{"an unknown door", func(t *Timeline) { t.Windows[2].Door = "back" }, `windows[2]: door "back"`},
		{"no beginning", func(t *Timeline) { t.Windows[0].Asked = time.Time{} }, "windows[0]: asked"},
		{"no end", func(t *Timeline) { t.Windows[1].Closed = time.Time{} }, "windows[1]: closed"},
		{"opened after closed", func(t *Timeline) { t.Windows[1].Opened = sec(21) }, "windows[1]: opened"},
		{"a negative uncertainty", func(t *Timeline) { t.Clock.Uncertainty = -1 }, "uncertainty"},
		{"a bad card", func(t *Timeline) { t.MACs = map[windows.Door]string{windows.Inner: "zz"} }, "macs: inner"},
	} {
		timeline := goodTimeline()
		c.spoil(&timeline)
		if err := timeline.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Check = %v, want %q", c.what, err, c.want)
		}
	}
}

func TestPrintFitsATerminal(t *testing.T) {
	timeline, frames := goodTimeline(), goodFrames()
	held := print2string(t, timeline, Judge(timeline, frames))
	for _, want := range []string{"Verdict: HELD", "12:00:12.000", "bytes that crossed the carrier: 1,000", "registered (LTE)", "reverted", "3 times; every target", "no nearer"} {
		if !strings.Contains(held, want) {
			t.Errorf("table has no %q:\n%s", want, held)
		}
	}
	for i := range 40 {
		frames = append(frames, frame(100+i, windows.Inner, 6+float64(i)/100, false))
	}
	broken := print2string(t, timeline, Judge(timeline, frames))
	for _, want := range []string{"Verdict: NOT HELD. Findings: 40", "crossed", "… and 28 more"} {
		if !strings.Contains(broken, want) {
			t.Errorf("table has no %q:\n%s", want, broken)
		}
	}
	for _, line := range strings.Split(held+broken, "\n") {
		if n := len([]rune(line)); n > printWidth {
			t.Errorf("line of %d columns, want %d at most: %s", n, printWidth, line)
		}
	}
}

func print2string(t *testing.T, timeline Timeline, v Verdict) string {
	t.Helper()
	var b strings.Builder
	if err := Print(&b, timeline, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
