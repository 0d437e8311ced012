package netd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// Config is what a Keeper works with.
type Config struct {
	Modem     Modem
	Outer     Link
	Inner     Link
	Interlock Interlock
	Tunnel    Tunnel
	Policy    Policy
	StateDir  string // made with mode 0700 if it is not there
	Clock     Clock  // nil: the machine's
	Log       *slog.Logger
	// Tap counts the frames on the open door's link; nil: the record has the interface's counters only.
	Tap Tap
	// Told gets every line of the record once it is written, for the journal; nil: nobody does. It must not wait.
	Told func(recorder.Entry)
	// Interfaces lists the physical interfaces for Status; nil: none are shown.
	Interfaces func() []windows.Interface
	// Guarded: no door opens, and none stays open, without the guard's sign of life.
	Guarded bool
}

// Keeper keeps the doors. One goroutine, Run's, decides by the machine's table and owns the fields
// marked so; the actions run beside it, one at a time, so that it can hear of an asker who has gone
// and renew the interlock's lease while a door is being raised.
type Keeper struct {
	cfg    Config
	rows   []row
	store  *store
	record *recorder.Recorder
	lease  lease

	asks    chan ask
	notices chan notice
	answers chan answer
	ready   chan struct{} // closed when both doors have been read back for the first time, or a fault is latched
	stopped chan struct{} // closed when Run has returned

	// Owned by Run's goroutine.
	world     world
	window    *window            // nil when there is none
	stopRaise context.CancelFunc // of the action under way
	timeUp    <-chan time.Time   // of the open window
	doubted   bool               // somebody doubted while a door was in use
	lastDoor  windows.Door       // whose closing was read back last, of a window; empty: none yet
	lastShut  time.Duration      // when that was, since boot
	sentence  *latched           // what the guard has seen, until the doors are shut and forced; nil: nothing
	seen      bool               // the outer link was there when it was last looked for
	closing   bool               // Run's context has ended
	readyOnce sync.Once

	recovered time.Time // of the last step of the module's recovery in the record; owned by the action under way

	mu        sync.Mutex
	view      view                         // what the others may know; guarded by mu
	approvals map[windows.Purpose]approval // guarded by mu
}

var (
	_ windows.Doors = (*Keeper)(nil)
	_ windows.House = (*Keeper)(nil)
)

// notice is word from outside for the machine.
type notice struct {
	on     event
	window uint64             // end: only this one
	why    *windows.Problem   // end: nil at its holder's wish
	all    *windows.Problem   // end: whatever window there is, with this reason, and both doors are read back
	fault  windows.GuardFault // condemned
	reply  chan error         // cleared, condemned: has room for one
}

// answer is the end of an action.
type answer struct {
	seq uint64
	err error
}

// New opens the state and the record. It touches no door: Run does.
func New(cfg Config) (*Keeper, error) {
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	cfg.Clock = recorder.Sane(cfg.Clock)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := openStore(cfg.StateDir)
	if err != nil {
		return nil, fmt.Errorf("start netd: %w", err)
	}
	r, err := recorder.Open(s.path(recordFile), recorder.Options{Clock: cfg.Clock, Key: s.recordKey, Told: cfg.Told})
	if err != nil {
		return nil, fmt.Errorf("start netd: %w", err)
	}
	k := &Keeper{
		cfg: cfg, rows: rules(), store: s, record: r, lease: lease{interlock: cfg.Interlock},
		asks: make(chan ask), notices: make(chan notice), answers: make(chan answer, 1),
		ready: make(chan struct{}), stopped: make(chan struct{}),
		world: world{state: lowering},
	}
	if _, _, f := s.read(); f != nil {
		k.world.state = forcing // a restart clears no fault
	}
	k.look(k.world.state)
	return k, nil
}

// Ready is closed when both doors have been read back as shut for the first time, or a fault is
// being latched because that failed.
func (k *Keeper) Ready() <-chan struct{} { return k.ready }

