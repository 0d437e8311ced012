package netd

import (
	"fmt"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// guardName is who latched a fault that the guard has seen.
const guardName = "guard"

var _ windows.Guarded = (*Keeper)(nil)

// Beat takes the guard's sign of life, and a fault that it holds. It implements windows.Guarded.
func (k *Keeper) Beat(b windows.Beat) windows.Stand {
	id := ""
	if b.Fault != nil {
		id = b.Fault.ID
	}
	k.mu.Lock()
	k.view.guard.at, k.view.guard.fault = time.Now(), id
	fresh := id != "" && id != k.view.guard.forgiven && id != k.view.guard.condemned
	k.mu.Unlock()
	if fresh {
		_ = k.Condemn(*b.Fault) // told again with the next beat if netd is going down
	}
	return k.stand()
}

// stand is how the keeper stands. The radio is read first: an action that changes it has changed the state before.
func (k *Keeper) stand() windows.Stand {
	m := k.cfg.Modem.Status()
	_, _, f := k.store.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := windows.Stand{
		Machine: string(k.view.state), Outer: k.view.outer.State, Inner: k.view.inner.State, Forgiven: k.view.guard.forgiven,
	}
	if m.Present {
		s.Radio = m.Radio
	}
	if f != nil {
		s.Fault = f.Why
	}
	return s
}

// Condemn forces both doors shut and latches a fault that the guard has seen. nil: it is kept, and the doors are being
// lowered. It implements windows.Guarded.
func (k *Keeper) Condemn(f windows.GuardFault) error {
	n := notice{on: condemned, fault: f, reply: make(chan error, 1)}
	select {
	case k.notices <- n:
		return <-n.reply
	case <-k.stopped:
		return errStopped
	}
}

// condemn takes the guard's word. The fault is kept before anything else, so that no crash forgets it.
func (k *Keeper) condemn(f windows.GuardFault) {
	k.mu.Lock()
	k.view.guard.condemned, k.view.guard.fault = f.ID, f.ID // its next beat may never come
	k.mu.Unlock()
	k.cfg.Log.Error("the guard has seen a contradiction", "rule", f.Rule, "why", f.Why)
	if k.sentence != nil || k.world.state == forcing || k.world.state == fault {
		_ = k.note(recorder.Entry{Event: recorder.FaultLatched, Code: f.Rule, Text: f.Why}) // an error is in the log
		return
	}
	k.sentence = &latched{Why: fmt.Sprintf("%s (%s)", f.Why, f.Rule), By: guardName}
	k.keepFault(k.sentence)
	k.endFor(&windows.Problem{Code: windows.CodeFault, Detail: faultText(k.sentence)})
	k.tell(condemned, 0)
}

// forgive clears the guard's fault, of which it hears with its next beat. No door opens before it has agreed.
func (k *Keeper) forgive() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.view.guard.fault != "" {
		k.view.guard.forgiven = k.view.guard.fault
	}
}

// keepFault keeps a fault, in memory at the least.
func (k *Keeper) keepFault(f *latched) {
	if err := save(k.store, faultFile, f, &k.store.fault); err != nil {
		k.cfg.Log.Error("the fault could not be kept", "error", err)
		k.store.mu.Lock()
		k.store.fault = f
		k.store.mu.Unlock()
	}
}

// unguarded is why no window may be open for want of the guard; nil when the guard watches, or none is demanded.
func (k *Keeper) unguarded() *windows.Problem {
	if !k.cfg.Guarded {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch g := k.view.guard; {
	case g.at.IsZero() || time.Since(g.at) > guardTime:
		return &windows.Problem{Code: windows.CodeNoGuard, Detail: "the guard, netguard, gives no sign of life, and no door opens without it: try again in a minute; if it lasts, switch the node off and on, then report it"}
	case g.fault != "":
		return &windows.Problem{Code: windows.CodeFault, Detail: "the guard still holds a fault that was cleared: try again in a few seconds; if it comes back, its cause is still there"}
	}
	return nil
}

// guardStatus is the guard as Status tells it.
func (k *Keeper) guardStatus() *windows.GuardStatus {
	if !k.cfg.Guarded {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.view.guard.at.IsZero() {
		return &windows.GuardStatus{}
	}
	ago := time.Since(k.view.guard.at)
	return &windows.GuardStatus{Watching: ago <= guardTime, Heard: ago}
}
