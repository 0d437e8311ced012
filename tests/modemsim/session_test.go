package modemsim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// TestWindow opens and closes a data window with every personality, over a quiet and over a chaotic line, and with
// the module found in every state.
func TestWindow(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		for _, leftOn := range []bool{false, true} {
			for _, seed := range []uint64{0, 1, 2} {
				t.Run(fmt.Sprintf("%s,leftOn=%v,chaos=%d", p.Name, leftOn, seed), func(t *testing.T) {
					if p.Binding && modem.ProfileOf(p.Manufacturer, p.Model).DataOn[0] == modem.ProfileOf("", "").DataOn[0] &&
						len(modem.ProfileOf(p.Manufacturer, p.Model).DataOn) == 1 {
						t.Skipf("skipped: drivers/modem has no profile for %s %s, whose data needs a command of its own", p.Manufacturer, p.Model)
					}
					t.Parallel()
					window(t, modemsim.Config{Personality: p, LeftOn: leftOn, Seed: seed}, seed)
				})
			}
		}
	}
}

func window(t *testing.T, cfg modemsim.Config, chaos uint64) {
	t.Helper()
	sim := modemsim.New(cfg)
	plug := newPlug(t, sim)
	plug.chaos = chaos
	m := session(t, plug, "internet")
	var said []string
	if err := m.Up(t.Context(), func(s string) { said = append(said, s) }); err != nil {
		t.Fatalf("Up = %v\nsaid: %s\nmodule: %v", err, strings.Join(said, "; "), whats(sim.States()))
	}
	if !sim.DataActive() {
		t.Fatalf("Up returned, but the module passes no data: %v", whats(sim.States()))
	}
	s := m.Status()
	if !s.Present || s.Radio != "on" || s.SIM != "ready" || !s.Registered || !s.Data || s.Operator != "Airlock Mobile" ||
		s.Access != "LTE" || s.SignalDBm == nil || s.Address != "10.64.0.2" || s.IMEI == "" {
		t.Errorf("Status after Up = %+v", s)
	}
	if err := m.Down(t.Context()); err != nil {
		t.Fatalf("Down = %v", err)
	}
	if sim.RadioOn() || sim.DataActive() {
		t.Errorf("Down returned, but the module's history is %v", whats(sim.States()))
	}
	if s := m.Status(); s.Radio != "off" || s.Registered || s.Data {
		t.Errorf("Status after Down = %+v", s)
	}
	states := whats(sim.States())
	end := []string{modemsim.DataOff, modemsim.RadioOff, modemsim.Deregistered}
	if len(states) < 3 || !slices.Equal(states[len(states)-3:], end) {
		t.Errorf("history = %v, want it to end with %v", states, end)
	}
}

// TestFaultsOvercome: what a module does wrong must not show, neither going up nor coming down.
func TestFaultsOvercome(t *testing.T) {
	for name, f := range map[string]modemsim.Faults{
		"URC inside every reply":    {URCInReply: true},
		"byte by byte":              {Split: true},
		"replies merged":            {Merge: true},
		"stray errors at the start": {StrayErrors: 3},
		"ignores radio off twice":   {IgnoreOff: 2},
		"stays registered a while":  {Linger: 300 * time.Millisecond},
		"bogus PIN at the start":    {BogusPIN: 40 * time.Millisecond},
		"data refused twice":        {RefuseData: 2},
		"binding lost twice":        {NoBinding: 2},
		"late SIM answer":           {Late: modemsim.Late{Command: "+CSQ", Delay: 200 * time.Millisecond, Times: 1}},
		"all at once":               {URCInReply: true, Split: true, StrayErrors: 2, IgnoreOff: 1, RefuseData: 1, NoBinding: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			window(t, modemsim.Config{Faults: f}, 0)
			window(t, modemsim.Config{Faults: f, LeftOn: true}, 3)
		})
	}
}

// TestDiagnoses: what cannot be overcome ends in a sentence of the right kind, and Down still proves the radio off.
func TestDiagnoses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  modemsim.Config
		apn  string
		kind modem.Kind
		word string
	}{
		{"no SIM", modemsim.Config{SIM: modemsim.SIM{Missing: true}}, "", modem.NoSIM, "no SIM in the modem"},
		{"PIN", modemsim.Config{SIM: modemsim.SIM{PIN: "1234"}}, "", modem.NoSIM, "PIN"},
		{"denied", modemsim.Config{Faults: modemsim.Faults{Deny: true}}, "", modem.NoNetwork, "refuses this SIM"},
		{"stuck", modemsim.Config{Faults: modemsim.Faults{Stuck: true}}, "", modem.NoNetwork, "antenna"},
		{"wrong APN", modemsim.Config{}, "wrong.example", modem.NoNetwork, `APN "wrong.example"`},
		{"no data", modemsim.Config{Faults: modemsim.Faults{DataError: 30}}, "", modem.NoNetwork, "no data connection"},
		{"APN with a quote", modemsim.Config{}, `a"b`, modem.NoNetwork, "characters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.name == "no data" {
				tc.cfg.Personality = modemsim.Generic3GPP()
			}
			sim := modemsim.New(tc.cfg)
			m := session(t, newPlug(t, sim), tc.apn)
			err := m.Up(t.Context(), nil)
			fault, ok := errors.AsType[*modem.Error](err)
			if !ok || fault.Kind != tc.kind || !strings.Contains(err.Error(), tc.word) {
				t.Fatalf("Up = %v, want kind %q and %q", err, tc.kind, tc.word)
			}
			if got := m.Status().Problem; got != err.Error() {
				t.Errorf("Status().Problem = %q, want %q", got, err)
			}
			if err := m.Down(t.Context()); err != nil {
				t.Fatalf("Down after a failed Up = %v", err)
			}
			if sim.RadioOn() {
				t.Errorf("radio is on after Down: %v", whats(sim.States()))
			}
		})
	}
}

