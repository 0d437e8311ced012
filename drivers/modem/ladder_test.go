package modem

import (
	"math"
	"slices"
	"testing"
	"time"
)

// all are the rungs of a module with a port on a board with every lever.
func all() (rungs []rung) {
	for _, s := range ladder() {
		rungs = append(rungs, s.rung)
	}
	return rungs
}

// walk takes rung after rung in vain, as one window does.
func walk(c climb, f failure) (taken []rung) {
	for range 20 {
		next, _ := nextRung(c, f)
		if next == rungGiveUp {
			return taken
		}
		taken = append(taken, next)
		c.taken = append(c.taken, next)
	}
	return append(taken, "for ever")
}

func unhurried(can ...rung) climb {
	return climb{can: can, left: math.MaxInt64, poll: time.Second}
}

func TestLadderFromEachFailure(t *testing.T) {
	for _, c := range []struct {
		f    failure
		can  []rung
		want []rung
	}{
		{failFinal, all(), nil},
		{failAbsent, all(), []rung{rungPower}},
		{failAbsent, []rung{rungResync, rungUSB}, nil},
		{failSilent, all(), []rung{rungResync, rungHangUp, rungCycle, rungReset, rungUSB, rungPower}},
		{failSilent, []rung{rungUSB, rungPower}, []rung{rungUSB, rungPower}},
		{failSilent, nil, nil},
		{failStuck, all(), []rung{rungCycle, rungReset, rungUSB, rungPower}},
		{failLame, []rung{rungCycle, rungReset}, []rung{rungCycle, rungReset}},
		{failShining, all(), []rung{rungReset, rungUSB, rungPower}},
	} {
		if got := walk(unhurried(c.can...), c.f); !slices.Equal(got, c.want) {
			t.Errorf("%s with %v: %v, want %v", c.f, c.can, got, c.want)
		}
	}
}

// TestLadderOverWindows: a module that stays dead is met window after window. It starts above what was in vain, begins anew
// at the top's end, and is restarted ever more rarely, and never more than once in a window by each way.
func TestLadderOverWindows(t *testing.T) {
	c := unhurried(all()...)
	hard := map[rung]int{}
	var early [][]rung
	for range 1000 {
		taken := walk(c, failStuck)
		for i, r := range taken {
			if slices.Contains(taken[:i], r) {
				t.Fatalf("window after %d failures takes %s twice: %v", c.failures, r, taken)
			}
			if r != rungCycle {
				hard[r]++
			}
		}
		if n := len(taken); n > 0 {
			c.last = taken[n-1]
		}
		early = append(early, taken)
		c.failures++
	}
	if !slices.Equal(early[0], []rung{rungCycle, rungReset, rungUSB, rungPower}) || !slices.Equal(early[3], []rung{rungCycle}) {
		t.Errorf("the first window takes %v, the fourth %v", early[0], early[3])
	}
	if hard[rungPower] < 5 || hard[rungPower] > 25 {
		t.Errorf("in 1000 windows the power was cut %d times, want a few", hard[rungPower])
	}
	c = unhurried(all()...)
	c.last, c.failures = rungCycle, 1
	if got := walk(c, failSilent); !slices.Equal(got, []rung{rungReset, rungUSB, rungPower}) {
		t.Errorf("after a window whose last rung was the radio's cycle: %v", got)
	}
}

// TestLadderKeepsTheTime: no rung is begun that the window has no time for, and a back-off takes a quarter of what is left
// at most. Every combination is walked.
func TestLadderKeepsTheTime(t *testing.T) {
	for _, f := range []failure{failFinal, failAbsent, failSilent, failStuck, failLame, failShining} {
		for _, last := range append(all(), "") {
			for failures := range 70 {
				for left := time.Duration(0); left < 4*time.Minute; left += 7 * time.Second {
					c := climb{can: all(), left: left, poll: time.Second, last: last, failures: failures}
					next, backOff := nextRung(c, f)
					if next == rungGiveUp {
						continue
					}
					s := ladder()[index(ladder(), next)]
					if s.needs > left || backOff > left/4 || s.hard && rationed(failures) {
						t.Fatalf("nextRung(%+v, %s) = %s after %s", c, f, next, backOff)
					}
				}
			}
		}
	}
}

func TestBackOffGrows(t *testing.T) {
	var got []time.Duration
	for failures := range 6 {
		c := unhurried(all()...)
		c.failures = failures
		_, backOff := nextRung(c, failStuck)
		got = append(got, backOff)
	}
	want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 16 * time.Second, 16 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("back-offs %v, want %v", got, want)
	}
}
