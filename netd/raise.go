package netd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"airlock/netd/passage"
	"airlock/netd/recorder"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

const (
	findTime = 20 * time.Second // for the interface of a module that has just been switched on
	findPoll = 250 * time.Millisecond
)

// lease is the interlock's lease. It knows whether one is held, so that a renewal never meets a
// lease that was given back.
type lease struct {
	interlock Interlock

	mu   sync.Mutex
	name string // of the interface that may pass; empty: none; guarded by mu
}

func (l *lease) open(name string, budget time.Duration, p passage.Passage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.interlock.Open(name, budget, p); err != nil {
		return err
	}
	l.name = name
	return nil
}

// narrow exchanges what may pass the door that is open.
func (l *lease) narrow(p passage.Passage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.interlock.Open(l.name, 0, p); err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "narrow the interlock")
	}
	return nil
}

// renew is called by the keeper's goroutine, which waits for nobody: while an action opens or shuts
// the interlock there is nothing to renew yet, or any more.
func (l *lease) renew() error {
	if !l.mu.TryLock() {
		return nil
	}
	defer l.mu.Unlock()
	if l.name == "" {
		return nil
	}
	return l.interlock.Renew(l.name)
}

func (l *lease) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.name = ""
	return l.interlock.Shut()
}

func (l *lease) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name
}

// act does an action, beside the keeper's goroutine.
func (k *Keeper) act(ctx context.Context, act action, w *window, pause time.Duration) error {
	if pause > 0 {
		t := time.NewTimer(pause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	switch act {
	case raiseOuter:
		return k.raiseOuterDoor(ctx, w)
	case raiseInner:
		return k.raiseInnerDoor(ctx, w)
	case lowerOuter:
		return k.lowerOuterDoor(ctx, w)
	case lowerInner:
		return k.lowerInnerDoor(ctx, w)
	case lowerBoth:
		return errors.Join(k.lowerOuterDoor(ctx, w), k.lowerInnerDoor(ctx, w))
	}
	return fmt.Errorf("there is no action %q", act)
}

// raiseOuterDoor goes from a silent module to a hub that has answered. For service nothing is raised: the
// questions may switch the radio on, so the door counts as open, while the interlock passes no frame.
func (k *Keeper) raiseOuterDoor(ctx context.Context, w *window) error {
	if w.plan.service {
		return ctx.Err()
	}
	say := k.sayer(w, windows.Raising)
	up, stop := context.WithTimeout(ctx, moduleTime)
	defer stop()
	err := k.cfg.Modem.Up(up, say)
	if rerr := k.noteRecovery(w); rerr != nil {
		return rerr
	}
	if err != nil {
		return windows.AsProblem(err, windows.CodeNoModem, "bring the modem up")
	}
	if err := k.note(w.entry(recorder.RadioOn)); err != nil {
		return err
	}
	return k.reachHub(ctx, w, say)
}

// raiseInnerDoor raises the LAN. The radio is read back once more before: a module that was plugged in, or has started
// anew, a moment ago may have it on, and nobody has noticed yet.
func (k *Keeper) raiseInnerDoor(ctx context.Context, w *window) error {
	if err := k.cfg.Modem.Down(ctx); err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "read the radio back before the LAN is raised")
	}
	if err := k.note(entryOf(w, recorder.RadioOff, windows.Outer)); err != nil {
		return err
	}
	return k.raiseLink(ctx, w, innerRaiseTime, toTargets(w.plan.allow), k.sayer(w, windows.Raising))
}

// raiseLink raises one door's link behind the interlock: its chains hang, and frames may pass on it
// and on no other, before it is up.
func (k *Keeper) raiseLink(ctx context.Context, w *window, raising time.Duration, may passage.Passage, say func(string)) error {
	door := w.request.Door
	link := k.link(door)
	name, err := find(ctx, door, link)
	if err != nil {
		return err
	}
	if err := link.Down(ctx); err != nil { // a device that has just appeared may have been raised by somebody
		return windows.AsProblem(err, windows.CodeNoLink, "take "+name+" down before it is guarded")
	}
	if err := k.cfg.Interlock.Attach(name); err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "guard "+name)
	}
	if err := ctx.Err(); err != nil { // cancelled: no need to open what is lowered next
		return err
	}
	if err := k.lease.open(name, raising+w.plan.limit+budgetSlack, may); err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "open the interlock for "+name)
	}
	e := w.entry(recorder.InterlockOpen)
	e.Address = name
	if err := k.note(e); err != nil {
		return err
	}
	w.startMeter(link)
	k.listen(w, link, name)
	if w.network, err = link.Up(ctx, say); err != nil {
		return windows.AsProblem(err, map[windows.Door]string{windows.Outer: windows.CodeNoNetwork, windows.Inner: windows.CodeNoLink}[door], "raise "+name)
	}
	w.lease(link)
	e = w.entry(recorder.LinkUp)
	e.Address = w.network.Address.String()
	return k.note(e)
}

// find names the link. That of a module may appear a little after its radio is on.
func find(ctx context.Context, door windows.Door, link Link) (string, error) {
	name, err := link.Find()
	if err == nil || door == windows.Inner {
		return name, windowsError(err, windows.CodeNoLink)
	}
	ctx, stop := context.WithTimeout(ctx, findTime)
	defer stop()
	again := time.NewTicker(findPoll)
	defer again.Stop()
	for err != nil {
		select {
		case <-ctx.Done():
			return "", windowsError(err, windows.CodeNoModem)
		case <-again.C:
			name, err = link.Find()
		}
	}
	return name, nil
}

// windowsError is AsProblem for an error that may be nil.
func windowsError(err error, code string) error {
	if err == nil {
		return nil
	}
	return windows.AsProblem(err, code, "")
}

// silentHub says what it may mean that the hub did not answer; a hub answers no key it does not know.
func silentHub(p windows.Purpose, hub string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns), !errors.Is(err, tunnel.ErrNoHandshake):
		return windows.AsProblem(err, windows.CodeNoHub, "reach the hub")
	case errors.Is(err, tunnel.ErrRefused):
		return &windows.Problem{Code: windows.CodeNoHub, Cause: err, Detail: fmt.Sprintf(
			"nothing listens at the hub's address %s: ask the publisher's operator whether the hub runs there", hub)}
	case p == windows.Enrol:
		return &windows.Problem{Code: windows.CodeBadToken, Cause: err, Detail: fmt.Sprintf(
			"the hub at %s does not answer this token: it was revoked or has expired, or UDP to the hub is blocked. Ask the publisher's operator for a new token.", hub)}
	}
	return &windows.Problem{Code: windows.CodeNoHub, Cause: err, Detail: fmt.Sprintf(
		"the hub at %s does not answer: it is down, UDP to it is blocked, or this node was removed there. Ask the publisher's operator.", hub)}
}

// sayer tells the asker what is happening.
func (k *Keeper) sayer(w *window, s windows.State) func(string) {
	return func(text string) { w.feed.push(k.event(w, s, text), false) }
}
