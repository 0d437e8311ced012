package netd

import (
	"fmt"
	"time"

	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// view is what other goroutines may know of the keeper's.
type view struct {
	state   state
	window  *window // nil when there is none
	outer   windows.DoorStatus
	inner   windows.DoorStatus
	trouble error // of the last lowering that failed
	beat    time.Time
	act     action // under way; nothing when there is none
	until   time.Time
	guard   struct {
		at                         time.Time // of its last sign of life
		fault, condemned, forgiven string    // IDs of its faults: which it holds, which netd has latched, which was cleared
	}
}

// look renews the view after the machine's state or the window has changed.
func (k *Keeper) look(s state) {
	now := k.cfg.Clock.Now().UTC()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.state, k.view.window = s, k.window
	for door, d := range map[windows.Door]*windows.DoorStatus{windows.Outer: &k.view.outer, windows.Inner: &k.view.inner} {
		is := windows.DoorStatus{State: doorState(s, door), Since: d.Since}
		if is.State != d.State {
			is.Since = now
		}
		if k.window != nil && k.window.request.Door == door {
			is.Purpose, is.Asker = k.window.request.Purpose, k.window.request.Asker
		}
		*d = is
	}
}

// doorState is one door's state as DoorStatus has it.
func doorState(s state, d windows.Door) string {
	of := map[state]string{
		raisingOuter: "raising", cancellingOuter: "lowering", outerOpen: "open", loweringOuter: "lowering",
	}
	if d == windows.Inner {
		of = map[state]string{
			raisingInner: "raising", cancellingInner: "lowering", innerOpen: "open", loweringInner: "lowering",
		}
	}
	if text, ok := of[s]; ok {
		return text
	}
	switch s {
	case lowering:
		return "lowering"
	case forcing:
		return "unknown"
	}
	return "shut"
}

// lookAction notes what is under way, for Healthy.
func (k *Keeper) lookAction(act action, limit time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.act, k.view.until = act, time.Now().Add(limit)
}

// lookTrouble notes why a lowering failed.
func (k *Keeper) lookTrouble(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.trouble = err
}

// trouble is why the last lowering that failed did so.
func (k *Keeper) trouble() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.view.trouble == nil {
		return "unknown"
	}
	return k.view.trouble.Error()
}

// beat notes that the keeper's goroutine is alive.
func (k *Keeper) beat() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.beat = time.Now()
}

// Healthy says whether the keeper still acts: its goroutine turns at least every few seconds, and
// no action is far beyond its time. The watchdog is fed only while it does. A netd that is killed
// for it leaves an interlock that falls shut by itself, and lowers both doors when it comes back.
func (k *Keeper) Healthy() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now() // monotonic
	if k.view.beat.IsZero() {
		return nil // not running yet
	}
	if silent := now.Sub(k.view.beat); silent > 5*leaseRenewal {
		return fmt.Errorf("the keeper has not turned for %v", silent)
	}
	if k.view.act != nothing && k.view.act != "" && now.After(k.view.until.Add(overrun)) {
		return fmt.Errorf("%s does not come to an end", k.view.act)
	}
	return nil
}

// openWindow is the window whose door is open; nil when there is none.
func (k *Keeper) openWindow() *window {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.view.state == outerOpen || k.view.state == innerOpen {
		return k.view.window
	}
	return nil
}

// currentWindow is the number of the window that is there; 0 when there is none.
func (k *Keeper) currentWindow() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.view.window == nil {
		return 0
	}
	return k.view.window.id
}

// Status implements windows.House.
func (k *Keeper) Status() windows.Status {
	identity, site, f := k.store.read()
	s := windows.Status{
		Now: k.cfg.Clock.Now().UTC(), Boot: k.cfg.Clock.Boot(), Identity: identity, Site: site,
		Modem: k.cfg.Modem.Status(), Interfaces: []windows.Interface{},
		Record: k.recordStatus(),
		Tunnel: windows.TunnelStatus{PublicKey: tunnel.KeyText(tunnel.PublicKey(k.store.key))},
	}
	if f != nil {
		s.Fault = faultText(f)
	}
	if h, ok := k.cfg.Tunnel.(Handshaker); ok {
		s.Tunnel.LastHandshake = h.LastHandshake()
	}
	if k.cfg.Interfaces != nil {
		s.Interfaces = append(s.Interfaces, k.cfg.Interfaces()...)
	}
	s.Lockdown = k.store.locked()
	s.Guard = k.guardStatus()
	k.mu.Lock()
	defer k.mu.Unlock()
	s.Approved = k.approved()
	s.Machine = string(k.view.state)
	s.Outer = k.cfg.Policy.describe(k.view.outer, windows.Outer, s.Now)
	s.Inner = k.cfg.Policy.describe(k.view.inner, windows.Inner, s.Now)
	s.Tunnel.Up = k.view.state == outerOpen && !k.view.window.plan.service
	return s
}
