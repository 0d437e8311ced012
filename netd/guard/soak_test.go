package guard

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestNoFalseAlarm switches between the real doors, with frames both ways, under the guard's eyes. Every contradiction
// that it sees is a false one. AIRLOCK_GUARD_CYCLES asks for more than the sample.
func TestNoFalseAlarm(t *testing.T) {
	cycles := 500
	if testing.Short() {
		cycles = 50
	}
	if n, err := strconv.Atoi(os.Getenv("AIRLOCK_GUARD_CYCLES")); err == nil {
		cycles = n
	}
	p := stand(t)
	began := time.Now()
	for i := range cycles {
		door := p.wan
		if i%2 == 1 {
			door = p.lan
		}
		p.open(door)
		for range 3 {
			door.send()
		}
		if i%50 == 7 { // a longer window, with renewals
			for range 3 {
				awaitLook(p)
				if err := p.gate.Renew(door.name); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.shut(door)
		if i%100 == 42 { // a module that is unplugged between windows
			p.wan.pull()
			p.wan.insert()
		}
		if f := p.g.Fault(); f != nil {
			t.Fatalf("after %d cycles: %s: %s", i+1, f.Rule, f.Why)
		}
	}
	awaitLook(p)
	awaitLook(p)
	if f := p.g.Fault(); f != nil {
		t.Fatalf("after all: %s: %s", f.Rule, f.Why)
	}
	t.Logf("%d cycles in %v, 0 contradictions", cycles, time.Since(began).Round(time.Millisecond))
}
