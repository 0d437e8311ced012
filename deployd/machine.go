package deployd

import (
	"fmt"

	"airlock/deployd/api"
)

// Phase is what the courier is doing.
type Phase string

// Phases. All but idle last as long as one job.
const (
	Idle      Phase = "idle"
	Enrolling Phase = "enrolling"
	Fetching  Phase = "fetching"
	Deploying Phase = "deploying"
	Reporting Phase = "reporting"
)

// phaseOf is the phase of a job.
func phaseOf(k api.Kind) Phase {
	switch k {
	case api.KindEnrol:
		return Enrolling
	case api.KindFetch:
		return Fetching
	case api.KindDeploy, api.KindRevert:
		return Deploying
	case api.KindReport:
		return Reporting
	}
	return Idle
}

// State is how far a deployment is. It is stored before anything of it is done, as a string, so that a
// person who reads state.json understands it.
//
//	none ──► preparing ──► prepared ──► switching ◄──► verifying ──► committing ──► none: new everywhere
//	 ▲           │            │             │              │
//	 └───────────┴────────────┘             └─► reverting ◄┘
//	   nothing was switched                         └──────────────────► none: old everywhere
type State string

// States of a deployment.
const (
	None       State = ""
	Preparing  State = "preparing"  // connecting, looking, uploading, checking digests on the targets
	Prepared   State = "prepared"   // every target has the whole release; none uses it
	Switching  State = "switching"  // current of the marked target moves, its service restarts
	Verifying  State = "verifying"  // that target is asked for its health
	Committing State = "committing" // every target is healthy on the new release: there is no way back
	Reverting  State = "reverting"  // every marked target goes back, newest first
)

// event is what happened to a deployment.
type event string

// Events.
const (
	begin    event = "begin"
	uploaded event = "uploaded"
	proceed  event = "proceed" // to the first or the next target
	switched event = "switched"
	healthy  event = "healthy" // the last target
	failed   event = "failed"
	settled  event = "settled" // the result is queued
)

// transitions is the whole machine; what is not in it cannot happen.
var transitions = []struct {
	from State
	on   event
	to   State
}{
	{None, begin, Preparing},
	{Preparing, uploaded, Prepared},
	{Preparing, failed, None},
	{Prepared, proceed, Switching},
	{Prepared, failed, None},
	{Prepared, healthy, Committing}, // every target ran it already
	{Switching, switched, Verifying},
	{Switching, failed, Reverting},
	{Verifying, proceed, Switching},
	{Verifying, healthy, Committing},
	{Verifying, failed, Reverting},
	{Committing, settled, None},
	{Reverting, failed, Reverting},
	{Reverting, settled, None},
}

// next is the state after an event; an error says that the machine does not know the pair.
func next(from State, on event) (State, error) {
	for _, t := range transitions {
		if t.from == from && t.on == on {
			return t.to, nil
		}
	}
	return from, fmt.Errorf("deployment is %q: %q cannot happen", from, on)
}

// recovery is what to do about a deployment that was found in the store.
type recovery string

// Recoveries.
const (
	nothing recovery = "nothing"
	forget  recovery = "forget" // no target was switched: old everywhere already
	finish  recovery = "finish" // every target was healthy on the new release: new everywhere already
	revert  recovery = "revert" // some targets may be on the new release
)

// recover decides by the stored state alone. A word that it does not know came from another
// version of this program or from a damaged disk: it is not trusted, every target goes back.
func recoveryOf(stored State) recovery {
	switch stored {
	case None:
		return nothing
	case Preparing, Prepared:
		return forget
	case Committing:
		return finish
	case Switching, Verifying, Reverting:
		return revert
	default:
		return revert
	}
}
