package modemsim_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// recorded joins sessions to a module as a plug does, and keeps every command that they send, whatever becomes of it.
type recorded struct {
	sim   *modemsim.Sim
	tasks sync.WaitGroup

	mu   sync.Mutex
	sent []string // command lines without AT, upper case but for what is quoted
	last net.Conn
}

func record(t *testing.T, sim *modemsim.Sim) *recorded {
	r := &recorded{sim: sim}
	t.Cleanup(func() { r.hangUp(); r.tasks.Wait() })
	return r
}

func (r *recorded) open(ctx context.Context) (modem.Port, error) {
	near, far := net.Pipe()
	r.mu.Lock()
	r.last = far
	r.mu.Unlock()
	r.tasks.Go(func() { r.sim.Serve(context.Background(), far) })
	port := at.New(&tap{Conn: near, to: r}, at.Options{Probe: 50 * time.Millisecond})
	limit, cancel := context.WithTimeout(ctx, 600*time.Millisecond)
	defer cancel()
	if err := port.Sync(limit); err != nil {
		port.Close()
		return nil, err
	}
	return port, nil
}

// hangUp ends the port from the module's side, as when the device goes.
func (r *recorded) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		r.last.Close()
	}
}

// tap copies what the host writes.
type tap struct {
	net.Conn
	to *recorded
}

func (p *tap) Write(b []byte) (int, error) {
	p.to.mu.Lock()
	for line := range strings.SplitSeq(string(b), "\r") {
		if command, ok := strings.CutPrefix(line, "AT"); ok {
			p.to.sent = append(p.to.sent, command)
		}
	}
	p.to.mu.Unlock()
	return p.Conn.Write(b)
}

// commands are those sent so far that begin so.
func (r *recorded) commands(prefix string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, c := range r.sent {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// expectSent checks that commands with the prefix were sent, as they are and no others.
func (r *recorded) expectSent(t *testing.T, prefix string, want ...string) {
	t.Helper()
	if got := r.commands(prefix); !slices.Equal(got, want) {
		t.Errorf("commands %s… sent: %q, want %q", prefix, got, want)
	}
}

// disk is a Memory as a file is: it keeps a copy, outlives sessions, and may fail.
type disk struct {
	mu     sync.Mutex
	text   []byte
	broken error // of every Save from now on
	saves  int
}

func (d *disk) Load() (r modem.Remembered, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.text) > 0 {
		err = json.Unmarshal(d.text, &r)
	}
	return r, err
}

func (d *disk) Save(r modem.Remembered) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.saves++; d.broken != nil {
		return d.broken
	}
	d.text, err = json.Marshal(r)
	return err
}

// brisk are phase times for a module that says at once what it has to say.
func brisk() modem.Times {
	times := short()
	times.Locked, times.Denied, times.Poll = 20*time.Millisecond, 40*time.Millisecond, 5*time.Millisecond
	return times
}

// join makes a session with a module that is closed when the test ends.
func join(t *testing.T, r *recorded, cfg modem.Config) *modem.Modem {
	if cfg.Times == (modem.Times{}) {
		cfg.Times = brisk()
	}
	m := modem.New(cfg, r.open)
	t.Cleanup(func() { m.Close() })
	return m
}

// faultOf is the session's error, or the test ends.
func faultOf(t *testing.T, what string, err error) *modem.Error {
	t.Helper()
	fault, ok := errors.AsType[*modem.Error](err)
	if !ok {
		t.Fatalf("%s = %v, want a *modem.Error", what, err)
	}
	return fault
}
