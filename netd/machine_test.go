package netd

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

var allStates = []state{
	lowering, shut, forcing, fault,
	raisingOuter, cancellingOuter, outerOpen, loweringOuter,
	raisingInner, cancellingInner, innerOpen, loweringInner,
}

var (
	allEvents  = []event{askOuter, askInner, end, doubt, cleared, condemned, done, failed, gaveUp}
	allActions = []action{nothing, cancel, lowerBoth, raiseOuter, lowerOuter, raiseInner, lowerInner}
)

// door is what somebody who watches the hardware, and knows nothing of the machine, can say of a door.
type door string

const (
	unknown   door = "unknown" // asked for, or not yet read back
	readOpen  door = "open"
	readShut  door = "shut"
	noAction       = action("")
	lateBy         = 1 // an answer's number below the last action's
	tooManyUp      = 8 // steps within which a lowering that succeeds must have come to rest
)

// hardware is the model against which the machine is walked. It is written without a look at the
// table: it knows what the actions do and what must never be.
type hardware struct {
	outer, inner door
	running      action
	cancelled    bool
	fails        int  // lowerings that failed in a row
	latched      bool // a fault that nobody has cleared
}

// place is one reachable world: the machine's and the hardware's.
type place struct {
	w world
	h hardware
}

func (p place) String() string {
	return fmt.Sprintf("%s (tries %d; outer %s, inner %s, running %q, cancelled %v, latched %v)",
		p.w.state, p.w.tries, p.h.outer, p.h.inner, p.h.running, p.h.cancelled, p.h.latched)
}

// starts are the worlds in which netd can find itself: as after power-up, and with a fault that was
// latched before. Nothing is known of the doors in either.
func starts() []place {
	h := hardware{outer: unknown, inner: unknown, running: lowerBoth}
	after := h
	after.latched = true
	return []place{{world{state: lowering}, h}, {world{state: forcing}, after}}
}

// step tells the machine an event and lets the hardware do what the machine then orders.
func step(rows []row, p place, on event, late bool) (place, error) {
	p.w.seq = 10 // numbers only matter relative to the last one
	seq := p.w.seq
	if late {
		seq -= lateBy
	} else if on == done || on == failed {
		p.h.finish(on == done)
	}
	before := p.w
	var act action
	p.w, act = next(rows, p.w, on, seq)
	if late && (p.w != before || act != nothing) {
		return p, errors.New("a late answer was not dropped")
	}
	numbered := act != nothing && act != cancel
	if numbered != (p.w.seq == before.seq+1) {
		return p, fmt.Errorf("action %s has number %d after %d", act, p.w.seq, before.seq)
	}
	p.w.seq = 0
	if on == cleared && before.state == fault {
		p.h.latched = false
	}
	if on == condemned && before.state == shut {
		p.h.latched = true
	}
	return p, p.h.begin(act)
}

// finish is the end of the action under way.
func (h *hardware) finish(ok bool) {
	result := unknown
	switch {
	case !ok:
	case h.running == raiseOuter || h.running == raiseInner:
		result = readOpen
	default:
		result = readShut
	}
	lowers := h.running == lowerBoth || h.running == lowerOuter || h.running == lowerInner
	switch {
	case lowers && ok:
		h.fails = 0
	case lowers:
		h.fails = min(h.fails+1, lowerTries)
		h.latched = h.latched || h.fails == lowerTries
	}
	if h.running != raiseInner && h.running != lowerInner {
		h.outer = result
	}
	if h.running != raiseOuter && h.running != lowerOuter {
		h.inner = result
	}
	h.running, h.cancelled = noAction, false
}

// begin starts an action and says what must never be.
func (h *hardware) begin(act action) error {
	switch act {
	case nothing:
		return nil
	case cancel:
		if h.running != raiseOuter && h.running != raiseInner {
			return fmt.Errorf("cancels %q, which is no raise", h.running)
		}
		h.cancelled = true
		return nil
	}
	if h.running != noAction {
		return fmt.Errorf("begins %s while %s runs", act, h.running)
	}
	h.running = act
	if act != raiseOuter && act != raiseInner {
		return nil
	}
	if h.outer != readShut || h.inner != readShut {
		return fmt.Errorf("begins %s with outer %s and inner %s: both doors may be open", act, h.outer, h.inner)
	}
	if act == raiseOuter {
		h.outer = unknown
	} else {
		h.inner = unknown
	}
	return nil
}

// check says whether the machine's state is true of the hardware.
func check(p place) error {
	h := p.h
	want := map[state]hardware{
		lowering:        {running: lowerBoth},
		forcing:         {running: lowerBoth},
		shut:            {outer: readShut, inner: readShut},
		fault:           {outer: readShut, inner: readShut},
		raisingOuter:    {inner: readShut, running: raiseOuter},
		cancellingOuter: {inner: readShut, running: raiseOuter, cancelled: true},
		outerOpen:       {outer: readOpen, inner: readShut},
		loweringOuter:   {inner: readShut, running: lowerOuter},
		raisingInner:    {outer: readShut, running: raiseInner},
		cancellingInner: {outer: readShut, running: raiseInner, cancelled: true},
		innerOpen:       {outer: readShut, inner: readOpen},
		loweringInner:   {outer: readShut, running: lowerInner},
	}
	is, known := want[p.w.state]
	switch latch := p.w.state == forcing || p.w.state == fault; {
	case !known:
		return errors.New("no such state")
	case is.outer != "" && is.outer != h.outer, is.inner != "" && is.inner != h.inner:
		return errors.New("the state is untrue of the doors")
	case is.running != h.running || is.cancelled != h.cancelled:
		return errors.New("the state is untrue of what runs")
	case h.outer != readShut && h.inner != readShut && h.running != lowerBoth:
		return errors.New("both doors may be open")
	case latch != h.latched:
		return errors.New("a fault is latched by failed lowerings in a row, all of them, and only an operator clears it")
	}
	return nil
}

