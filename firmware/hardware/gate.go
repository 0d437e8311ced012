package hardware

import (
	"sync"
	"time"

	"airlock/netd"
	"airlock/netd/interlock"
	"airlock/netd/passage"
)

// Gate is the kernel's interlock, loaded at the first call that succeeds in it. A kernel that does not take
// the rules so becomes a fault that the console tells, instead of a netd that does not start.
type Gate struct {
	load func() (netd.Interlock, error)

	mu     sync.Mutex
	loaded netd.Interlock // nil until load has succeeded; guarded by mu
}

var _ netd.Interlock = (*Gate)(nil)

// NewGate makes the gate of this network namespace.
func NewGate() *Gate {
	return &Gate{load: func() (netd.Interlock, error) { return interlock.Load() }}
}

// get loads the rules, which lets nothing pass, unless that is done.
func (g *Gate) get() (netd.Interlock, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loaded != nil {
		return g.loaded, nil
	}
	loaded, err := g.load()
	if err != nil {
		return nil, err
	}
	g.loaded = loaded
	return loaded, nil
}

// Attach implements netd.Interlock.
func (g *Gate) Attach(name string) error {
	i, err := g.get()
	if err != nil {
		return err
	}
	return i.Attach(name)
}

// Open implements netd.Interlock.
func (g *Gate) Open(name string, budget time.Duration, p passage.Passage) error {
	i, err := g.get()
	if err != nil {
		return err
	}
	return i.Open(name, budget, p)
}

// Renew implements netd.Interlock.
func (g *Gate) Renew(name string) error {
	i, err := g.get()
	if err != nil {
		return err
	}
	return i.Renew(name)
}

// Shut implements netd.Interlock.
func (g *Gate) Shut() error {
	i, err := g.get()
	if err != nil {
		return err
	}
	return i.Shut()
}