// TestSilentPort: a device that is there and says nothing is not "no module": its radio may be on.
func TestSilentPort(t *testing.T) {
	sim := modemsim.New(modemsim.Config{LeftOn: true, Faults: modemsim.Faults{Silent: true}})
	times := short()
	times.Find, times.Off = 700*time.Millisecond, 700*time.Millisecond
	m := modem.New(modem.Config{Times: times}, newPlug(t, sim).open)
	defer m.Close()
	fault, ok := errors.AsType[*modem.Error](m.Up(t.Context(), nil))
	if !ok || fault.Kind != modem.NoModem {
		t.Errorf("Up = %v, want kind %q", fault, modem.NoModem)
	}
	fault, ok = errors.AsType[*modem.Error](m.Down(t.Context()))
	if !ok || fault.Kind != modem.RadioOn {
		t.Errorf("Down = %v, want kind %q", fault, modem.RadioOn)
	}
	sim.SetFaults(modemsim.Faults{})
	if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
		t.Errorf("Down once it speaks again = %v, radio on = %v", err, sim.RadioOn())
	}
}

// TestRadioThatStaysOn: OK is no proof.
func TestRadioThatStaysOn(t *testing.T) {
	sim := modemsim.New(modemsim.Config{LeftOn: true, Faults: modemsim.Faults{IgnoreOff: 1 << 20}})
	times := short()
	times.Find, times.Off = 200*time.Millisecond, 2*time.Second
	m := modem.New(modem.Config{Times: times}, newPlug(t, sim).open)
	defer m.Close()
	fault, ok := errors.AsType[*modem.Error](m.Down(t.Context()))
	if !ok || fault.Kind != modem.RadioOn || m.Status().Radio != "on" {
		t.Errorf("Down = %v, status radio %q, want kind %q and on", fault, m.Status().Radio, modem.RadioOn)
	}
}

// TestUnplugged: the device vanishes in the middle and comes back; the session opens the port anew.
func TestUnplugged(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	p := newPlug(t, sim)
	m := session(t, p, "")
	if err := m.Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p.pull()
	deadline := time.After(2 * time.Second)
	for m.Status().Present {
		select {
		case <-deadline:
			t.Fatal("Status says present after the port ended")
		case <-time.After(time.Millisecond):
		}
	}
	if err := m.Down(t.Context()); !errors.Is(err, modem.ErrNotPresent) {
		t.Errorf("Down without a module = %v, want ErrNotPresent", err)
	}
	if fault, _ := errors.AsType[*modem.Error](m.Up(t.Context(), nil)); fault == nil || fault.Kind != modem.NoModem {
		t.Errorf("Up without a module = %v, want kind %q", fault, modem.NoModem)
	}
	p.mu.Lock()
	p.gone = false
	p.mu.Unlock()
	if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
		t.Errorf("Down when it is back = %v, radio on = %v", err, sim.RadioOn())
	}
	if p.opens != 2 {
		t.Errorf("port opened %d times, want 2", p.opens)
	}
}

// TestCancelledUp: the window's holder is gone. Up ends at once, and Down works from the middle of it.
func TestCancelledUp(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond} {
		sim := modemsim.New(modemsim.Config{Times: modemsim.Times{Function: 20 * time.Millisecond,
			Search: 20 * time.Millisecond, Register: 200 * time.Millisecond}})
		m := session(t, newPlug(t, sim), "")
		ctx, cancel := context.WithTimeout(t.Context(), after)
		began := time.Now()
		err := m.Up(ctx, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > after+500*time.Millisecond {
			t.Errorf("Up cancelled after %s = %v, %s later", after, err, time.Since(began)-after)
		}
		if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
			t.Errorf("Down after Up was cancelled at %s = %v, radio on = %v", after, err, sim.RadioOn())
		}
	}
}

// TestIdempotent: twice up and twice down change nothing.
func TestIdempotent(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	m := session(t, newPlug(t, sim), "")
	for range 2 {
		for range 2 {
			if err := m.Up(t.Context(), nil); err != nil || !sim.DataActive() {
				t.Fatalf("Up = %v, data %v", err, sim.DataActive())
			}
		}
		for range 2 {
			if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
				t.Fatalf("Down = %v, radio on %v", err, sim.RadioOn())
			}
		}
	}
}
