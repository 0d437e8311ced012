package model

// The doors as the record names them.
const (
	outer = "outer"
	inner = "inner"
)

// door is what the record has told of one door. All begin unknown, as after power-up.
type door struct {
	interlock bool // read back as shut since it was last opened, or since the start
	link      bool // read back as down
	radio     bool // read back as off; outer only
}

// window is one that was asked for and has not ended.
type window struct {
	id       uint64
	door     string
	asked    int64
	opened   bool
	raised   bool // its interlock was opened
	dials    uint64
	refused  uint64
	lenient  bool // events are missing, and the record says so
	shutSeen bool
	downSeen bool
	offSeen  bool
}

// world is what the lines so far say.
type world struct {
	doors   map[string]*door
	live    *window
	fault   bool
	owed    uint64 // window whose end is not signed yet
	owes    bool
	lenient bool // a gap was told since the last start: a read-back may be among what is missing
	boot    int64
	bootID  string
	last    uint64 // highest window
	windows int
	starts  int
	gaps    int
}

func newWorld() *world {
	w := &world{}
	w.forget()
	return w
}

// forget is what a start does: nothing is known of the doors.
func (w *world) forget() {
	w.doors = map[string]*door{outer: {}, inner: {radio: true}}
}

// shut says what of both doors was not read back as shut.
func (w *world) shut() (why string) {
	for _, name := range []string{outer, inner} {
		switch d := w.doors[name]; {
		case !d.interlock:
			return "the interlock of the " + name + " door"
		case !d.link:
			return "the link of the " + name + " door"
		case !d.radio:
			return "the radio"
		}
	}
	return ""
}

// take goes on by one line.
func (w *world) take(n int, l *line, j *judge) {
	if l.BootID == w.bootID && l.Boot < w.boot {
		j.find(n, "clock", "%d ns since boot, after a line at %d ns", l.Boot, w.boot)
	}
	w.bootID, w.boot = l.BootID, l.Boot
	switch l.Event {
	case "started":
		w.starts++
		w.live, w.lenient = nil, false // whatever was open then ended with netd, and nothing is known of it
		w.forget()
	case "gap":
		w.gaps++
		w.lenient = true
		if w.live != nil {
			w.live.lenient = true
		}
	case "broken":
		j.find(n, "told", "the record says of itself: %s", l.Text)
	case "fault-latched":
		w.fault = true
		w.forget() // a door could not be read back, whichever it was
		if l.Window != 0 {
			w.ended(n, l, j)
		}
	case "fault-cleared":
		w.fault = false
	case "checkpoint":
		if w.owes && l.Window == w.owed {
			w.owes = false
		}
	default:
		w.door(n, l, j)
	}
}

// door takes the lines about doors and windows.
func (w *world) door(n int, l *line, j *judge) {
	switch l.Event {
	case "window-asked":
		w.asked(n, l, j)
	case "window-opened":
		if w.own(n, l, j) {
			w.live.opened = true
			w.othersShut(n, w.live.door, j)
		}
	case "window-closed", "window-failed":
		w.ended(n, l, j)
	case "radio-on":
		if l.Door != outer && l.Door != "" {
			j.find(n, "inside", "the radio is on in a window of the %s door", l.Door)
		}
		if w.own(n, l, j) {
			w.live.offSeen = false
			w.othersShut(n, l.Door, j)
		}
		w.doors[outer].radio = false
	case "interlock-open":
		w.interlock(n, l, j)
	case "link-up":
		w.own(n, l, j)
		if d := w.doors[l.Door]; d != nil {
			d.link = false
		}
	case "tunnel-up":
		if w.own(n, l, j) && w.live.door != outer {
			j.find(n, "inside", "a tunnel in a window of the %s door", w.live.door)
		}
	case "dialled", "refused":
		w.dial(n, l, j)
	case "interlock-shut", "link-down", "radio-off":
		w.readBack(l)
	}
}

// own says whether a line belongs to the live window and its door.
func (w *world) own(n int, l *line, j *judge) bool {
	switch {
	case w.live == nil:
		j.find(n, "inside", "%s outside all windows", l.Event)
	case w.live.id != l.Window:
		j.find(n, "inside", "%s of window %d while window %d is live", l.Event, l.Window, w.live.id)
	case l.Door != "" && l.Door != w.live.door:
		j.find(n, "inside", "%s of the %s door in window %d of the %s door", l.Event, l.Door, w.live.id, w.live.door)
	default:
		return true
	}
	return false
}

func (w *world) asked(n int, l *line, j *judge) {
	if l.Door != outer && l.Door != inner {
		j.find(n, "inside", "a window of the door %q", l.Door)
	}
	if w.live != nil && !w.live.lenient {
		j.find(n, "overlap", "window %d is asked for while window %d is live", l.Window, w.live.id)
	}
	if l.Window <= w.last {
		j.find(n, "overlap", "window %d is asked for after window %d", l.Window, w.last)
	}
	if w.fault {
		j.find(n, "fault", "window %d is asked for while a fault is latched", l.Window)
	}
	if w.owes && !w.lenient {
		j.find(n, "checkpoint", "window %d is asked for before the end of window %d is signed", l.Window, w.owed)
	}
	if why := w.shut(); why != "" && !w.lenient {
		j.find(n, "readback", "window %d is asked for before %s was read back", l.Window, why)
	}
	w.lenient = w.lenient && w.shut() != "" // all was read back since
	w.windows++
	w.last = max(w.last, l.Window)
	w.live = &window{id: l.Window, door: l.Door, asked: l.Boot}
}

