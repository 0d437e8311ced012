// Package guard is the fourth layer of "never both doors": a process of its own that watches what the kernel says of
// links, interlock and frames, and what netd says of the radio, and compares. Where they contradict each other, or netd
// is silent while a door may be open, it shuts: it empties the interlock's sets and takes every link down, tells netd
// to force both doors, and latches a fault that only an operator clears.
//
//	kernel: link events ──┐
//	kernel: rules' events ┤                        ┌─► interlock.Trip, links down, read back
//	kernel: raw frames ───┼─► observation ─► judge ┼─► netd: PUT /v1/fault; its own fault files
//	netd: how it stands ──┘    (a model)    (pure) └─► modem's power off, if netd does not answer
//
// It has no way to open anything: it raises no link, adds no element to a set, and switches no radio on; a test looks
// for these in the program itself. It outlives netd, and netd keeps no door open without it.
// firmware/cmd/netguard runs it.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"airlock/netd/interlock"
	"airlock/netd/windows"
)

const (
	pollEvery  = time.Second            // how often everything is read anew, whatever the kernel tells
	beatEvery  = 500 * time.Millisecond // netd wants one every 3 s
	answerTime = 2 * time.Second        // for netd to take a fault
	forceTime  = 100 * time.Second      // for netd to read both doors back as shut after it has
	deafTime   = 5 * time.Second        // a reader that has not turned for so long hangs
	mostFrames = 64                     // kept until they are judged
)

// Keeper is netd, as the guard reaches it.
type Keeper interface {
	Beat(ctx context.Context, b windows.Beat) (windows.Stand, error)
	Condemn(ctx context.Context, f windows.GuardFault) error
}

// Power is a lever on the modem's supply.
type Power interface {
	PowerOff(ctx context.Context) error
}

var _ Keeper = (*windows.GuardClient)(nil)

// Config is what a Guard works with.
type Config struct {
	Keeper Keeper
	// Power switches the modem off where netd cannot; nil: the node has no such lever.
	Power Power
	// Folders for fault.json; a fault that is found in any of them is latched. The last should survive a power cut.
	Folders []string
	Log     *slog.Logger
}

// Guard watches. One goroutine, watch's, owns the fields marked so.
type Guard struct {
	cfg   Config
	since time.Time // of its start; every time below counts from it, by the monotonic clock
	ready chan struct{}

	linkNews chan linkNews
	gateNews chan []string // names of interfaces that were let pass; empty: something else changed
	strays   chan Frame
	stands   chan heard

	fault  atomic.Pointer[windows.GuardFault] // latched; nil: none. Written by watch.
	pulses [pulseCount]atomic.Int64           // when each goroutine turned last

	// Owned by watch's goroutine.
	tap     *tap
	own     int // index of the link whose frames the tap leaves out; 0: none
	model   model
	docket  docket
	memory  memory
	frames  []Frame // not judged yet
	taken   bool    // netd has taken the fault
	powered bool    // the lever was pulled for this fault
	forced  time.Duration
}

// The goroutines that must turn.
const (
	pulseLinks = iota
	pulseGate
	pulseFrames
	pulseWatch
	pulseCount
)

// heard is an answer of netd's, or why there was none.
type heard struct {
	stand windows.Stand
	err   error
	at    time.Duration
}

// New makes a guard; a fault that is found in one of the folders is latched.
func New(cfg Config) *Guard {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{
		cfg: cfg, since: time.Now(), ready: make(chan struct{}),
		linkNews: make(chan linkNews, 64), gateNews: make(chan []string, 64), strays: make(chan Frame, mostFrames),
		stands: make(chan heard),
		model:  newModel(), docket: docket{}, memory: newMemory(),
	}
	if f := findFault(cfg.Folders); f != nil {
		g.fault.Store(f)
		cfg.Log.Error("a fault is latched from before", "rule", f.Rule, "why", f.Why)
	}
	return g
}

// now is the time since the start.
func (g *Guard) now() time.Duration { return time.Since(g.since) }

// Ready is closed when all eyes are open and the first look has been judged.
func (g *Guard) Ready() <-chan struct{} { return g.ready }

// Fault is what is latched; nil: nothing.
func (g *Guard) Fault() *windows.GuardFault { return g.fault.Load() }

// Healthy says whether every reader still turns. The guard beats, and its watchdog is pinged, only while they do.
func (g *Guard) Healthy() error {
	for i, name := range []string{"links", "interlock", "frames", "judge"} {
		if silent := g.now() - time.Duration(g.pulses[i].Load()); silent > deafTime {
			return fmt.Errorf("the reader of %s has not turned for %v", name, silent.Round(time.Millisecond))
		}
	}
	return nil
}

// pulse notes that a goroutine turned.
func (g *Guard) pulse(who int) { g.pulses[who].Store(int64(g.now())) }

// Run watches until ctx ends. An error says that an eye went blind: without it the guard must not go on.
func (g *Guard) Run(ctx context.Context) error {
	tap, err := openTap()
	if err != nil {
		return fmt.Errorf("watch frames: %w", err)
	}
	g.tap = tap
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.readLinks(ctx) })
	group.Go(func() error { return g.readGate(ctx) })
	group.Go(func() error { return g.readFrames(ctx, tap) })
	group.Go(func() error { return g.beat(ctx) })
	group.Go(func() error { return g.watch(ctx) })
	return group.Wait()
}

