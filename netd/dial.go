package netd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// dials are the connections of one window.
type dials struct {
	mu      sync.Mutex
	live    map[*dialled]struct{} // guarded by mu
	closed  bool                  // no more are taken; guarded by mu
	in, out atomic.Uint64         // bytes of all, live and ended

	made, failed, refused atomic.Uint64 // dials that are in the record
}

// dialled is one connection through a door. It counts, and knows when the far end has finished.
type dialled struct {
	net.Conn
	set     *dials
	in, out atomic.Uint64
	tell    func(in, out uint64) // into the record, once

	eof   chan struct{} // closed when a Read met the end
	ended chan struct{} // closed when the connection was closed
	atEOF sync.Once
	once  sync.Once
}

var _ windows.Stream = (*dialled)(nil)

// errDraining is what a dial meets that comes when its window is ending.
var errDraining = &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the window is closing: no new connection goes through it"}

// add takes a connection in, or closes it when the window is ending.
func (s *dials) add(c net.Conn, tell func(in, out uint64)) (*dialled, error) {
	d := &dialled{Conn: c, set: s, tell: tell, eof: make(chan struct{}), ended: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return nil, errDraining
	}
	if s.live == nil {
		s.live = map[*dialled]struct{}{}
	}
	s.live[d] = struct{}{}
	return d, nil
}

// drain ends every connection: first it tells the far ends that no more comes, and waits a little
// for their own end, so that they keep nothing which they would send again and again to a link that
// is gone; then it closes, with a reset for those that have not finished.
func (s *dials) drain(wait time.Duration) {
	s.mu.Lock()
	s.closed = true
	all := make([]*dialled, 0, len(s.live))
	for d := range s.live {
		all = append(all, d)
	}
	s.mu.Unlock()
	for _, d := range all {
		_ = d.CloseWrite() // a connection that is broken is closed below
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	for _, d := range all {
		select {
		case <-d.eof:
		case <-d.ended:
		case <-late.C:
			late.Reset(0) // for all others as well
			if c, ok := d.Conn.(*net.TCPConn); ok {
				_ = c.SetLinger(0)
			}
		}
		_ = d.Close()
	}
}

// Read counts what comes in.
func (d *dialled) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	d.in.Add(uint64(n))
	d.set.in.Add(uint64(n))
	if errors.Is(err, io.EOF) {
		d.atEOF.Do(func() { close(d.eof) })
	}
	return n, err
}

// Write counts what goes out.
func (d *dialled) Write(b []byte) (int, error) {
	n, err := d.Conn.Write(b)
	d.out.Add(uint64(n))
	d.set.out.Add(uint64(n))
	return n, err
}

// CloseWrite tells the far end that no more comes.
func (d *dialled) CloseWrite() error {
	if c, ok := d.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close ends the connection and writes it down.
func (d *dialled) Close() error {
	var err error
	d.once.Do(func() {
		err = d.Conn.Close()
		d.set.mu.Lock()
		delete(d.set.live, d)
		d.set.mu.Unlock()
		d.tell(d.in.Load(), d.out.Load())
		close(d.ended)
	})
	return err
}

// Ended implements windows.Stream.
func (d *dialled) Ended() <-chan struct{} { return d.ended }

// Dial connects to host:port through the door of an open window. It implements windows.Doors.
func (k *Keeper) Dial(ctx context.Context, id uint64, address string) (windows.Stream, error) {
	w := k.openWindow()
	if w == nil || w.id != id {
		return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "this window is not open: ask for one, and dial while it is"}
	}
	entry := recorder.Entry{Event: recorder.Dialled, Window: id, Door: w.request.Door, Address: address}
	if err := w.plan.allows(address); err != nil {
		entry.Event = recorder.Refused
		w.dials.refused.Add(1)
		if err := k.noteOrEnd(entry); err != nil {
			return nil, err
		}
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	unhook := context.AfterFunc(w.life, stop)
	defer unhook()
	conn, err := k.dialThrough(ctx, w, address)
	if err != nil {
		entry.Text = err.Error()
		w.dials.failed.Add(1)
		if err := k.noteOrEnd(entry); err != nil {
			return nil, err
		}
		return nil, windows.AsProblem(err, windows.CodeUnreachable, "no connection through the "+string(w.request.Door)+" door")
	}
	return w.dials.add(conn, func(in, out uint64) {
		w.dials.made.Add(1)
		entry.In, entry.Out = &in, &out
		_ = k.noteOrEnd(entry) // an error ends the window, and is told there
	})
}

// noteOrEnd writes a line about an open window. What cannot be recorded must not go on: an error ends the window.
func (k *Keeper) noteOrEnd(e recorder.Entry) error {
	err := k.note(e)
	if err != nil {
		k.endWindow(e.Window, windows.AsProblem(err, windows.CodeDiskFull, ""))
	}
	return err
}

// dialThrough takes the tunnel for the outer door, and the LAN's own address for the inner.
func (k *Keeper) dialThrough(ctx context.Context, w *window, address string) (net.Conn, error) {
	if w.request.Door == windows.Outer {
		return k.cfg.Tunnel.Dial(ctx, address)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: w.network.Address.Addr().AsSlice()}}
	return d.DialContext(ctx, "tcp", address)
}
