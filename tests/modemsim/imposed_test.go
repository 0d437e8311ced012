package modemsim_test

import (
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// TestImposed: the module counts its own delays once each, those that run beside each other once together, and none of
// the host's. What a busy machine adds to them is allowed for; what the host dawdles is more.
func TestImposed(t *testing.T) {
	times := modemsim.Times{Function: 30 * time.Millisecond, Search: 20 * time.Millisecond, Register: 80 * time.Millisecond,
		Activate: 40 * time.Millisecond}
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP(), Times: times, Function: 4})
	h := attachAny(t, sim)
	<-time.After(300 * time.Millisecond) // the host dawdles
	imposed := func(what string, atLeast time.Duration) {
		t.Helper()
		if got := sim.Imposed(); got < atLeast || got > atLeast+200*time.Millisecond {
			t.Errorf("imposed %s = %s, want %s and little more", what, got, atLeast)
		}
	}
	imposed("at the start", 0)
	h.expect("AT+CFUN=1", "OK")
	eventually(t, "registration", func() bool { return h.ask("AT+CEREG?") == "+CEREG: 0,1|OK" })
	imposed("up to registration", 100*time.Millisecond) // the time of +CFUN lies within
	<-time.After(300 * time.Millisecond)
	imposed("while the host dawdles", 100*time.Millisecond)
	h.expect("AT+CGACT=1,1", "OK")
	imposed("with data", 140*time.Millisecond)
	h.expect("AT+CFUN=4", "OK")
	imposed("after radio off", 170*time.Millisecond)
}
