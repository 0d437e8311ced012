package netd

import (
	"fmt"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// entered does what goes with a new state: words for the asker, lines for the record, the end of
// the window. It runs in the keeper's goroutine, before the action that the machine ordered.
func (k *Keeper) entered(before state) {
	now := k.world.state
	k.look(now)
	if now == before {
		return
	}
	w := k.window
	switch now {
	case outerOpen, innerOpen:
		k.opened(w)
	case cancellingOuter, cancellingInner, loweringOuter, loweringInner:
		if before == cancellingOuter || before == cancellingInner {
			return
		}
		w.expire()
		k.timeUp = nil
		e := k.event(w, windows.Lowering, "")
		if w.reason != nil {
			e.Text, e.Error = w.reason.Detail, w.reason.Code
		}
		w.feed.push(e, false)
	case shut:
		if w != nil {
			k.settle(w)
		}
		k.readyOnce.Do(func() { close(k.ready) })
	case forcing:
		k.latch(w)
		k.readyOnce.Do(func() { close(k.ready) })
	case fault:
		k.readyOnce.Do(func() { close(k.ready) })
	}
}

// opened tells the asker that the door is open, and starts the window's clock.
func (k *Keeper) opened(w *window) {
	w.opened = true
	k.accountOpened(w)
	if err := k.note(w.entry(recorder.WindowOpened)); err != nil {
		// Told by a goroutine, since this one is not done with the present event.
		go k.endWindow(w.id, windows.AsProblem(err, windows.CodeDiskFull, ""))
		return
	}
	k.timeUp = time.After(w.plan.limit)
	text := fmt.Sprintf("The %s door is open for %v at most", w.request.Door, w.plan.limit)
	if w.plan.service {
		text = fmt.Sprintf("The module may be asked for %v at most; the outer door counts as open", w.plan.limit)
	}
	e := k.event(w, windows.Open, text)
	e.NodeKey, e.RootDigest, e.PublisherAddress = w.plan.opened.NodeKey, w.plan.opened.RootDigest, w.plan.opened.PublisherAddress
	e.Hub, e.HubKey = w.plan.opened.Hub, w.plan.opened.HubKey
	if w.request.Purpose == windows.Enrol {
		e.RecordKey = k.record.State().Key
	}
	w.feed.push(e, false)
}

// settle writes down the end of a window whose door was read back as shut, and then tells it.
func (k *Keeper) settle(w *window) {
	e := w.entry(recorder.WindowClosed)
	if !w.opened {
		e.Event = recorder.WindowFailed
	}
	in, out := w.bytes()
	e.In, e.Out = &in, &out
	e.Account = k.accountOf(w)
	last := k.event(w, windows.Closed, "The door is shut, read back")
	if w.reason != nil {
		e.Code, e.Text = w.reason.Code, w.reason.Detail
		last.State, last.Text, last.Error = windows.Failed, w.reason.Detail, w.reason.Code
	} else if !w.opened {
		last.State, last.Text, last.Error = windows.Failed, "the window was given back before its door was open", windows.CodeInternal
	}
	k.lastDoor, k.lastShut = w.request.Door, k.cfg.Clock.Boot()
	_ = k.note(e) // an error is in the log, and the next line tells the gap
	k.sign(w.id)
	k.window = nil
	k.look(k.world.state)
	w.feed.push(last, true)
}

// latch keeps a fault, and tells the asker of the window in which it came.
func (k *Keeper) latch(w *window) {
	f := &latched{Why: k.trouble()}
	if k.sentence != nil {
		f, k.sentence = k.sentence, nil
	}
	k.keepFault(f)
	e := recorder.Entry{Event: recorder.FaultLatched, Text: f.Why}
	if w != nil {
		e.Window, e.Door, e.Purpose, e.Asker = w.id, w.request.Door, w.request.Purpose, w.request.Asker
		e.Account = k.accountOf(w)
	}
	_ = k.note(e) // an error is in the log, and the next line tells the gap
	if w == nil {
		k.sign(0)
		return
	}
	k.sign(w.id)
	last := k.event(w, windows.Failed, faultText(f))
	last.Error = windows.CodeFault
	k.window = nil
	k.look(k.world.state)
	w.feed.push(last, true)
}

// faultText is a latched fault as a person should read it.
func faultText(f *latched) string {
	why := "unknown"
	if f != nil {
		why = f.Why
	}
	if f != nil && f.By == guardName {
		return "a fault is latched, and no door opens: the guard saw what must not be (" + why +
			"). Find out what happened, then clear the fault."
	}
	return "a fault is latched, and no door opens: a door could not be read back as shut (" + why +
		"). Look at the modem and the LAN, then clear the fault."
}
