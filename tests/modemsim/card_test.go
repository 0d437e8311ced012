package modemsim_test

import (
	"strings"
	"testing"

	"airlock/tests/modemsim"
)

// TestCardCounts: a wrong PIN burns one try by whatever way it comes, three ask for the PUK, ten wrong PUKs end the
// card; the card remembers through power-off and in another slot.
func TestCardCounts(t *testing.T) {
	card := modemsim.SIM{PIN: "4711", PUK: "87654321", ICCID: "8988211000000999991"}
	sim := modemsim.New(modemsim.Config{SIM: card})
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	h.expect(`AT+CSIM=10,"0020000100"`, `+CSIM: 4,"63C3"|OK`)
	h.expect(`AT+CPIN="0000"`, "+CME ERROR: 16")
	h.expect(`AT+CSIM=26,"002000010830303030FFFFFFFF"`, `+CSIM: 4,"63C1"|OK`) // VERIFY 0000
	h.expect("AT+CPINR", "+CPINR: SIM PIN,1,3|+CPINR: SIM PUK,10,10|OK")

	sim.SwapSIM(modemsim.SIM{})
	sim.SwapSIM(card)
	if got := sim.PINLeft(); got != 1 {
		t.Errorf("tries after the card was out = %d, want 1", got)
	}
	h.until("+CPIN: SIM PIN") // the card is back
	h.expect(`AT+CPIN="0000"`, "+CME ERROR: 16")
	h.expect("AT+CPIN?", "+CPIN: SIM PUK|OK")
	h.expect(`AT+CSIM=10,"0020000100"`, `+CSIM: 4,"6983"|OK`)
	h.expect(`AT+CPIN="4711"`, "+CME ERROR: 12") // the right PIN comes too late
	h.expect(`AT+CPIN="87654321","12"`, "+CME ERROR: 12")
	h.expect(`AT+CPIN="00000000","2222"`, "+CME ERROR: 16")
	h.expect(`AT+CSIM=10,"002C000100"`, `+CSIM: 4,"63C9"|OK`)
	h.expect(`AT+CPIN="87654321","2222"`, "OK")
	h.expect("AT+CPINR", "+CPIN: READY|+CPINR: SIM PIN,3,3|+CPINR: SIM PUK,10,10|OK")
	h.expect(`AT+CLCK="SC",2`, "+CLCK: 1|OK")
	h.expect(`AT+CLCK="SC",0,"4711"`, "+CME ERROR: 16") // the old one
	h.expect(`AT+CLCK="SC",0,"2222"`, "OK")
	h.expect(`AT+CLCK="SC",2`, "+CLCK: 0|OK")
}

// TestCardEnds: after ten wrong PUKs the card is gone for good, whatever is tried.
func TestCardEnds(t *testing.T) {
	sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711", PINLeft: -1}})
	h := dialog(t, sim)
	h.until("+CPIN: SIM PUK")
	h.ask("ATE0+CMEE=1")
	for range 10 {
		h.expect(`AT+CPIN="00000000","1111"`, "+CME ERROR: 16")
	}
	h.expect(`AT+CPIN="12345678","1111"`, "+CME ERROR: 13")
	h.expect("AT+CPIN?", "+CME ERROR: 13")
	h.expect(`AT+CSIM=10,"002C000100"`, `+CSIM: 4,"6983"|OK`)
	h.expect("AT+CIMI", "+CME ERROR: 13")
	if sim.PUKLeft() != 0 || len(sim.States()) != 1 {
		t.Errorf("PUK tries %d, history %v", sim.PUKLeft(), whats(sim.States()))
	}
}

// TestReject: the network's cause is told by +CEREG=3, by +CEER, and as a CME code by +CGATT.
func TestReject(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP(), Faults: modemsim.Faults{RejectCause: 11}})
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1;+CEREG=3")
	for !strings.HasPrefix(h.ask("AT+CEREG?"), "+CEREG: 3,3,,,,0,11") {
	}
	h.expect("AT+CEER", "+CEER: EMM_CAUSE,11|OK")
	h.expect("AT+CGATT=1", "+CME ERROR: 111")
}

// TestLameGrant: everything says that data flows, and nothing does, until the binding is asserted anew.
func TestLameGrant(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Faults: modemsim.Faults{NoTraffic: 1}})
	h := attach(t, sim)
	h.ask("ATE0")
	for !strings.Contains(h.ask("AT+CEREG?"), "0,1") {
	}
	h.expect("AT+QNETDEVCTL=1,1,0", "OK")
	h.expect("AT+QNETDEVCTL?", "+QNETDEVCTL: 1,1,1,1|OK")
	if sim.DataActive() {
		t.Error("a lame grant carries packets")
	}
	h.expect("AT+QNETDEVCTL=0,1,0", "OK")
	h.expect("AT+QNETDEVCTL=1,1,0", "OK")
	if !sim.DataActive() {
		t.Error("the binding asserted anew does not help")
	}
}