// Run keeps the doors until ctx ends; then it lowers both, reads them back and returns nil. An
// error says that they could not be read back as shut.
func (k *Keeper) Run(ctx context.Context) error {
	defer close(k.stopped)
	_ = k.note(recorder.Entry{Event: recorder.Started}) // without a record no window opens, see admit
	k.world.seq++
	k.begin(lowerBoth)
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	stop := ctx.Done()
	for {
		select {
		case <-stop:
			stop, k.closing = nil, true
			k.close()
		case a := <-k.asks:
			a.reply <- k.admit(a.window)
		case n := <-k.notices:
			k.hear(n)
		case a := <-k.answers:
			k.joined(a)
		case <-k.timeUp:
			k.endFor(&windows.Problem{Code: windows.CodeTimeUp, Detail: fmt.Sprintf("the window's time of %v is up", k.window.plan.limit)})
		case <-tick.C:
			k.watch()
		}
		k.beat()
		if over, err := k.over(); over {
			_ = k.note(recorder.Entry{Event: recorder.Stopped})
			k.sign(0)
			return errors.Join(err, k.record.Close())
		}
	}
}

// tell tells the machine an event and does what it orders.
func (k *Keeper) tell(on event, seq uint64) {
	before := k.world
	after, act := next(k.rows, before, on, seq)
	if after == before && act == nothing {
		return
	}
	k.world = after
	k.cfg.Log.Info("machine", "from", before.state, "event", on, "to", after.state, "action", act)
	k.entered(before.state)
	switch act {
	case nothing:
	case cancel:
		k.stopRaise()
	default:
		k.begin(act)
	}
	if after.state == shut && k.sentence != nil {
		k.tell(condemned, 0)
		return
	}
	if after.state == shut && k.doubted && !k.closing {
		k.doubted = false
		k.tell(doubt, 0)
	}
}

// begin starts an action; the machine has given it the world's number.
func (k *Keeper) begin(act action) {
	limit := lowerTime
	switch act {
	case raiseOuter:
		limit = outerRaiseTime
	case raiseInner:
		limit = innerRaiseTime
	case lowerBoth:
		limit = 2 * lowerTime
	}
	pause := time.Duration(0)
	if k.world.tries > 0 {
		pause = retryPause
		if k.world.state == forcing {
			pause = forcePause
		}
	}
	if gap := k.wait(act); gap > 0 {
		pause = gap
		k.sayer(k.window, windows.Raising)(fmt.Sprintf("Waiting %v: the other door was shut a moment ago", gap.Round(100*time.Millisecond)))
	}
	if act == lowerBoth || act == lowerOuter {
		_, err := k.cfg.Outer.Find()
		k.seen = err == nil
	}
	ctx, stop := context.WithTimeout(context.Background(), limit+pause)
	k.stopRaise = stop
	k.lookAction(act, limit+pause)
	seq, w := k.world.seq, k.window
	go func() { // joined through answers: the machine begins nothing else before
		defer stop()
		k.answers <- answer{seq, k.act(ctx, act, w, pause)}
	}()
}

// joined takes the answer of the action under way.
func (k *Keeper) joined(a answer) {
	k.lookAction(nothing, 0)
	if a.err == nil {
		k.tell(done, a.seq)
		return
	}
	switch k.world.state {
	case raisingOuter, raisingInner:
		k.blame(windows.AsProblem(a.err, windows.CodeInternal, "the "+string(k.window.request.Door)+" door could not be opened"))
	case cancellingOuter, cancellingInner: // its error is that it was cancelled
	default:
		k.cfg.Log.Error("a door could not be lowered", "try", k.world.tries+1, "error", a.err)
		_ = k.note(recorder.Entry{Event: recorder.StepFailed, Text: a.err.Error()})
		k.lookTrouble(a.err)
	}
	k.tell(failed, a.seq)
}