// leads says whether a row of events that the hardware answers with success ends in state want.
func leads(rows []row, p place, on event, want ...state) error {
	p, err := step(rows, p, on, false)
	for i := 0; err == nil && p.h.running != noAction && i < tooManyUp; i++ {
		p, err = step(rows, p, done, false)
	}
	if err == nil && !slices.Contains(want, p.w.state) {
		err = fmt.Errorf("comes to rest in %s, want %v", p.w.state, want)
	}
	return err
}

// promises are checked from a place as a whole, over several steps.
func promises(rows []row, p place) (event, error) {
	if p.w.state != forcing && p.w.state != fault {
		if err := leads(rows, p, end, shut); err != nil {
			return end, err
		}
	}
	type promise struct {
		from state
		on   event
		to   state
	}
	for _, pr := range []promise{
		{shut, askOuter, outerOpen}, {shut, askInner, innerOpen}, {shut, doubt, shut}, {shut, condemned, fault},
		{fault, askOuter, fault}, {fault, askInner, fault}, {fault, end, fault}, {fault, doubt, fault}, {fault, cleared, shut},
	} {
		if p.w.state != pr.from {
			continue
		}
		if err := leads(rows, p, pr.on, pr.to); err != nil {
			return pr.on, err
		}
	}
	if p.w.state == shut {
		if q, _ := step(rows, p, doubt, false); q.h.running != lowerBoth {
			return doubt, errors.New("does not lower both")
		}
	}
	if p.w.state == shut {
		if q, _ := step(rows, p, condemned, false); q.h.running != lowerBoth {
			return condemned, errors.New("does not lower both")
		}
	}
	if p.w.state == fault {
		if q, _ := step(rows, p, cleared, false); q.h.running != lowerBoth {
			return cleared, errors.New("does not lower both")
		}
	}
	return "", nil
}

// walk visits every reachable world and tells it every event that can come there: requests at any
// time, the answer of the action under way, and both answers late.
func walk(rows []row) (map[place]bool, error) {
	seen, queue := map[place]bool{}, starts()
	for _, p := range queue {
		seen[p] = true
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, on := range []event{askOuter, askInner, end, doubt, cleared, condemned, done, failed} {
			for _, late := range []bool{false, true} {
				answer := on == done || on == failed
				if late && !answer || answer && !late && p.h.running == noAction {
					continue
				}
				q, err := step(rows, p, on, late)
				if err == nil {
					err = check(q)
				}
				if err != nil {
					return seen, fmt.Errorf("in world %v, event %s (late %v), to %s: %w", p, on, late, q.w.state, err)
				}
				if !seen[q] {
					seen[q] = true
					queue = append(queue, q)
				}
			}
		}
		if on, err := promises(rows, p); err != nil {
			return seen, fmt.Errorf("from world %v, event %s: %w", p, on, err)
		}
	}
	return seen, nil
}

func TestEveryReachableWorldKeepsOneDoorShut(t *testing.T) {
	seen, err := walk(rules())
	if err != nil {
		t.Fatal(err)
	}
	reached := map[state]bool{}
	for p := range seen {
		reached[p.w.state] = true
	}
	for _, s := range allStates {
		if !reached[s] {
			t.Errorf("state %s is never reached", s)
		}
	}
	t.Logf("%d worlds", len(seen))
}

// A table in which any one row is changed, in any one column, or missing, must not pass the walk:
// else the walk would not guard that row.
func TestEveryRowIsGuarded(t *testing.T) {
	mutants := 0
	try := func(what string, rows []row) {
		mutants++
		if _, err := walk(rows); err == nil {
			t.Errorf("%s: the walk passes", what)
		} else if mutants%97 == 0 {
			t.Logf("%s: %v", what, err)
		}
	}
	for i, r := range rules() {
		with := func(m row) []row {
			rows := rules()
			rows[i] = m
			return rows
		}
		try(fmt.Sprintf("without %v", r), slices.Delete(rules(), i, i+1))
		for _, s := range allStates {
			if s != r.from {
				try(fmt.Sprintf("%v from %s", r, s), with(row{s, r.on, r.to, r.act}))
			}
			if s != r.to {
				try(fmt.Sprintf("%v to %s", r, s), with(row{r.from, r.on, s, r.act}))
			}
		}
		for _, e := range allEvents {
			if e != r.on {
				try(fmt.Sprintf("%v on %s", r, e), with(row{r.from, e, r.to, r.act}))
			}
		}
		for _, a := range allActions {
			if a != r.act {
				try(fmt.Sprintf("%v doing %s", r, a), with(row{r.from, r.on, r.to, a}))
			}
		}
	}
	t.Logf("%d changed tables", mutants)
}

func TestTableSpeaksKnownWords(t *testing.T) {
	for _, r := range rules() {
		if !slices.Contains(allStates, r.from) || !slices.Contains(allStates, r.to) ||
			!slices.Contains(allEvents, r.on) || !slices.Contains(allActions, r.act) {
			t.Errorf("row %v has an unknown word", r)
		}
	}
}
