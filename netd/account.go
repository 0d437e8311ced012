package netd

import (
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// account is what a window has come to so far; its last line in the record tells it.
type account struct {
	// Owned by the keeper's goroutine.
	asked       recorder.Moment
	opened      *recorder.Moment
	modemOpened *recorder.Modem

	// Owned by the action under way.
	link      string // name of the interface
	framesIn  uint64 // at the raising, then of the window
	framesOut uint64
	framed    bool    // framesIn and framesOut are the interface's
	capture   Capture // while it listens
	heard     *recorder.Capture
	shut      *recorder.Moment
	down      *recorder.Moment
	radioOff  *recorder.Moment
}

// accountOpened notes how things stand when the door is open.
func (k *Keeper) accountOpened(w *window) {
	now := recorder.MomentOf(k.cfg.Clock)
	w.account.opened = &now
	if w.request.Door == windows.Outer {
		w.account.modemOpened = k.modemNow()
	}
}

// modemNow is the module as last read back.
func (k *Keeper) modemNow() *recorder.Modem {
	s := k.cfg.Modem.Status()
	return &recorder.Modem{Present: s.Present, Radio: s.Radio, SIM: s.SIM, Operator: s.Operator, Access: s.Access, SignalDBm: s.SignalDBm}
}

// listen begins to count the frames of a link that is still down. A Tap that cannot listen stops no window: that
// nobody listened stands in the record.
func (k *Keeper) listen(w *window, link Link, name string) {
	a := &w.account
	a.link = name
	if m, ok := link.(FrameMeter); ok {
		var err error
		a.framesIn, a.framesOut, err = m.FrameCounters()
		a.framed = err == nil
	}
	if k.cfg.Tap == nil {
		return
	}
	var err error
	if a.capture, err = k.cfg.Tap.Listen(name); err != nil {
		k.cfg.Log.Error("frames are not counted", "interface", name, "error", err)
		a.heard = &recorder.Capture{Error: err.Error()}
	}
}

// hearOut ends the listening, once.
func (a *account) hearOut() {
	if a.capture == nil {
		return
	}
	heard := a.capture.End()
	a.capture, a.heard = nil, &heard
}

// frames turns the interface's counters at the raising into the frames of the window.
func (a *account) frames(link Link) {
	m, ok := link.(FrameMeter)
	if !ok || !a.framed {
		return
	}
	in, out, err := m.FrameCounters()
	if err != nil { // the interface is gone, and its counters with it
		a.framed = false
		return
	}
	if in >= a.framesIn && out >= a.framesOut { // else it came back in between, and began anew
		in, out = in-a.framesIn, out-a.framesOut
	}
	a.framesIn, a.framesOut = in, out
}

// readBack writes down what was read back as shut. An error is in the log, and stops no lowering.
func (k *Keeper) readBack(w *window, e recorder.Event, door windows.Door) {
	_ = k.note(entryOf(w, e, door))
	if w == nil || w.request.Door != door {
		return
	}
	now := recorder.MomentOf(k.cfg.Clock)
	switch e {
	case recorder.InterlockShut:
		w.account.shut = &now
	case recorder.LinkDown:
		w.account.down = &now
	case recorder.RadioOff:
		w.account.radioOff = &now
	}
}

// accountOf is the whole of a window that is over: no action is under way.
func (k *Keeper) accountOf(w *window) *recorder.Account {
	a := &w.account
	a.hearOut() // where the link never came down
	whole := &recorder.Account{
		Asked: a.asked, Opened: a.opened, Interface: a.link, Capture: a.heard,
		Dials: recorder.Dials{
			Made: w.dials.made.Load(), Failed: w.dials.failed.Load(), Refused: w.dials.refused.Load(),
			BytesIn: w.dials.in.Load(), BytesOut: w.dials.out.Load(),
		},
		InterlockShut: a.shut, LinkDown: a.down, RadioOff: a.radioOff,
	}
	if w.network.Address.IsValid() {
		whole.Address = w.network.Address.String()
	}
	if w.metered {
		whole.Counter = &recorder.Traffic{BytesIn: w.in, BytesOut: w.out}
		if a.framed {
			whole.Counter.FramesIn, whole.Counter.FramesOut = &a.framesIn, &a.framesOut
		}
	}
	if w.request.Door == windows.Outer {
		whole.ModemOpened, whole.ModemClosed = a.modemOpened, k.modemNow()
	}
	return whole
}
