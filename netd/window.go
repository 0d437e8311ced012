package netd

import (
	"context"
	"sync"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// window is one window from the asking to its end. The fields without a note are set before the
// keeper's goroutine gets it and never change.
type window struct {
	id      uint64
	request windows.Request // without its token
	plan    plan
	life    context.Context // ends when the lowering begins: dials under way are given up
	expire  context.CancelFunc
	feed    feed
	dials   dials
	turn    chan struct{} // has one while the module is asked, and for good from hush on
	hushed  sync.Once

	network Network // set by the raising action, read after it is joined
	in, out uint64  // bytes at the raising, then of the window; owned by the action under way
	metered bool    // in and out are the interface's; owned by the action under way
	counted bool    // in and out are those of the window; owned by the action under way
	pastIn  uint64  // bytes before the link was raised again; owned by the action under way
	pastOut uint64  // likewise
	leased  uint64  // the interface's bytes in when it had its address; owned by the action under way
	// answered: a name server has told the hub's address; owned by the action under way.
	answered bool
	approved string           // who said yes to it; empty: nobody had to; owned by the keeper's goroutine
	opened   bool             // owned by the keeper's goroutine
	reason   *windows.Problem // why it did not open, or ended early; owned by the keeper's goroutine
	account  account          // what its line at the end will say
}

// feed hands the events of a window from the keeper, who never waits, to the asker, who may.
type feed struct {
	mu      sync.Mutex
	pending []windows.Event // guarded by mu
	over    bool            // no more will come; guarded by mu
	wake    chan struct{}   // has one when something is pending
}

func (f *feed) push(e windows.Event, last bool) {
	f.mu.Lock()
	f.pending = append(f.pending, e)
	f.over = f.over || last
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // awake already
	}
}

func (f *feed) take() (events []windows.Event, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events, f.pending = f.pending, nil
	return events, f.over
}

// ask is a request for a window on its way to the keeper's goroutine.
type ask struct {
	window *window
	reply  chan error // has room for one
}

// Window holds a window from the asking to its last event. It implements windows.Doors.
func (k *Keeper) Window(ctx context.Context, r windows.Request, emit func(windows.Event)) error {
	p, err := makePlan(r, k.store)
	if err != nil {
		return err
	}
	r.Token = "" // a secret, and no part of the record
	if _, err := k.attendant(); p.service && err != nil {
		return err
	}
	w := &window{request: r, plan: p, feed: feed{wake: make(chan struct{}, 1)}, turn: make(chan struct{}, 1)}
	w.life, w.expire = context.WithCancel(context.Background())
	defer w.expire()
	a := ask{window: w, reply: make(chan error, 1)}
	select {
	case k.asks <- a:
	case <-k.stopped:
		return errStopped
	case <-ctx.Done():
		return windows.AsProblem(context.Cause(ctx), windows.CodeInternal, "the asker has gone")
	}
	if err := <-a.reply; err != nil {
		return err
	}
	gone := ctx.Done()
	for {
		events, over := w.feed.take()
		for _, e := range events {
			emit(e)
		}
		if over {
			return nil
		}
		select {
		case <-w.feed.wake:
		case <-gone:
			gone = nil
			k.endWindow(w.id, nil)
		}
	}
}

// GiveBack ends a window at its holder's wish. It implements windows.Doors.
func (k *Keeper) GiveBack(id uint64) error {
	if k.currentWindow() != id {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "this window is not there: it has ended already"}
	}
	k.endWindow(id, nil)
	return nil
}

// errStopped answers whoever comes when netd is going down.
var errStopped = &windows.Problem{Code: windows.CodeInternal, Detail: "netd is going down: both doors are shut"}

// endWindow tells the keeper's goroutine that a window is to end; why is nil at its holder's wish.
func (k *Keeper) endWindow(id uint64, why *windows.Problem) {
	select {
	case k.notices <- notice{on: end, window: id, why: why}:
	case <-k.stopped:
	}
}

// event is an event of this window, now.
func (k *Keeper) event(w *window, s windows.State, text string) windows.Event {
	return windows.Event{Window: w.id, Door: w.request.Door, State: s, At: k.cfg.Clock.Now().UTC(), Boot: k.cfg.Clock.Boot(), Text: text}
}

// entry is a line for the record about this window.
func (w *window) entry(e recorder.Event) recorder.Entry {
	return recorder.Entry{Event: e, Window: w.id, Door: w.request.Door, Purpose: w.request.Purpose, Asker: w.request.Asker}
}

// bytes are those that went through the door: the interface's if it counts, else the dials'.
func (w *window) bytes() (in, out uint64) {
	if w.metered {
		return w.in, w.out
	}
	return w.dials.in.Load(), w.dials.out.Load()
}
