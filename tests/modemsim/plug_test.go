package modemsim_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// short are phase times that fit a simulator without delays of its own.
func short() modem.Times {
	return modem.Times{Find: time.Second, SIM: time.Second, Locked: 60 * time.Millisecond, Setup: 3 * time.Second,
		Register: 1500 * time.Millisecond, Denied: 200 * time.Millisecond, Data: 1500 * time.Millisecond,
		Off: 2 * time.Second, Poll: 20 * time.Millisecond}
}

// plug joins a session to a module, and counts how often its port was opened.
type plug struct {
	t     *testing.T
	sim   *modemsim.Sim
	chaos uint64 // seed; 0 none
	gone  bool   // no device is there
	opens int
	last  net.Conn
	tasks sync.WaitGroup
	mu    sync.Mutex
}

func newPlug(t *testing.T, sim *modemsim.Sim) *plug {
	p := &plug{t: t, sim: sim}
	t.Cleanup(func() { p.pull(); p.tasks.Wait() })
	return p
}

// open is the session's modem.Opener.
func (p *plug) open(ctx context.Context) (modem.Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, fmt.Errorf("%w: nothing on the bus", modem.ErrNotPresent)
	}
	p.opens++
	near, far := net.Pipe()
	p.last = far
	p.tasks.Go(func() { p.sim.Serve(context.Background(), far) })
	opt := at.Options{Probe: 50 * time.Millisecond}
	var port *at.AT
	if p.chaos != 0 {
		port = at.New(modemsim.NewChaos(near, p.chaos, 2*time.Millisecond), opt)
	} else {
		port = at.New(near, opt)
	}
	if err := port.Sync(withTimeout(ctx, p.t, 600*time.Millisecond)); err != nil {
		port.Close()
		return nil, err
	}
	return port, nil
}

func withTimeout(ctx context.Context, t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	t.Cleanup(cancel)
	return ctx
}

// pull takes the device off the bus.
func (p *plug) pull() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.last != nil {
		p.last.Close()
	}
}

func session(t *testing.T, p *plug, apn string) *modem.Modem {
	m := modem.New(modem.Config{APN: apn, Times: short()}, p.open)
	t.Cleanup(func() { m.Close() })
	return m
}

func whats(states []modemsim.StateChange) []string {
	var out []string
	for _, s := range states {
		out = append(out, s.What)
	}
	return out
}
