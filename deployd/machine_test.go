package deployd

import (
	"testing"
)

// states are all that may be stored.
var states = []State{None, Preparing, Prepared, Switching, Verifying, Committing, Reverting}

// events are all that may happen.
var events = []event{begin, uploaded, proceed, switched, healthy, failed, settled}

// Every pair that is not in the table is refused, and leaves the state as it was.
func TestNextKnowsItsTableOnly(t *testing.T) {
	known := map[State]map[event]State{}
	for _, tr := range transitions {
		if known[tr.from] == nil {
			known[tr.from] = map[event]State{}
		}
		if _, twice := known[tr.from][tr.on]; twice {
			t.Errorf("transition %q on %q stands twice", tr.from, tr.on)
		}
		known[tr.from][tr.on] = tr.to
	}
	for _, s := range states {
		for _, ev := range events {
			to, err := next(s, ev)
			if want, ok := known[s][ev]; ok != (err == nil) || ok && to != want || !ok && to != s {
				t.Errorf("next(%q, %q) = %q, %v", s, ev, to, err)
			}
		}
	}
}

// The rule that makes a power cut harmless: what recovery does at a stored state fits everything that
// may have been done before the next state was stored.
func TestRecoveryFitsEveryPath(t *testing.T) {
	// touched: some target may be on the new release. done: every target is healthy on it.
	type world struct{ touched, done bool }
	var walk func(s State, w world, seen map[State]map[world]bool)
	walk = func(s State, w world, seen map[State]map[world]bool) {
		if seen[s] == nil {
			seen[s] = map[world]bool{}
		}
		if seen[s][w] {
			return
		}
		seen[s][w] = true
		switch recoveryOf(s) {
		case forget, nothing:
			if w.touched && s != None {
				t.Errorf("%s: a target may have been switched, and it would be forgotten", s)
			}
		case finish:
			if !w.done {
				t.Errorf("%s: a target may not be healthy, and it would be called finished", s)
			}
		case revert:
			if w.done && s != Verifying && s != Reverting {
				t.Errorf("%s: every target is committed, and would be reverted", s)
			}
		}
		for _, ev := range events {
			to, err := next(s, ev)
			if err != nil || to == None {
				continue
			}
			after := w
			if to == Switching {
				after = world{touched: true}
			}
			if ev == healthy {
				after.done = true
			}
			walk(to, after, seen)
		}
	}
	seen := map[State]map[world]bool{}
	walk(None, world{}, seen)
	for _, s := range states {
		if seen[s] == nil {
			t.Errorf("state %q cannot be reached", s)
		}
	}
}

// A stored word of another version or of a damaged disk is not trusted.
func TestUnknownStateReverts(t *testing.T) {
	for _, s := range []State{"soaking", "committed", "\x00", "Committing"} {
		if got := recoveryOf(s); got != revert {
			t.Errorf("recoveryOf(%q) = %s, want revert", s, got)
		}
	}
}
