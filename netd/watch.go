package netd

import (
	"errors"

	"airlock/netd/windows"
)

// watch is what is done every second: the lease of an interlock that is open is renewed, the link
// of an open door must still be there, and a module that comes back is read back.
func (k *Keeper) watch() {
	switch k.world.state {
	case raisingOuter, raisingInner, outerOpen, innerOpen:
		if p := k.unguarded(); p != nil {
			k.endFor(p)
			return
		}
		if err := k.lease.renew(); err != nil {
			k.endFor(windows.AsProblem(err, windows.CodeInternal, "the interlock fell shut"))
			return
		}
		if k.window.plan.service {
			return // no link was raised, and a module that is asked may leave the bus and come back
		}
		if door := k.window.request.Door; k.world.state == outerOpen || k.world.state == innerOpen {
			if name, err := k.link(door).Find(); err != nil || name != k.lease.holder() {
				k.endFor(gone(door, err))
			}
		}
	case shut:
		_, err := k.cfg.Outer.Find()
		appeared := err == nil && !k.seen
		k.seen = err == nil
		if appeared {
			k.tell(doubt, 0)
		}
	}
}

// gone is the Problem of a link that vanished from under an open door.
func gone(door windows.Door, err error) *windows.Problem {
	if err == nil {
		err = errors.New("the interface has another name now")
	}
	if door == windows.Outer {
		return windows.AsProblem(err, windows.CodeNoModem, "the modem went away")
	}
	return windows.AsProblem(err, windows.CodeNoLink, "the LAN's interface went away")
}

// link is the link of a door.
func (k *Keeper) link(d windows.Door) Link {
	if d == windows.Outer {
		return k.cfg.Outer
	}
	return k.cfg.Inner
}
