package modemsim_test

import (
	"strings"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// TestCausesAreNamed: with every personality, whether it tells causes by +CEREG=3 or by +CEER only, the cause's name reaches a
// person, and only those causes that another try does not cure are final.
func TestCausesAreNamed(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		for _, c := range []struct {
			cause int
			word  string
			final bool
		}{{3, "illegal UE", true}, {6, "illegal ME", true}, {8, "not allowed", true}, {11, "PLMN not allowed", true}, {15, "no suitable cells", false}, {22, "congestion", false}} {
			t.Run(p.Name+" "+c.word, func(t *testing.T) {
				t.Parallel()
				sim := modemsim.New(modemsim.Config{Personality: p, Faults: modemsim.Faults{RejectCause: c.cause}})
				m := join(t, record(t, sim), modem.Config{})
				fault := faultOf(t, "Up", m.Up(t.Context(), nil))
				if fault.Kind != modem.NoNetwork || fault.Final != c.final || !strings.Contains(fault.Detail, c.word) {
					t.Errorf("Up = %+v, want %q, final %v", fault, c.word, c.final)
				}
				if got := m.Status().Reject; !strings.Contains(got, c.word) {
					t.Errorf("Status().Reject = %q, want %q", got, c.word)
				}
				if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
					t.Errorf("Down = %v, radio on %v", err, sim.RadioOn())
				}
			})
		}
	}
}

// TestRejectForgotten: a refusal that passed is no news any more.
func TestRejectForgotten(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Faults: modemsim.Faults{RejectCause: 15}})
	m := join(t, record(t, sim), modem.Config{})
	faultOf(t, "Up", m.Up(t.Context(), nil))
	sim.SetFaults(modemsim.Faults{})
	if err := m.Up(t.Context(), nil); err != nil || m.Status().Reject != "" {
		t.Errorf("Up = %v, Reject %q", err, m.Status().Reject)
	}
}

// TestRoaming is told of every domain alike.
func TestRoaming(t *testing.T) {
	for _, access := range []int{7, 11} {
		p, _ := modemsim.PersonalityOf("quectel-rm5xx")
		m := join(t, record(t, modemsim.New(modemsim.Config{Personality: p, Network: modemsim.Network{Roaming: true, Access: access}})), modem.Config{})
		var said []string
		if err := m.Up(t.Context(), func(s string) { said = append(said, s) }); err != nil {
			t.Fatal(err)
		}
		if s := m.Status(); !s.Roaming || !strings.Contains(strings.Join(said, "|"), "roaming") {
			t.Errorf("access %d: Status = %+v, said %q", access, s, said)
		}
		if s := m.Status(); access == 11 && (s.Signal == nil || s.Signal.Access != "5G") {
			t.Errorf("5G alone: Signal = %+v", s.Signal)
		}
	}
}

// TestNetworkTime: what the network says is read after registration with the zone, by the family's own query where it has one,
// and a clock outside of the window is kept and not believed.
func TestNetworkTime(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, Network: modemsim.Network{Zone: 22}}) // 5:30 east
			m := join(t, record(t, sim), modem.Config{NotBefore: time.Now().AddDate(0, -1, 0)})
			if err := m.Up(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			c := m.Status().Clock
			if c == nil || !c.Plausible || c.Zone != 330*time.Minute || c.At.Sub(c.ReadAt).Abs() > 2*time.Second || c.Source == "" {
				t.Errorf("Clock = %+v, want now, 5:30 east", c)
			}
		})
	}
	for name, from := range map[string]time.Time{"before the software": time.Now().AddDate(1, 0, 0), "far beyond it": time.Now().AddDate(-21, 0, 0)} {
		m := join(t, record(t, modemsim.New(modemsim.Config{})), modem.Config{NotBefore: from})
		if err := m.Up(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if c := m.Status().Clock; c == nil || c.Plausible {
			t.Errorf("%s: Clock = %+v, want it told and not believed", name, c)
		}
	}
}
