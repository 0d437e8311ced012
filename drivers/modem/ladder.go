package modem

import (
	"math/bits"
	"slices"
	"time"
)

// rung is one step of the recovery ladder. Its name stands in records and statuses.
type rung string

// Rungs, and rebind, which Mend takes before it climbs.
const (
	rungResync rung = "resync"
	rungHangUp rung = "hang-up"
	rungCycle  rung = "cfun"
	rungReset  rung = "vendor-reset"
	rungUSB    rung = "usb-reset"
	rungPower  rung = "power"
	rungGiveUp rung = "give-up"
	rungRebind rung = "rebind"
)

// step is a row of the ladder.
type step struct {
	rung  rung
	words string // for people: what was tried
	polls int    // back-off before it, in Times.Poll; doubled by each window in a row that failed, three times at most
	// needs is what the rung and the shortest way up behind it take; a rung is not begun with less time left.
	needs time.Duration
	needy bool // needs a port that is open; a new dialogue may open it anew
	hard  bool // restarts the module: rationed over windows, see rationed
}

// ladder is the whole ladder, the gentlest rung first. Each is taken once between Up and Down at most, and never one
// below another that was taken.
func ladder() []step {
	return []step{
		{rungResync, "a new dialogue", 0, 5 * time.Second, true, false},
		{rungHangUp, "hanging up", 1, 10 * time.Second, true, false},
		{rungCycle, "switching the radio off and on", 2, 20 * time.Second, true, false},
		{rungReset, "the modem's own reset", 3, 40 * time.Second, true, true},
		{rungUSB, "a reset of its USB port", 3, 40 * time.Second, false, true},
		{rungPower, "cutting its power", 5, 60 * time.Second, false, true},
	}
}

// failure sorts errors by what could help against them.
type failure string

// Failures.
const (
	failFinal   failure = "final"   // another try changes nothing: a refused SIM, a wrong APN, no SIM
	failAbsent  failure = "absent"  // nothing is on the bus
	failSilent  failure = "silent"  // the port is closed, or does not answer
	failStuck   failure = "stuck"   // the module answers, and does not do what it is told
	failLame    failure = "lame"    // data is on, and carries nothing
	failShining failure = "shining" // the radio does not go off
)

// entry is the lowest rung that could help; empty: none does.
func (f failure) entry() rung {
	switch f {
	case failAbsent:
		return rungPower
	case failSilent:
		return rungResync
	case failStuck, failLame:
		return rungCycle
	case failShining:
		return rungReset
	}
	return ""
}

// climb is what the next rung depends on.
type climb struct {
	taken    []rung        // since the last Up began
	can      []rung        // what the module and its board allow now
	last     rung          // the highest that an earlier window took in vain; empty: none
	failures int           // windows in a row that ended without data
	left     time.Duration // until the caller's time is up
	poll     time.Duration
}

// nextRung decides. It is pure. The climb starts above the rung that an earlier window took in vain, as long as
// there is one; when the whole ladder was in vain it starts anew, and restarts the module ever more rarely.
func nextRung(c climb, f failure) (next rung, backOff time.Duration) {
	steps := ladder()
	from := index(steps, f.entry())
	if from < 0 {
		return rungGiveUp, 0
	}
	for _, r := range c.taken {
		from = max(from, index(steps, r)+1)
	}
	open := c.open(steps[from:])
	if above := c.open(steps[max(from, index(steps, c.last)+1):]); len(above) > 0 && len(c.taken) == 0 {
		open = above
	}
	if len(open) == 0 || open[0].needs > c.left {
		return rungGiveUp, 0
	}
	pause := time.Duration(open[0].polls) * c.poll << min(max(c.failures, 0), 3)
	return open[0].rung, min(pause, c.left/4)
}

// open are the steps that can be taken.
func (c climb) open(steps []step) (open []step) {
	for _, s := range steps {
		if slices.Contains(c.can, s.rung) && (!s.hard || !rationed(c.failures)) {
			open = append(open, s)
		}
	}
	return open
}

// rationed says that this window leaves the module's power and bus alone: after failed windows it is restarted in the
// first, the second, third, fifth, ninth and so on, and from then on in each 64th. A dead module is not switched for
// ever. Windows are counted and not hours, since the clock of a node may be wrong.
func rationed(failures int) bool {
	return bits.OnesCount(uint(failures)) > 1 && failures%64 != 0
}

func index(steps []step, r rung) int {
	return slices.IndexFunc(steps, func(s step) bool { return s.rung == r })
}

// inWords lists rungs for people.
func inWords(taken []rung) (words []string) {
	for _, s := range ladder() {
		if slices.Contains(taken, s.rung) {
			words = append(words, s.words)
		}
	}
	return words
}
