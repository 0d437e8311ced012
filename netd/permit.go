package netd

import (
	"fmt"
	"slices"
	"time"

	"airlock/netd/calendar"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// Policy is when the site's operator lets the doors be opened. The zero value is: at any time, without asking anybody.
type Policy struct {
	Outer, Inner DoorPolicy
	// Gap is the least time between the closing of one door, read back, and the raising of the other.
	Gap time.Duration
}

// DoorPolicy is one door's.
type DoorPolicy struct {
	Hours    calendar.Hours    // in which it may be open; a window ends with them
	Longest  time.Duration     // of a window; 0: MaxWindow
	Approval []windows.Purpose // that need a person's yes, each time
}

// approvalTime is how long a person's yes waits for its window.
const approvalTime = time.Hour

// of is the policy of a door.
func (p Policy) of(d windows.Door) DoorPolicy {
	if d == windows.Inner {
		return p.Inner
	}
	return p.Outer
}

// permit says why a window may not be let in now, and shortens the one that may to what its door's hours have left. The
// hours are the wall clock's: a node whose clock is wrong is wrong by as much. It runs in the keeper's goroutine.
func (k *Keeper) permit(w *window) *windows.Problem {
	door, now := w.request.Door, k.cfg.Clock.Now()
	rules := k.cfg.Policy.of(door)
	if l := k.store.locked(); l != nil {
		return &windows.Problem{Code: windows.CodeLockdown, Detail: lockdownText(l)}
	}
	if rules.Longest > 0 {
		w.plan.limit = min(w.plan.limit, rules.Longest)
	}
	left := rules.Hours.Left(now, w.plan.limit)
	if left <= 0 {
		return &windows.Problem{Code: windows.CodeNotNow, Detail: notNow(door, rules.Hours, now)}
	}
	w.plan.limit = left
	if !slices.Contains(rules.Approval, w.request.Purpose) {
		return nil
	}
	a := k.takeApproval(w.request.Purpose)
	if a == nil {
		return &windows.Problem{Code: windows.CodeNeedsApproval, Detail: fmt.Sprintf(
			"this site wants a person's yes to each window to %s: type `approve %s` at the node's console, then ask again", w.request.Purpose, w.request.Purpose)}
	}
	w.approved = a.By
	return nil
}

func notNow(door windows.Door, h calendar.Hours, now time.Time) string {
	text := fmt.Sprintf("the %s door may not open now: its hours are %s", door, h)
	if next, ok := h.Next(now); ok {
		return text + "; the next are at " + next.Format("2006-01-02 15:04 MST")
	}
	return text + ", of which there are none within a year"
}

func lockdownText(l *windows.Lockdown) string {
	text := fmt.Sprintf("both doors are locked down by %s since %s", l.By, l.At.UTC().Format("2006-01-02 15:04:05Z"))
	if l.Why != "" {
		text += " (" + l.Why + ")"
	}
	return text + ": a person lifts that with `lockdown lift` at the console"
}

// Approve implements windows.House: a person's yes to the next window of a purpose.
func (k *Keeper) Approve(a windows.Approval) error {
	door := map[windows.Purpose]windows.Door{windows.Deploy: windows.Inner}[a.Purpose]
	if door == "" {
		door = windows.Outer
	}
	switch {
	case a.By == "":
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "an approval says who gives it"}
	case !slices.Contains(k.cfg.Policy.of(door).Approval, a.Purpose):
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: fmt.Sprintf(
			"windows to %q need no approval here: windows.%s.approval in node.yaml lists those that do", a.Purpose, door)}
	}
	a.At = k.cfg.Clock.Now().UTC()
	a.Until = a.At.Add(approvalTime)
	if err := k.note(recorder.Entry{Event: recorder.Approved, Door: door, Purpose: a.Purpose, Asker: a.By}); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.approvals == nil {
		k.approvals = map[windows.Purpose]approval{}
	}
	k.approvals[a.Purpose] = approval{a, k.cfg.Clock.Boot() + approvalTime}
	return nil
}

// approval is a yes that waits. Its end is told by the clock that never jumps.
type approval struct {
	windows.Approval
	end time.Duration
}

// takeApproval uses a yes up; nil when there is none.
func (k *Keeper) takeApproval(p windows.Purpose) *windows.Approval {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.approvals[p]
	if !ok {
		return nil
	}
	delete(k.approvals, p)
	if k.cfg.Clock.Boot() >= a.end {
		return nil
	}
	return &a.Approval
}

// approved lists what waits; the caller holds mu.
func (k *Keeper) approved() (all []windows.Approval) {
	for _, a := range k.approvals {
		if k.cfg.Clock.Boot() < a.end {
			all = append(all, a.Approval)
		}
	}
	slices.SortFunc(all, func(a, b windows.Approval) int { return a.At.Compare(b.At) })
	return all
}

// describe adds to a door's status what the policy says of it.
func (p Policy) describe(d windows.DoorStatus, door windows.Door, now time.Time) windows.DoorStatus {
	rules := p.of(door)
	d.Approval = rules.Approval
	if rules.Hours.Always() {
		return d
	}
	d.Hours = rules.Hours.String()
	if next, ok := rules.Hours.Next(now); ok && next.After(now) {
		d.Next = next.UTC()
	}
	return d
}

// wait is how long the raising of a door has to wait for the gap behind the other's closing.
func (k *Keeper) wait(act action) time.Duration {
	door := map[action]windows.Door{raiseOuter: windows.Outer, raiseInner: windows.Inner}[act]
	if door == "" || k.lastDoor == "" || k.lastDoor == door {
		return 0
	}
	return max(0, k.cfg.Policy.Gap-(k.cfg.Clock.Boot()-k.lastShut))
}