// watch looks whenever the kernel or netd tells something, and once a second in any case.
func (g *Guard) watch(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	again := time.NewTimer(time.Hour) // for what is not ripe yet
	defer again.Stop()
	for {
		look := true
		select {
		case <-ctx.Done():
			return nil
		case n := <-g.linkNews:
			g.model.take(n)
		case names := <-g.gateNews:
			g.memory.opened(names, g.now())
		case f := <-g.strays:
			g.keepFrame(f)
			look = false
		case h := <-g.stands:
			g.hear(h)
		case <-poll.C:
		case <-again.C:
		}
		g.drain()
		g.pulse(pulseWatch)
		if look && g.model.whole {
			g.look(ctx)
		}
		if wait, pending := g.pending(); pending {
			again.Reset(wait)
		}
	}
}

// drain takes what else has come, so that one look judges it all.
func (g *Guard) drain() {
	for {
		select {
		case n := <-g.linkNews:
			g.model.take(n)
		case names := <-g.gateNews:
			g.memory.opened(names, g.now())
		case f := <-g.strays:
			g.keepFrame(f)
		default:
			return
		}
	}
}

// keepFrame keeps a frame until it is judged. Of a flood the first ones tell enough.
func (g *Guard) keepFrame(f Frame) {
	if len(g.frames) < mostFrames {
		g.frames = append(g.frames, f)
	}
}

// pending is how long until something not ripe yet should be looked at again.
func (g *Guard) pending() (time.Duration, bool) {
	due, ok := g.docket.next()
	if len(g.frames) > 0 {
		at := max(g.frames[0].At+settleTime, g.now()+settleTime/2)
		if !ok || at < due {
			due, ok = at, true
		}
	}
	return max(due-g.now(), time.Millisecond), ok
}

// look observes, judges and acts.
func (g *Guard) look(ctx context.Context) {
	o := g.observe()
	ripe := g.docket.hold(judge(o), o.At)
	g.model.forget()
	if len(ripe) > 0 {
		g.shut(ctx, ripe)
	}
	g.settleFault(ctx, o)
	g.opened()
}

// opened closes ready, once.
func (g *Guard) opened() {
	select {
	case <-g.ready:
	default:
		close(g.ready)
	}
}

// observe puts together what is known now. The frames that are old enough are taken out of those kept.
func (g *Guard) observe() Observation {
	gate, err := interlock.Observe()
	now := g.now()
	g.drain() // what the kernel told while the rules were read
	o := Observation{At: now, Links: g.model.list(), Clashes: g.model.clashes, Renames: g.model.renames, Gate: gate, Names: maps.Clone(g.model.names)}
	if err != nil {
		o.Unreadable = err.Error()
	}
	if err != nil { // frames wait until it is known whose they were
		g.cfg.Log.Warn("the interlock cannot be read", "error", err)
		g.memory.fill(&o)
		return o
	}
	g.memory.see(o.Links, gate, now)
	g.tellHolder(o)
	ripe := slices.IndexFunc(g.frames, func(f Frame) bool { return f.At > now-settleTime })
	if ripe < 0 {
		ripe = len(g.frames)
	}
	o.Frames, g.frames = g.frames[:ripe:ripe], g.frames[ripe:]
	g.memory.fill(&o)
	return o
}

// tellHolder tells the tap whose frames are no strays, so that its reader sleeps while a door carries its own.
func (g *Guard) tellHolder(o Observation) {
	index := 0
	if names := o.Gate.Holders(); len(names) == 1 {
		for _, l := range o.Links {
			if l.Name == names[0] {
				index = l.Index
			}
		}
	}
	if index == g.own {
		return
	}
	if err := g.tap.ignore(index); err != nil && !errors.Is(err, os.ErrClosed) { // closed: the reader says so
		g.cfg.Log.Error("frames cannot be told apart by door", "error", err)
		return
	}
	g.own = index
}

// hear notes how netd stands.
func (g *Guard) hear(h heard) {
	switch {
	case h.err == nil:
		g.memory.stand, g.memory.heardAt, g.memory.absent = h.stand, h.at, false
	case windows.NobodyThere(h.err):
		g.memory.absent = true
	}
}

// beat tells netd that the guard lives, twice a second, and hears how netd stands.
func (g *Guard) beat(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		select {
		case <-g.ready:
		default:
			continue
		}
		if err := g.Healthy(); err != nil {
			g.cfg.Log.Error("no sign of life is given", "why", err)
			continue
		}
		call, stop := context.WithTimeout(ctx, answerTime)
		at := g.now()
		stand, err := g.cfg.Keeper.Beat(call, windows.Beat{Fault: g.fault.Load()})
		stop()
		select {
		case g.stands <- heard{stand, err, at}:
		case <-ctx.Done():
			return nil
		}
	}
}

// errBlind is a reader whose source has ended.
var errBlind = errors.New("the kernel ended the subscription")
