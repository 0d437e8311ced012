package netd

import (
	"context"
	"errors"
	"fmt"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// lowerOuterDoor shuts the outer door and reads it back. Every step is done, whatever became of the
// one before; w is nil when no window is there, as at the start.
func (k *Keeper) lowerOuterDoor(ctx context.Context, w *window) error {
	w.hush()
	failures := []error{
		k.drain(w),
		k.stopTunnel(w),
		k.shutLink(ctx, windows.Outer, w),
		attempt("switch the radio off", k.cfg.Modem.Down(ctx)),
	}
	_ = k.noteRecovery(w) // an error is in the log, and stops no lowering
	err := errors.Join(failures...)
	if err == nil {
		k.readBack(w, recorder.RadioOff, windows.Outer)
	}
	return err
}

// stopTunnel ends the tunnel of the window, if it has one.
func (k *Keeper) stopTunnel(w *window) error {
	err := attempt("stop the tunnel", k.cfg.Tunnel.Down())
	if err == nil && w != nil {
		_ = k.note(w.entry(recorder.TunnelDown))
	}
	return err
}

// lowerInnerDoor shuts the inner door and reads it back.
func (k *Keeper) lowerInnerDoor(ctx context.Context, w *window) error {
	return errors.Join(k.drain(w), k.shutLink(ctx, windows.Inner, w))
}

// drain ends the window's dials.
func (k *Keeper) drain(w *window) error {
	if w != nil {
		w.dials.drain(drainTime)
	}
	return nil
}

// shutLink shuts the interlock and takes the link down at once: frames that are queued on it
// already would still leave.
func (k *Keeper) shutLink(ctx context.Context, door windows.Door, w *window) error {
	link := k.link(door)
	shut := attempt("shut the interlock", k.lease.shut())
	own := w != nil && w.request.Door == door
	if own {
		w.meter(link)
	}
	down := attempt("take the "+string(door)+" link down", link.Down(ctx))
	if own && down == nil {
		w.account.hearOut()
	}
	if shut == nil {
		k.readBack(w, recorder.InterlockShut, door)
	}
	if down == nil {
		k.readBack(w, recorder.LinkDown, door)
	}
	return errors.Join(shut, down)
}

// startMeter keeps the interface's counters at the raising. A link that is raised again in one window adds to what it
// carried before.
func (w *window) startMeter(link Link) {
	m, ok := link.(Meter)
	if !ok {
		return
	}
	if w.counted {
		w.pastIn, w.pastOut, w.counted = w.in, w.out, false
	}
	var err error
	w.in, w.out, err = m.Counters()
	w.metered = err == nil
}

// lease keeps what has come in by the time that the link has its address.
func (w *window) lease(link Link) {
	if m, ok := link.(Meter); ok {
		w.leased, _, _ = m.Counters() // after an error nothing is taken for heard
	}
}

// meter turns the interface's counters at the raising into the bytes of the window, once for each raising.
func (w *window) meter(link Link) {
	m, ok := link.(Meter)
	if !ok || !w.metered || w.counted {
		return
	}
	w.counted = true
	in, out, err := m.Counters()
	switch {
	case err != nil: // the interface is gone, and its counters with it
		w.in, w.out = w.pastIn, w.pastOut
		w.metered = w.pastIn+w.pastOut > 0
		return
	}
	w.account.frames(link)
	if in >= w.in && out >= w.out { // else it came back in between, and began anew
		in, out = in-w.in, out-w.out
	}
	w.in, w.out = w.pastIn+in, w.pastOut+out
}

// entryOf is a line about a door, with its window if it has one.
func entryOf(w *window, e recorder.Event, door windows.Door) recorder.Entry {
	if w != nil && w.request.Door == door {
		return w.entry(e)
	}
	return recorder.Entry{Event: e, Door: door}
}

// attempt names a step in its error.
func attempt(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
