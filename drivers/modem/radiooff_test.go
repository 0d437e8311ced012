package modem

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"airlock/drivers/at"
)

// stubborn is a port of a module that refuses or ignores what its fields say.
type stubborn struct {
	refuses []string // +CFUN=… that are answered with ERROR
	ignores []string // +CFUN=… that are answered with OK, and change nothing
	fun     string
	sent    []string
	closed  chan struct{}
}

// Command answers.
func (p *stubborn) Command(_ context.Context, cmd string, _ ...string) ([]string, error) {
	p.sent = append(p.sent, cmd)
	switch level, set := strings.CutPrefix(cmd, "+CFUN="); {
	case set && slices.Contains(p.refuses, level):
		return nil, &at.ResultError{Result: "ERROR"}
	case set:
		if !slices.Contains(p.ignores, level) {
			p.fun = level
		}
	case cmd == "+CFUN?":
		return []string{"+CFUN: " + p.fun}, nil
	case cmd == "+CREG?":
		return []string{"+CREG: 0,0"}, nil
	}
	return nil, nil
}

// Handle has nothing to say.
func (p *stubborn) Handle(string, func(string)) (remove func()) { return func() {} }

// Closed never is.
func (p *stubborn) Closed() <-chan struct{} { return p.closed }

// Close does nothing.
func (p *stubborn) Close() error { return nil }

func (p *stubborn) count(cmd string) (n int) {
	for _, s := range p.sent {
		if s == cmd {
			n++
		}
	}
	return n
}

// memory is a Memory that keeps.
type memory struct{ kept Remembered }

// Load gives what is kept.
func (m *memory) Load() (Remembered, error) { return m.kept, nil }

// Save keeps.
func (m *memory) Save(r Remembered) error { m.kept = r; return nil }

// +CFUN=4 is preferred; 0 comes only when 4 is refused for good, is counted as a write, and never goes to a u-blox.
func TestRadioOffFallsBackToZero(t *testing.T) {
	for _, c := range []struct {
		name    string
		port    stubborn
		profile Profile
		off     bool
		zeros   int
	}{
		{"takes 4", stubborn{fun: "1"}, generic(), true, 0},
		{"was left at 0", stubborn{fun: "0"}, generic(), true, 0},
		{"refuses 4", stubborn{fun: "1", refuses: []string{"4"}}, generic(), true, 1},
		{"ignores 4", stubborn{fun: "1", ignores: []string{"4"}}, generic(), false, 0},
		{"u-blox refuses 4", stubborn{fun: "1", refuses: []string{"4"}}, ubloxRouter(), false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := &memory{}
				m := New(Config{Memory: kept}, nil)
				m.port, m.profile, m.identified = &c.port, c.profile, true
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				err := m.lower(ctx)
				if (err == nil) != c.off || m.Status().Radio == "off" != c.off {
					t.Errorf("lower = %v, radio %s", err, m.Status().Radio)
				}
				if n := c.port.count("+CFUN=0"); n != c.zeros || kept.kept.FlashWrites != uint64(c.zeros) || m.Status().FlashWrites != uint64(c.zeros) {
					t.Errorf("+CFUN=0 was sent %d times, %d writes counted, want %d", n, kept.kept.FlashWrites, c.zeros)
				}
			})
		})
	}
}

// A module that was told to belong to no network, because its radio could not be silenced, is told to choose one in
// the next window.
func TestNetworkIsChosenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &stubborn{fun: "1", ignores: []string{"4", "1,1"}}
		m := New(Config{}, func(context.Context) (Port, error) { return p, nil })
		err := m.Down(t.Context())
		if fault, ok := errors.AsType[*Error](err); !ok || fault.Kind != RadioOn || p.count("+COPS=2") != 1 {
			t.Fatalf("Down = %v, +COPS=2 sent %d times", err, p.count("+COPS=2"))
		}
		var names []string
		for _, phase := range m.phases() {
			names = append(names, phase.say)
		}
		if i := slices.Index(names, "choosing a network again"); i < 0 || names[i+1] != "registering with the network" {
			t.Fatalf("phases %v", names)
		}
		if err := m.reselect(t.Context(), nil); err != nil || p.count("+COPS=0") != 1 || len(m.phases()) != len(names)-1 {
			t.Errorf("reselect = %v", err)
		}
	})
}