// othersShut wants the other door read back as shut.
func (w *world) othersShut(n int, of string, j *judge) {
	other := map[string]string{outer: inner, inner: outer}[of]
	d := w.doors[other]
	if d == nil || w.lenient {
		return
	}
	if !d.interlock || !d.link || !d.radio {
		j.find(n, "readback", "the %s door opens, and the %s door was not read back as shut (interlock %v, link %v, radio %v)",
			of, other, d.interlock, d.link, d.radio)
	}
}

func (w *world) interlock(n int, l *line, j *judge) {
	if !w.own(n, l, j) {
		return
	}
	for _, name := range []string{outer, inner} {
		if !w.doors[name].interlock && !w.lenient {
			j.find(n, "interlock", "it opens for the %s door before it was read back as shut for the %s door", l.Door, name)
		}
	}
	w.othersShut(n, l.Door, j)
	w.live.raised, w.live.shutSeen, w.live.downSeen = true, false, false
	w.doors[l.Door].interlock, w.doors[l.Door].link = false, false
}

// readBack takes what was read back. The interlock is one for both doors; each door reads it back for itself.
func (w *world) readBack(l *line) {
	own := w.live != nil && w.live.id == l.Window
	switch l.Event {
	case "interlock-shut":
		if d := w.doors[l.Door]; d != nil {
			d.interlock = true
		}
		if own {
			w.live.shutSeen = true
		}
	case "link-down":
		if d := w.doors[l.Door]; d != nil {
			d.link = true
		}
		if own {
			w.live.downSeen = true
		}
	case "radio-off":
		w.doors[outer].radio = true
		if own {
			w.live.offSeen = true
		}
	}
}

// dial counts connections. One that came to nothing, or was refused, may be told a moment after its window's end.
func (w *world) dial(n int, l *line, j *judge) {
	own := w.live != nil && w.live.id == l.Window
	switch {
	case l.Event == "dialled" && l.Text == "":
		if w.own(n, l, j) {
			w.live.dials++
			if !w.live.opened {
				j.find(n, "inside", "a connection through the %s door before it was open", w.live.door)
			}
		}
	case own && l.Event == "refused":
		w.live.refused++
	case l.Window > w.last:
		j.find(n, "inside", "%s in window %d, which was not asked for", l.Event, l.Window)
	}
}

// ended takes the end of a window.
func (w *world) ended(n int, l *line, j *judge) {
	if w.live == nil && w.lenient {
		return
	}
	if !w.own(n, l, j) {
		return
	}
	e := w.live
	w.live, w.owes, w.owed = nil, true, l.Window
	if l.Event == "fault-latched" || e.lenient {
		return // the doors are what the fault is about; they are read back before the next window
	}
	if l.Event == "window-closed" && !e.opened {
		j.find(n, "ends", "window %d is closed and was never open", e.id)
	}
	if e.raised && !e.shutSeen {
		j.find(n, "closed", "window %d ends before the interlock was read back as shut", e.id)
	}
	if e.raised && !e.downSeen {
		j.find(n, "closed", "window %d ends before its link was read back as down", e.id)
	}
	if e.door == outer && !e.offSeen {
		j.find(n, "closed", "window %d ends before the radio was read back as off", e.id)
	}
	if l.Account != nil {
		e.audit(n, l, j)
	}
}

// audit holds a window's account against its lines.
func (e *window) audit(n int, l *line, j *judge) {
	a := l.Account
	if a.Asked.Boot > e.asked || a.Opened == nil == e.opened {
		j.find(n, "account", "window %d was asked for at %d ns, opened %v; its account has %d ns, opened %v", e.id, e.asked, e.opened, a.Asked.Boot, a.Opened != nil)
	}
	if a.Dials.Made != e.dials || a.Dials.Refused != e.refused {
		j.find(n, "account", "window %d has %d dials and %d refused; its account %d and %d", e.id, e.dials, e.refused, a.Dials.Made, a.Dials.Refused)
	}
	if e.raised && (a.InterlockShut == nil || a.LinkDown == nil) || e.door == outer && a.RadioOff == nil {
		j.find(n, "account", "window %d was read back as shut, and its account does not have it", e.id)
	}
	for what, m := range map[string]*moment{"interlock": a.InterlockShut, "link": a.LinkDown, "radio": a.RadioOff, "opening": a.Opened} {
		if m != nil && (m.Boot < a.Asked.Boot || m.Boot > l.Boot) {
			j.find(n, "account", "window %d: the %s at %d ns lies outside the window", e.id, what, m.Boot)
		}
	}
	if a.Counter != nil && l.In != nil && (a.Counter.BytesIn != *l.In || a.Counter.BytesOut != *l.Out) {
		j.find(n, "account", "window %d: the line has %d and %d bytes, its counter %d and %d", e.id, *l.In, *l.Out, a.Counter.BytesIn, a.Counter.BytesOut)
	}
	if c := a.Capture; c != nil && c.First != nil && (c.First.Boot < a.Asked.Boot || c.Last.Boot > l.Boot) {
		j.find(n, "account", "window %d: frames from %d to %d ns lie outside the window", e.id, c.First.Boot, c.Last.Boot)
	}
}
