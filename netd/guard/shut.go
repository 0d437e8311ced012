package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"airlock/netd/interlock"
	"airlock/netd/windows"
)

// shut is what the guard does about what it saw: nothing passes, every link is down, and unless all of it may be
// forgiven a fault is latched. It is repeated for as long as it is seen.
func (g *Guard) shut(ctx context.Context, ripe []Contradiction) {
	err := errors.Join(interlock.Trip(), linksDown())
	var latch []Contradiction
	for _, c := range ripe {
		g.cfg.Log.Error("both doors are shut", "rule", c.Rule, "why", c.Why, "error", err)
		if !c.Forgive {
			latch = append(latch, c)
		}
	}
	if len(latch) > 0 && g.fault.Load() == nil {
		g.latch(ctx, latch)
	}
}

// linksDown takes every link down but the loopback, and reads back that they are.
func linksDown() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	var failures []error
	for _, l := range links {
		if a := l.Attrs(); a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOOPBACK == 0 {
			if err := netlink.LinkSetDown(l); err != nil && !errors.Is(err, unix.ENODEV) {
				failures = append(failures, fmt.Errorf("take %s down: %w", a.Name, err))
			}
		}
	}
	if links, err = netlink.LinkList(); err != nil {
		return errors.Join(append(failures, fmt.Errorf("read the links back: %w", err))...)
	}
	for _, l := range links {
		if a := l.Attrs(); a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOOPBACK == 0 {
			failures = append(failures, fmt.Errorf("%s is still up", a.Name))
		}
	}
	return errors.Join(failures...)
}

// latch keeps a fault, and tells netd.
func (g *Guard) latch(ctx context.Context, seen []Contradiction) {
	f := &windows.GuardFault{ID: rand.Text(), At: time.Now().UTC(), Rule: seen[0].Rule, Why: seen[0].Why}
	for _, c := range seen[1:] {
		f.Why += "; " + c.Rule + ": " + c.Why
	}
	g.fault.Store(f)
	g.taken, g.powered = false, false
	if err := keepFault(g.cfg.Folders, f); err != nil {
		g.cfg.Log.Error("the fault could not be kept everywhere", "error", err)
	}
	call, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	if err := g.cfg.Keeper.Condemn(call, *f); err != nil {
		g.cfg.Log.Error("netd does not take the fault", "error", err)
		g.powerOff(ctx)
		return
	}
	g.taken, g.forced = true, g.now()
}

// powerOff pulls the lever on the modem, once for a fault, where the node has one.
func (g *Guard) powerOff(ctx context.Context) {
	if g.cfg.Power == nil || g.powered {
		return
	}
	g.powered = true
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	err := g.cfg.Power.PowerOff(ctx)
	g.cfg.Log.Error("the modem is switched off by its supply", "error", err)
}

// settleFault follows a latched fault: a netd that has taken it must read both doors back as shut in time, and an
// operator's clearing holds if nothing is wrong any more.
func (g *Guard) settleFault(ctx context.Context, o Observation) {
	f := g.fault.Load()
	if f == nil || o.Stand == nil {
		return
	}
	switch {
	case o.Stand.Forgiven == f.ID && o.fresh():
		g.lift(ctx, f, o)
	case g.taken && o.Stand.Machine == "fault":
		g.taken = false // read back
	case g.taken && o.At-g.forced > forceTime:
		g.cfg.Log.Error("netd does not read both doors back as shut", "machine", o.Stand.Machine)
		g.powerOff(ctx)
	}
}

// lift ends a fault that an operator has cleared, or latches it anew when its cause is still there.
func (g *Guard) lift(ctx context.Context, f *windows.GuardFault, o Observation) {
	still := slices.DeleteFunc(judge(o), func(c Contradiction) bool { return c.Forgive })
	if len(still) > 0 {
		g.latch(ctx, still)
		return
	}
	if err := forgetFault(g.cfg.Folders); err != nil {
		g.cfg.Log.Error("a cleared fault stays latched", "error", err)
		return
	}
	g.fault.Store(nil)
	g.cfg.Log.Info("an operator has cleared the fault", "rule", f.Rule, "why", strings.TrimSpace(f.Why))
}
