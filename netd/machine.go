package netd

import "strings"

// state is where the airlock stands. A door counts as open from the asking until its closing has been
// read back; only in shut and fault are both known to be shut, and only from shut can a raise begin.
//
//	start ──► lowering ──done──► shut ◄──────────────────────────────────────────┐
//	             ▲  ▲              │ │ ask-X (X is outer or inner)               │
//	             │  └────doubt─────┤ ▼ condemned (what the guard saw): forcing   │
//	             │              raising-X ──done──► X-open ──end──► lowering-X ──┤ done
//	             │                 │  └───────────failed──────────────►  ▲       │
//	          cleared             end                                    │       │
//	             │                 ▼                                     │       │
//	             │            cancelling-X ──done, failed────────────────┘       │
//	             │                                                               │
//	           fault ◄──done── forcing ◄──gave-up (any lowering that failed lowerTries times)
type state string

// event is what the machine can be told; done, failed and gave-up answer the action under way.
type event string

// action is what the keeper does next; each but cancel is numbered, and only one is ever under way.
type action string

const (
	lowering, shut, forcing, fault       state  = "lowering", "shut", "forcing", "fault"
	raisingOuter, cancellingOuter        state  = "raising-outer", "cancelling-outer"
	outerOpen, loweringOuter             state  = "outer-open", "lowering-outer"
	raisingInner, cancellingInner        state  = "raising-inner", "cancelling-inner"
	innerOpen, loweringInner             state  = "inner-open", "lowering-inner"
	askOuter, askInner, end              event  = "ask-outer", "ask-inner", "end"
	doubt, cleared, done, failed, gaveUp event  = "doubt", "cleared", "done", "failed", "gave-up"
	condemned                            event  = "condemned"
	nothing, cancel, lowerBoth           action = "-", "cancel", "lower-both"
	raiseOuter, lowerOuter               action = "raise-outer", "lower-outer"
	raiseInner, lowerInner               action = "raise-inner", "lower-inner"
)

// table is the whole machine: what has no row does not happen. A raise that was cancelled is joined
// (its done or failed is awaited) before the lower begins. A module that comes back while the doors
// are shut may have its radio on: doubt reads both back again.
const table = `
	lowering          done       shut              -
	lowering          failed     lowering          lower-both
	lowering          gave-up    forcing           lower-both
	shut              doubt      lowering          lower-both
	shut              condemned  forcing           lower-both
	shut              ask-outer  raising-outer     raise-outer
	raising-outer     done       outer-open        -
	raising-outer     failed     lowering-outer    lower-outer
	raising-outer     end        cancelling-outer  cancel
	cancelling-outer  done       lowering-outer    lower-outer
	cancelling-outer  failed     lowering-outer    lower-outer
	outer-open        end        lowering-outer    lower-outer
	lowering-outer    done       shut              -
	lowering-outer    failed     lowering-outer    lower-outer
	lowering-outer    gave-up    forcing           lower-both
	shut              ask-inner  raising-inner     raise-inner
	raising-inner     done       inner-open        -
	raising-inner     failed     lowering-inner    lower-inner
	raising-inner     end        cancelling-inner  cancel
	cancelling-inner  done       lowering-inner    lower-inner
	cancelling-inner  failed     lowering-inner    lower-inner
	inner-open        end        lowering-inner    lower-inner
	lowering-inner    done       shut              -
	lowering-inner    failed     lowering-inner    lower-inner
	lowering-inner    gave-up    forcing           lower-both
	forcing           failed     forcing           lower-both
	forcing           done       fault             -
	fault             cleared    lowering          lower-both`

// row is one permitted step.
type row struct {
	from state
	on   event
	to   state
	act  action
}

// rules reads the table.
func rules() (rows []row) {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		f := strings.Fields(line)
		rows = append(rows, row{state(f[0]), event(f[1]), state(f[2]), action(f[3])})
	}
	return rows
}

// world is all the machine remembers: the state, the number of the last action begun, and how often
// in a row a lowering has failed. It starts by lowering both, since nothing is known then.
type world struct {
	state state
	seq   uint64
	tries int
}

// next is the one function that changes state. It is pure. An answer with another number than the
// last action's is late and changes nothing.
func next(rows []row, w world, on event, seq uint64) (world, action) {
	if (on == done || on == failed) && seq != w.seq {
		return w, nothing
	}
	if on == failed && w.tries+1 >= lowerTries {
		if after, act := next(rows, w, gaveUp, seq); act != nothing {
			return after, act
		}
	}
	for _, r := range rows {
		if r.from != w.state || r.on != on {
			continue
		}
		after := world{state: r.to, seq: w.seq}
		if on == failed && r.to == r.from {
			after.tries = min(w.tries+1, lowerTries)
		}
		if r.act != nothing && r.act != cancel {
			after.seq++
		}
		return after, r.act
	}
	return w, nothing
}
