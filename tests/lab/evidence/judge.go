package evidence

import (
	"fmt"
	"slices"
	"time"

	"airlock/netd/windows"
)

// Kind says what is wrong.
type Kind string

// What can be found. Any of them means that the airlock cannot be said to have held.
const (
	// Crossed: a frame on one door inside a window of the other.
	Crossed Kind = "crossed"
	// Unclear: a frame so near a window of the other door that the clocks do not tell whether it was inside.
	Unclear Kind = "unclear"
	// Outside: a frame outside all windows of its own door.
	Outside Kind = "outside"
	// Overlap: two windows at the same time.
	Overlap Kind = "overlap"
	// Silent: a window was open and its capture has no frame of it: that capture is not of that door, or has a gap.
	Silent Kind = "silent"
)

// Violation is one thing found.
type Violation struct {
	Kind Kind         `json:"kind"`
	Door windows.Door `json:"door"`
	At   time.Time    `json:"at"`
	Text string       `json:"text"` // a sentence for a person
}

// WindowSum is a window with the frames that its capture has of it.
type WindowSum struct {
	Window
	FramesIn  int `json:"frames_in"`
	FramesOut int `json:"frames_out"`
}

// DoorSum is one door over the whole time.
type DoorSum struct {
	Door     windows.Door  `json:"door"`
	Windows  int           `json:"windows"`
	Open     time.Duration `json:"open_ns"` // sum of the windows' lengths
	Frames   int           `json:"frames"`
	BytesIn  int64         `json:"bytes_in"`
	BytesOut int64         `json:"bytes_out"`
}

// Verdict is what both captures and the timeline say together.
type Verdict struct {
	Held       bool        `json:"held"`
	Violations []Violation `json:"violations"`
	Windows    []WindowSum `json:"windows"` // in order of time
	Doors      []DoorSum   `json:"doors"`   // outer, inner
	// Closest is how near a frame of one door ever came to a window of the other; -1 when that cannot be said.
	Closest     time.Duration `json:"closest_ns"`
	Uncertainty time.Duration `json:"uncertainty_ns"`
}

// Judge lays frames over windows. The uncertainty of the clocks counts against the airlock where doors could have been
// open together (a frame near the other's window is not proof of innocence) and for it at the edges of a door's own
// window, where nothing is at stake.
func Judge(t Timeline, frames []Frame) Verdict {
	v := Verdict{Closest: -1, Uncertainty: t.Clock.Uncertainty, Violations: []Violation{}}
	for _, w := range t.Windows {
		w.BytesIn, w.BytesOut = 0, 0 // counted anew from the capture
		v.Windows = append(v.Windows, WindowSum{Window: w})
	}
	slices.SortStableFunc(v.Windows, func(a, b WindowSum) int { return a.Asked.Compare(b.Asked) })
	v.overlaps()
	for _, f := range frames {
		v.place(f)
	}
	v.silences()
	v.sum(frames)
	slices.SortStableFunc(v.Violations, func(a, b Violation) int { return a.At.Compare(b.At) })
	v.Held = len(v.Violations) == 0
	return v
}

func (v *Verdict) add(kind Kind, door windows.Door, at time.Time, format string, args ...any) {
	v.Violations = append(v.Violations, Violation{kind, door, at, fmt.Sprintf(format, args...)})
}

// overlaps looks for windows that were open together. Both times come from the node's one clock, so no uncertainty
// enters; windows of the same door are no exception, since there is only one airlock.
func (v *Verdict) overlaps() {
	for i, a := range v.Windows {
		for _, b := range v.Windows[i+1:] {
			if b.Asked.Before(a.Closed) {
				v.add(Overlap, b.Door, b.Asked, "%s window (%s) was asked for while the %s window (%s) was open, until %s",
					b.Door, b.Purpose, a.Door, a.Purpose, clock(a.Closed))
			}
		}
	}
}

// place judges one frame and counts it to its window.
func (v *Verdict) place(f Frame) {
	own, other := -1, -1
	ownGap, otherGap := time.Duration(0), time.Duration(0)
	for i, w := range v.Windows {
		gap := distance(f.At, w.Window)
		if w.Door == f.Door && (own < 0 || gap < ownGap) {
			own, ownGap = i, gap
		}
		if w.Door != f.Door && (other < 0 || gap < otherGap) {
			other, otherGap = i, gap
		}
	}
	if other >= 0 && (v.Closest < 0 || otherGap < v.Closest) {
		v.Closest = otherGap
	}
	inside := own >= 0 && ownGap <= v.Uncertainty
	if inside {
		v.Windows[own].count(f)
	}
	what := fmt.Sprintf("frame %d of the %s capture (%s, %d bytes, %s)", f.Number, f.Door, clock(f.At), f.Bytes, f.What)
	switch {
	case other >= 0 && otherGap == 0:
		v.add(Crossed, f.Door, f.At, "%s is inside the %s window of %s", what, v.Windows[other].Door, clock(v.Windows[other].Asked))
	case other >= 0 && otherGap <= v.Uncertainty:
		v.add(Unclear, f.Door, f.At, "%s is %s from the %s window of %s, nearer than the clocks tell", what, otherGap, v.Windows[other].Door, clock(v.Windows[other].Asked))
	case !inside && own < 0:
		v.add(Outside, f.Door, f.At, "%s: the %s door had no window", what, f.Door)
	case !inside:
		v.add(Outside, f.Door, f.At, "%s is %s away from the nearest %s window", what, ownGap.Round(time.Millisecond), f.Door)
	}
}

func (w *WindowSum) count(f Frame) {
	if f.FromFar {
		w.FramesIn++
		w.BytesIn += int64(f.Bytes)
	} else {
		w.FramesOut++
		w.BytesOut += int64(f.Bytes)
	}
}

// distance is how far at lies from a window; 0 inside, edges included.
func distance(at time.Time, w Window) time.Duration {
	return max(0, w.Asked.Sub(at), at.Sub(w.Closed))
}

// silences looks for windows that were open and left no frame.
func (v *Verdict) silences() {
	for _, w := range v.Windows {
		if !w.Opened.IsZero() && w.FramesIn+w.FramesOut == 0 {
			v.add(Silent, w.Door, w.Asked, "the %s window of %s was open and the %s capture has no frame of it: is it of another run?",
				w.Door, clock(w.Asked), w.Door)
		}
	}
}

func (v *Verdict) sum(frames []Frame) {
	for _, door := range []windows.Door{windows.Outer, windows.Inner} {
		s := DoorSum{Door: door}
		for _, w := range v.Windows {
			if w.Door == door {
				s.Windows++
				s.Open += w.Length()
			}
		}
		for _, f := range frames {
			switch {
			case f.Door != door:
				continue
			case f.FromFar:
				s.BytesIn += int64(f.Bytes)
			default:
				s.BytesOut += int64(f.Bytes)
			}
			s.Frames++
		}
		v.Doors = append(v.Doors, s)
	}
}

// clock shows a time of day to the millisecond, in UTC as all our records are.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