// admit lets a window in, or says why not.
func (k *Keeper) admit(w *window) error {
	switch {
	case k.closing:
		return errStopped
	case k.world.state == fault || k.world.state == forcing:
		_, _, f := k.store.read()
		return &windows.Problem{Code: windows.CodeFault, Detail: faultText(f)}
	case k.world.state == lowering:
		return &windows.Problem{Code: windows.CodeBusy, Detail: "both doors are being lowered and read back: try again in a few seconds"}
	case k.world.state != shut:
		return &windows.Problem{Code: windows.CodeBusy, Detail: fmt.Sprintf("window %d is in use: %s %s for %s", k.window.id, k.window.request.Door, k.world.state, k.window.request.Asker)}
	}
	if p := k.unguarded(); p != nil {
		return p
	}
	if p := k.permit(w); p != nil {
		return p
	}
	w.id = k.record.LastWindow() + 1
	err := k.record.Reserve()
	if err == nil {
		w.account.asked = recorder.MomentOf(k.cfg.Clock)
		asked := w.entry(recorder.WindowAsked)
		if w.approved != "" {
			asked.Text = "approved by " + w.approved
		}
		err = k.note(asked)
	}
	if err != nil {
		return windows.AsProblem(err, windows.CodeDiskFull, "what is not recorded does not open")
	}
	k.window = w
	w.feed.push(k.event(w, windows.Asked, ""), false)
	k.tell(map[windows.Door]event{windows.Outer: askOuter, windows.Inner: askInner}[w.request.Door], 0)
	return nil
}

// hear takes word from outside.
func (k *Keeper) hear(n notice) {
	switch n.on {
	case end:
		if n.all != nil {
			k.endAll(n.all)
			return
		}
		if k.window == nil || k.window.id != n.window {
			return
		}
		k.endFor(n.why)
	case doubt:
		k.doubted = k.world.state != shut
		if k.world.state == raisingInner || k.world.state == innerOpen {
			// It may be a module that comes with its radio on: the LAN does not wait for the proof.
			k.endFor(&windows.Problem{Code: windows.CodeInternal, Detail: "a device has appeared while the LAN was open, and a module may transmit from its start: both doors are read back. Ask again."})
		}
		k.tell(doubt, 0)
	case cleared:
		n.reply <- k.clear()
	case condemned:
		k.condemn(n.fault)
		n.reply <- nil
	}
}

// endFor ends the window that is there; why is nil at its holder's wish.
func (k *Keeper) endFor(why *windows.Problem) {
	if why != nil {
		k.blame(why)
	}
	k.tell(end, 0)
}

// endAll ends whatever there is and has both doors read back.
func (k *Keeper) endAll(why *windows.Problem) {
	if k.window == nil {
		k.tell(doubt, 0)
		return
	}
	k.doubted = true
	k.endFor(why)
}

// blame keeps the first reason why a window did not open or ended early.
func (k *Keeper) blame(p *windows.Problem) {
	if k.window == nil || k.window.reason != nil {
		return
	}
	k.window.reason = p
	k.cfg.Log.Warn("window fails", "window", k.window.id, "code", p.Code, "detail", p.Detail)
}

// clear takes an operator's word that the fault's cause is gone.
func (k *Keeper) clear() error {
	switch k.world.state {
	case forcing:
		return &windows.Problem{Code: windows.CodeFault, Detail: "the doors have not been read back as shut yet: " + k.trouble()}
	case fault:
	default:
		k.forgive()
		return nil
	}
	if err := k.store.forgetFault(); err != nil {
		return windows.AsProblem(err, windows.CodeDiskFull, "")
	}
	k.forgive()
	if err := k.note(recorder.Entry{Event: recorder.FaultCleared}); err != nil {
		return err
	}
	k.tell(cleared, 0)
	return nil
}

// close begins the way out: what is open is ended, and what is shut is read back once more.
func (k *Keeper) close() {
	if k.world.state == shut {
		k.tell(doubt, 0)
		return
	}
	k.endFor(&windows.Problem{Code: windows.CodeInternal, Detail: "netd is going down and shuts the doors"})
}

// over says whether Run may return.
func (k *Keeper) over() (bool, error) {
	switch {
	case !k.closing:
		return false, nil
	case k.world.state == shut || k.world.state == fault:
		return true, nil
	case k.world.state == forcing && k.world.tries > 0:
		// One more round was forced in vain. Its successor has begun; it is cut short, and joined.
		k.stopRaise()
		a := <-k.answers
		if a.err == nil {
			return true, nil
		}
		return true, fmt.Errorf("shut the doors: %w", a.err)
	}
	return false, nil
}
