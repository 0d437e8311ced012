package at

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Times of a call's end.
const (
	guard    = 1100 * time.Millisecond // silence around +++ (S12 is 1 s on every module seen)
	lingers  = 700 * time.Millisecond  // a call that was ended inside PPP says NO CARRIER meanwhile
	quietFor = 500 * time.Millisecond  // NO CARRIER is the end when nothing follows it
)

// Line is the port while it carries a call: the raw stream behind CONNECT. It has the port's turn, so that commands
// wait; HangUp or Close gives it back. Not a byte behind CONNECT is lost, and none reaches a command.
type Line struct {
	at  *AT
	out *io.PipeReader
	in  *io.PipeWriter

	once  sync.Once
	ended chan struct{}
	ends  sync.Once // closes ended

	// Owned by the port's reader.
	begun bool
	tail  []byte

	mu    sync.Mutex
	quiet *time.Timer // runs since NO CARRIER came; guarded by mu
}

// Dial runs a command that makes a call, and returns the line that it opens: ATD*99***1#, AT+CGDATA="PPP",1. An answer
// other than CONNECT is an error as Command has it.
func (a *AT) Dial(ctx context.Context, cmd string) (*Line, error) {
	if err := a.acquire(ctx); err != nil {
		return nil, fmt.Errorf("wait for the AT port: %w", err)
	}
	line, err := a.dial(ctx, cmd)
	if err != nil {
		a.release()
		return nil, fmt.Errorf("AT%s: %w", Redact(cmd), err)
	}
	return line, nil
}

// dial is called by the holder of turn.
func (a *AT) dial(ctx context.Context, cmd string) (*Line, error) {
	if err := a.sync(ctx); err != nil {
		return nil, err
	}
	l := &Line{at: a, ended: make(chan struct{})}
	l.out, l.in = io.Pipe()
	x := newExchange(cmd, nil)
	x.call = l
	_, err := a.run(ctx, x)
	switch {
	case err == nil && a.wire.online() == l:
		return l, nil
	case err == nil:
		err = errors.New("OK, and no CONNECT")
	}
	// CONNECT may have come in the moment in which the caller's time was up: the call is nobody's, and the next
	// command's probe finds the port in it.
	l.leave()
	return nil, err
}

// Read gives what the module sends; io.EOF once the line was given back or the port is gone.
func (l *Line) Read(p []byte) (int, error) { return l.out.Read(p) }

// Write sends bytes, in order. It waits while the port is full.
func (l *Line) Write(p []byte) (int, error) {
	if l.at.wire.online() != l {
		return 0, io.ErrClosedPipe
	}
	select {
	case l.at.wire.out <- bytes.Clone(p):
		return len(p), nil
	case <-l.at.wire.dead:
		return 0, ErrClosed
	case <-l.ended:
		return 0, io.ErrClosedPipe
	}
}

// Ended is closed when the module has ended the call (NO CARRIER) or the port is gone.
func (l *Line) Ended() <-chan struct{} { return l.ended }

// take is called by the port's reader. It waits for whoever reads the line: a call is not hurried by dropping bytes.
func (l *Line) take(b []byte) {
	if !l.begun {
		l.begun = true
		b = bytes.TrimPrefix(b, []byte("\n")) // behind CONNECT and its CR
	}
	l.watch(b)
	_, _ = l.in.Write(b) // it fails when the line was given back: then nobody wants the bytes
}

// noCarrier is how a module says in words that it is back at commands. Between PPP's frames it means that; inside of one
// it could be payload, but then more follows at once.
var noCarrier = []byte("\r\nNO CARRIER\r\n")

func (l *Line) watch(b []byte) {
	l.tail = append(l.tail, b...)
	l.tail = l.tail[max(0, len(l.tail)-len(noCarrier)):]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet != nil {
		l.quiet.Stop()
		l.quiet = nil
	}
	if bytes.Equal(l.tail, noCarrier) {
		l.quiet = time.AfterFunc(quietFor, l.end)
	}
}

func (l *Line) end() { l.ends.Do(func() { close(l.ended) }) }

// lost is called when the port is gone.
func (l *Line) lost() {
	l.end()
	l.in.CloseWithError(ErrClosed)
}

// leave ends the line's hold on the stream.
func (l *Line) leave() {
	l.out.Close() // releases a reader of the port that waits in take
	l.in.Close()
	l.mu.Lock()
	if l.quiet != nil {
		l.quiet.Stop()
	}
	l.mu.Unlock()
	w := l.at.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line == l {
		w.line = nil
	}
	l.at.synced = false
}

// Close gives the port back as it is. Where the call still lasts the next command finds a port that does not answer.
func (l *Line) Close() error {
	l.once.Do(func() {
		l.leave()
		l.at.release()
	})
	return nil
}

// HangUp ends the call and gives the port back; nil when it has been seen to answer commands again. The ways are tried
// in turn: the module may have said NO CARRIER by itself; DTR falls, where the port has one (V.250 §6.2.9, &D2); +++ in
// silence (S2, S12) and ATH.
func (l *Line) HangUp(ctx context.Context) error {
	err := error(nil)
	l.once.Do(func() {
		defer l.at.release()
		select {
		case <-l.ended:
		case <-ctx.Done():
		case <-time.After(lingers):
		}
		l.leave()
		err = l.at.hangUp(ctx)
	})
	return err
}

// dropper is a port whose DTR can fall.
type dropper interface {
	DropDTR(ctx context.Context) error
}

// HangUp takes the port from a call that an earlier process may have left in it; nil when it answers commands.
func (a *AT) HangUp(ctx context.Context) error {
	if err := a.acquire(ctx); err != nil {
		return fmt.Errorf("wait for the AT port: %w", err)
	}
	defer a.release()
	a.synced = false
	return a.hangUp(ctx)
}

// hangUp takes the port from a call, if there is one, to commands. The caller holds turn.
func (a *AT) hangUp(ctx context.Context) error {
	if a.answers(ctx, 2*a.opt.Probe) {
		return a.noCall(ctx)
	}
	if p, ok := a.wire.rw.(dropper); ok && p.DropDTR(ctx) == nil && a.answers(ctx, 4*a.opt.Probe) {
		return a.noCall(ctx)
	}
	if err := a.escape(ctx); err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	if !a.answers(ctx, 8*a.opt.Probe) {
		return fmt.Errorf("hang up: %w", orDone(ctx))
	}
	return a.noCall(ctx)
}

// orDone says why a port that was asked for a while has not answered.
func orDone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrNoAnswer
}

// answers probes for a bounded time.
func (a *AT) answers(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return a.sync(ctx) == nil
}

// escape sends +++ between two silences.
func (a *AT) escape(ctx context.Context) error {
	if err := silence(ctx, guard); err != nil {
		return err
	}
	select {
	case a.wire.out <- []byte("+++"):
	case <-a.wire.dead:
		return ErrClosed
	}
	return silence(ctx, guard)
}

func silence(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noCall ends a call that waits behind an escape; without one ATH changes nothing. Its result does not matter.
func (a *AT) noCall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.opt.Command)
	defer cancel()
	_, _ = a.run(ctx, newExchange("H", nil))
	if !a.answers(ctx, 8*a.opt.Probe) {
		return fmt.Errorf("hang up: %w", orDone(ctx))
	}
	return nil
}
