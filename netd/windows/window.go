package windows

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Window is an open window, as its asker holds it. When the process that holds it ends, however it
// ends, the connection goes and netd lowers the door.
type Window struct {
	// ID is the window's number, as in the record.
	ID uint64
	// Opened is the event with which the door was read back as open.
	Opened Event

	client *Client
	drop   context.CancelFunc // breaks the connection, and so the lease
	done   chan struct{}      // closed when dials are no longer possible
	ended  chan struct{}      // closed when the stream is at its end

	mu    sync.Mutex
	early *Problem // why netd ended the window; guarded by mu
	last  Event    // the last event so far; guarded by mu
	final bool     // last is Closed or Failed; guarded by mu
}

// Open asks for a window and returns when its door is open. progress, which may be nil, is called
// for each event, also after Open has returned, from one goroutine at a time. ctx bounds the opening
// only; a window that is open lives until Close, until netd ends it, or until this process ends.
func (c *Client) Open(ctx context.Context, r Request, progress func(Event)) (*Window, error) {
	if progress == nil {
		progress = func(Event) {}
	}
	life, drop := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, drop)
	defer unhook()
	resp, err := c.do(life, http.MethodPost, "/v1/windows", r)
	if err != nil {
		drop()
		if cause := context.Cause(ctx); cause != nil {
			return nil, c.broken(ctx, "ask for a window", cause)
		}
		return nil, err
	}
	w := &Window{client: c, drop: drop, done: make(chan struct{}), ended: make(chan struct{})}
	opened := make(chan struct{})
	go w.follow(resp, progress, opened)
	select {
	case <-opened:
		if unhook() {
			return w, nil
		}
		<-w.ended // ctx ended while the door opened: the lease is already dropped
	case <-w.ended:
	}
	drop()
	if cause := context.Cause(ctx); cause != nil {
		return nil, c.broken(ctx, "wait for the door", cause)
	}
	return nil, w.outcome()
}

// follow reads the stream to its end. It owns the response.
func (w *Window) follow(resp *http.Response, progress func(Event), opened chan<- struct{}) {
	defer close(w.ended)
	defer resp.Body.Close()
	open, over := false, false
	finish := func() {
		if !over {
			over = true
			close(w.done)
		}
	}
	defer finish()
	lines := json.NewDecoder(resp.Body)
	for {
		var e Event
		if lines.Decode(&e) != nil {
			return
		}
		w.note(e)
		if e.State == Open && !open {
			open = true
			w.ID, w.Opened = e.Window, e // before opened is closed; nobody else has w yet
			close(opened)
		}
		if e.State == Lowering || e.State == Closed || e.State == Failed {
			finish()
		}
		progress(e)
	}
}

// note keeps what outcome needs.
func (w *Window) note(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = e
	w.final = e.State == Closed || e.State == Failed
	if e.Error != "" {
		w.early = &Problem{Code: e.Error, Detail: e.Text}
	}
}

// outcome is nil when the door was read back as shut at its holder's wish.
func (w *Window) outcome() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.early != nil:
		return w.early
	case !w.final:
		return &Problem{Code: CodeInternal, Detail: "the connection to netd broke before it had said how the window ended; " +
			"the interlock shuts the door by itself within seconds. See `systemctl status netd`."}
	}
	return nil
}

// Ask puts a question to the module, in a window for service, and waits for its answer; what happens meanwhile
// comes as progress of the window. The end of ctx breaks the question off, and so does the end of the window:
// why that ended is told by Close.
func (w *Window) Ask(ctx context.Context, r ModuleRequest) (ModuleAnswer, error) {
	var a ModuleAnswer
	resp, err := w.client.do(ctx, http.MethodPost, "/v1/windows/"+strconv.FormatUint(w.ID, 10)+"/module", r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return a, w.client.broken(ctx, "read the module's answer", err)
	}
	return a, nil
}

// Done is closed when the window no longer carries dials: given back, or ended by netd.
func (w *Window) Done() <-chan struct{} { return w.done }

// Close gives the window back and waits until the door has been read back as shut. It returns the
// stream's last event, and a *Problem when netd had ended the window before, or could not say that
// the door is shut. When ctx ends first the connection is broken, which lowers the door as well.
// A second Close returns the same again.
func (w *Window) Close(ctx context.Context) (Event, error) {
	defer w.drop()
	select {
	case <-w.ended:
		return w.ending(), w.outcome()
	default:
	}
	w.giveBack(ctx)
	select {
	case <-w.ended:
		return w.ending(), w.outcome()
	case <-ctx.Done():
		return w.ending(), w.client.broken(ctx, "wait for the door to shut", ctx.Err())
	}
}

// giveBack asks netd to end the window. Its answer does not matter, since the stream tells the rest:
// a refusal says that the window is over already, and a netd that dies may never answer, so the end of
// the stream ends the asking as well.
func (w *Window) giveBack(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-w.ended:
			stop()
		case <-ctx.Done():
		}
	}()
	_ = w.client.send(ctx, http.MethodDelete, "/v1/windows/"+strconv.FormatUint(w.ID, 10), nil)
}

// ending is the last event so far.
func (w *Window) ending() Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// DialContext connects to address (host:port) through the open door; network is "tcp" or a variant
// of it. The connection supports deadlines and CloseWrite. A place that the window's policy does not
// name is refused with CodeNotAllowed, one that does not answer with CodeUnreachable.
func (w *Window) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, &Problem{Code: CodeBadRequest, Detail: fmt.Sprintf("dial %s: a window carries tcp only, not %q", address, network)}
	}
	raw, err := w.client.dial(ctx)
	if err != nil {
		return nil, w.client.broken(ctx, "dial "+address, err)
	}
	unhook := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // breaks the exchange below
	conn, err := w.connect(raw, address)
	if !unhook() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		if p, ok := err.(*Problem); ok {
			return nil, p
		}
		return nil, w.client.broken(ctx, "dial "+address, err)
	}
	return conn, nil
}

// connect speaks the CONNECT exchange on a fresh connection.
func (w *Window) connect(raw net.Conn, address string) (net.Conn, error) {
	_, err := fmt.Fprintf(raw, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s: %d\r\n\r\n", address, address, HeaderWindow, w.ID)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewReader(raw)
	resp, err := http.ReadResponse(buf, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, problemIn(resp)
	}
	return &stream{Conn: raw, buf: buf, address: address}, nil
}

// stream is a dialled connection. Its far end may have spoken in the same packet as netd's 200:
// those bytes wait in buf.
type stream struct {
	net.Conn // to netd's socket
	buf      *bufio.Reader
	address  string
}

// Read takes what came with the answer first.
func (s *stream) Read(p []byte) (int, error) {
	if s.buf.Buffered() > 0 {
		return s.buf.Read(p)
	}
	return s.Conn.Read(p)
}

// CloseWrite tells the far end that no more comes, and leaves the other direction open.
func (s *stream) CloseWrite() error { return s.Conn.(*net.UnixConn).CloseWrite() }

// RemoteAddr names the far end of the dial, not netd's socket.
func (s *stream) RemoteAddr() net.Addr {
	if a, err := netip.ParseAddrPort(s.address); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	return s.Conn.RemoteAddr()
}
