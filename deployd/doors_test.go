package deployd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"airlock/netd/windows"
)

// doors models the doorkeeper: one window at a time, no dial without one, none through the wrong door. It
// fails the test when a connection outlives its window.
type doors struct {
	tb testing.TB
	// publisher is where the outer door leads; only there.
	publisher string
	// refuse, where set, answers instead of opening.
	refuse func(windows.Request) *windows.Problem

	mu       sync.Mutex
	open     *fakeWindow         // guarded by mu
	identity *windows.Identity   // guarded by mu
	log      []windows.Purpose   // windows opened so far; guarded by mu
	opened   windows.Event       // what an open window says; guarded by mu
	onOpen   func(w *fakeWindow) // guarded by mu
}

// fakeWindow is one window.
type fakeWindow struct {
	d       *doors
	request windows.Request
	event   windows.Event
	done    chan struct{}
	once    sync.Once
	ended   *windows.Problem // why the doorkeeper ended it; before done is closed

	mu    sync.Mutex
	conns map[net.Conn]string // guarded by mu
}

// Open opens.
func (d *doors) Open(ctx context.Context, r windows.Request, progress func(windows.Event)) (Window, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		d.tb.Errorf("a window for %s was asked for while one for %s is open", r.Purpose, d.open.request.Purpose)
	}
	if d.refuse != nil {
		if p := d.refuse(r); p != nil {
			return nil, p
		}
	}
	w := &fakeWindow{d: d, request: r, event: d.opened, done: make(chan struct{}), conns: map[net.Conn]string{}}
	w.event.State, w.event.Door = windows.Open, r.Door
	if r.Door == windows.Outer {
		w.event.PublisherAddress = d.publisher
	}
	d.open = w
	d.log = append(d.log, r.Purpose)
	progress(windows.Event{Door: r.Door, State: windows.Open, Text: "open"})
	if d.onOpen != nil {
		d.onOpen(w)
	}
	return w, nil
}

// SetIdentity keeps it.
func (d *doors) SetIdentity(_ context.Context, id windows.Identity) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil || d.open.request.Purpose != windows.Enrol {
		d.tb.Error("identity set outside the enrolment's window")
	}
	d.identity = &id
	return nil
}

// Event is the one that opened it.
func (w *fakeWindow) Event() windows.Event { return w.event }

// Done is closed at its end.
func (w *fakeWindow) Done() <-chan struct{} { return w.done }

// DialContext dials where the door leads.
func (w *fakeWindow) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case <-w.done:
		return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the window is closed"}
	default:
	}
	if (w.request.Door == windows.Outer) != (address == w.d.publisher) {
		return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: address + " is not behind the " + string(w.request.Door) + " door"}
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, &windows.Problem{Code: windows.CodeUnreachable, Detail: fmt.Sprintf("%s does not answer: %v", address, err)}
	}
	tracked := &conn{TCPConn: c.(*net.TCPConn), w: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[tracked] = address
	return tracked, nil
}

// Close gives it back.
func (w *fakeWindow) Close(context.Context) (windows.Event, error) {
	w.mu.Lock()
	left := make([]string, 0)
	for _, a := range w.conns {
		left = append(left, a)
	}
	w.mu.Unlock()
	if len(left) > 0 && w.ended == nil {
		w.d.tb.Errorf("connections to %s are still open when the %s window is given back", strings.Join(left, ", "), w.request.Purpose)
	}
	w.end(nil)
	if w.ended != nil {
		return windows.Event{}, w.ended
	}
	return windows.Event{State: windows.Closed}, nil
}

// end closes it; p is the doorkeeper's reason, nil its holder's wish.
func (w *fakeWindow) end(p *windows.Problem) {
	w.once.Do(func() {
		w.ended = p
		close(w.done)
		w.mu.Lock()
		for c := range w.conns {
			c.(*conn).TCPConn.Close()
		}
		w.mu.Unlock()
		w.d.mu.Lock()
		defer w.d.mu.Unlock()
		w.d.open = nil
	})
}

// conn is a connection that the model knows of until it is closed.
type conn struct {
	*net.TCPConn
	w *fakeWindow
}

// Close closes it.
func (c *conn) Close() error {
	c.w.mu.Lock()
	delete(c.w.conns, c)
	c.w.mu.Unlock()
	return c.TCPConn.Close()
}

// shut fails the test when a door is open.
func (d *doors) shut() {
	d.tb.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		d.tb.Errorf("a window for %s is still open", d.open.request.Purpose)
	}
}

// purposes are the windows opened since the last call.
func (d *doors) purposes() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var s []string
	for _, p := range d.log {
		s = append(s, string(p))
	}
	d.log = nil
	return strings.Join(s, " ")
}
