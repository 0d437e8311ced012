package modemsim_test

import (
	"strings"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// TestScriptCard: the card is pulled and put back while the module runs, and a lie about its PIN burns nothing.
func TestScriptCard(t *testing.T) {
	sim := scripted(t, modemsim.Config{SIM: modemsim.SIM{PIN: "4711", PINLeft: 2}}, "command AT+GMR: sim-out 60ms", "command AT+GMM: bogus-pin 60ms")
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	h.ask("AT+GMR")
	h.expect("AT+CPIN?", "+CME ERROR: 10")
	eventually(t, "the card to be back", func() bool { return strings.Contains(h.ask("AT+CPIN?"), "+CPIN: SIM PIN") })
	h.expect("AT+QPINC", `+QPINC: "SC",2,10|OK`)
	h.ask("AT+CPIN=4711")
	h.ask("AT+GMM")
	h.expect("AT+CPIN?", "+CPIN: SIM PIN|OK")
	h.expect("AT+CPIN=4711", "+CME ERROR: 3") // there is nothing to unlock
	eventually(t, "the lie to end", func() bool { return strings.Contains(h.ask("AT+CPIN?"), "READY") })
	if left := sim.PINLeft(); left != 3 {
		t.Errorf("tries left = %d, want 3", left)
	}
}

// TestScriptCardGone: without a duration the card stays out, and the registration goes with it.
func TestScriptCardGone(t *testing.T) {
	sim := scripted(t, modemsim.Config{}, "command AT+GMR: sim-out")
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	eventually(t, "registration", func() bool { return strings.Contains(h.ask("AT+CEREG?"), "0,1") })
	h.ask("AT+GMR")
	h.expect("AT+CEREG?", "+CEREG: 0,0|OK")
	h.expect("AT+CIMI", "+CME ERROR: 10")
}

// TestScriptStubborn: strays behind a reply, refusals counted, bindings that do not bind, and one that is lost.
func TestScriptStubborn(t *testing.T) {
	sim := scripted(t, modemsim.Config{Function: 4}, "command AT+CFUN=1: refuse-data 2", "command AT+CFUN=1: no-binding",
		"command AT+GMR: stray 2", "command AT+GMM: unbind", "command AT+CGMM: linger 60ms")
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	h.ask("AT+CFUN=1")
	eventually(t, "registration", func() bool { return strings.Contains(h.ask("AT+CEREG?"), "0,1") })
	h.expect("AT+CGACT=1,1", "+CME ERROR: 30")
	h.expect("AT+CGACT=1,1", "+CME ERROR: 30")
	h.expect("AT+CGACT=1,1", "OK")
	h.expect("AT+QNETDEVCTL=1,1,0", "OK")
	h.expect("AT+QNETDEVCTL?", "+QNETDEVCTL: 0,0,0,0|OK")
	h.expect("AT+QNETDEVCTL=1,1,0", "OK")
	if !sim.DataActive() {
		t.Error("bound, and no data flows")
	}
	h.expect("AT+GMR", "EC25EUGAR06A07M4G|OK")
	for range 2 { // the strays come before anything else
		if got := h.until("+CME ERROR: 4"); len(got) != 1 {
			t.Errorf("stray = %q", got)
		}
	}
	h.ask("AT+GMM")
	if sim.DataActive() {
		t.Error("unbound, and data flows")
	}
	h.expect("AT+CGACT?", "+CGACT: 1,1|OK") // nothing says so
	h.ask("AT+CGMM")
	h.ask("AT+CFUN=4")
	h.expect("AT+CEREG?", "+CEREG: 0,1|OK")
	eventually(t, "the registration to go", func() bool { return strings.Contains(h.ask("AT+CEREG?"), "0,0") })
}

// TestRestartFromOutside: a reset of the port ends no hang of the firmware; a power cut does, and the module boots by itself.
func TestRestartFromOutside(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	attach(t, sim)
	sim.SetFaults(modemsim.Faults{Silent: true})
	sim.Restart(20*time.Millisecond, false)
	if sim.RadioOn() || sim.Present() {
		t.Errorf("off the bus: radio on = %v, present = %v", sim.RadioOn(), sim.Present())
	}
	eventually(t, "the module to boot", func() bool { return sim.Present() && sim.RadioOn() })
	if dialog(t, sim).try("AT", 40*time.Millisecond) {
		t.Error("a hang ended by a reset of the port")
	}
	sim.Restart(20*time.Millisecond, true)
	eventually(t, "the module to be back", sim.Present)
	attachAny(t, sim)
}

// TestRestartByCommand: with Times.Away a module leaves the bus at its reset command, as one on USB does.
func TestRestartByCommand(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Times: modemsim.Times{Away: 30 * time.Millisecond}})
	h := attach(t, sim)
	h.ask("AT+CFUN=1,1")
	eventually(t, "the module to leave the bus", func() bool { return !sim.Present() })
	eventually(t, "the module to be back", sim.Present)
	attachAny(t, sim)
}
