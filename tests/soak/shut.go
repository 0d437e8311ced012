package soak

import (
	"context"
	"errors"
	"time"

	"airlock/drivers/modem"
)

// What netd does with Down: a bound for each try, a pause, three tries before the fault latches; and a look at the bus
// every two seconds while both doors are shut, with another Down for a module that appears.
const (
	downLimit  = 45 * time.Second
	downTries  = 3
	downPause  = time.Second
	watchPause = 2 * time.Second
)

// shut is Down until it proves what it must.
func (w *window) shut() {
	var err error
	for range downTries {
		err = w.step("Down", downLimit, w.m.Down)
		if err == nil || errors.Is(err, modem.ErrNotPresent) {
			w.judgeShut(err)
			return
		}
		w.pass(downPause)
	}
	w.RadioOn = true
	switch e, ok := errors.AsType[*modem.Error](err); {
	case !ok || e.Kind != modem.RadioOn:
		w.breaks("Down cannot prove the radio off, and says %v", err)
	case !w.MayStayOn:
		w.breaks("Down cannot prove the radio off under a fault that allows it: %v", err)
	}
}

// judgeShut holds what Down said against what is.
func (w *window) judgeShut(err error) {
	w.RadioOn = false
	w.seen = w.sim.Present()
	switch s := w.m.Status(); {
	case w.sim.RadioOn():
		w.breaks("Down returned %v, and the radio is on", err)
	case w.sim.DataActive():
		w.breaks("Down returned %v, and data flows", err)
	case err == nil && s.Present && s.Radio != "off":
		w.breaks("Down returned nil, and the status says radio %s", s.Radio)
	case err != nil && w.sim.Present():
		w.breaks("Down returned %v, and the module is there", err)
	}
}

// watch is a keeper with both doors shut: a module that appears is read back. In the end the radio must be off.
func (w *window) watch(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); w.pass(watchPause) {
		is := w.sim.Present()
		if is && !w.seen && !w.RadioOn {
			w.shut()
		}
		w.seen = is
	}
	if w.sim.RadioOn() && !w.RadioOn {
		w.breaks("the radio is on %s after the window", d)
	}
}

// grace is how long after its context's end a step may take to return.
const grace = 2 * time.Second

// step runs f under a limit, and says when it does not end.
func (w *window) step(name string, limit time.Duration, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began, done := time.Now(), make(chan error, 1)
	go func() { done <- f(ctx) }()
	stuck := time.NewTimer(limit + time.Minute)
	defer stuck.Stop()
	select {
	case err = <-done:
	case <-stuck.C:
		w.breaks("%s is stuck %s after its limit", name, time.Minute)
		if port := w.bus.last(); port != nil {
			port.Close() // perhaps that frees it
		}
		err = <-done
	}
	took := time.Since(began)
	if took > limit+grace {
		w.breaks("%s took %s, its limit is %s", name, took.Round(time.Millisecond), limit)
	}
	if took > w.longest {
		w.longest, w.Slowest = took, name
	}
	w.say(name + " ended")
	return err
}
