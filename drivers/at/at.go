package at

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	modem "github.com/warthog618/modem/at"
)

// Options are the times of a port; zero values take the defaults.
type Options struct {
	Command time.Duration // for a command whose context has no deadline; 5 s
	Probe   time.Duration // for the first probe of a resynchronisation, doubled up to 8 times; 500 ms
	Log     *slog.Logger  // debug lines, secrets removed; nothing when nil
}

// AT is one AT port with one owner at a time. All methods may be called from any goroutine.
type AT struct {
	opt  Options
	turn chan struct{} // holds a token while a command runs; waiters queue in order
	wire *wire
	lib  *modem.AT
	feed *feed
	done sync.WaitGroup

	// Owned by the holder of turn.
	synced     bool
	passed     int  // barriers
	unanswered int  // probes since the last one that was passed
	refusals   int  // barriers in a row that no joined command passed, and an error came to one
	refused    bool // an error came since then, perhaps to joined commands
	simple     bool // the module takes no commands joined by semicolons
	current    *exchange
}

// New takes rw over. Its Close must unblock a pending Read. Nothing is sent before the first command.
func New(rw io.ReadWriteCloser, opt Options) *AT {
	if opt.Command <= 0 {
		opt.Command = 5 * time.Second
	}
	if opt.Probe <= 0 {
		opt.Probe = 500 * time.Millisecond
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	a := &AT{opt: opt, turn: make(chan struct{}, 1), wire: newWire(rw, opt.Log)}
	a.feed = newFeed(a)
	a.wire.onDead = a.feed.stop
	a.lib = modem.New(a.feed, modem.WithTimeout(-1))
	a.done.Go(a.wire.readLoop)
	a.done.Go(a.wire.writeLoop)
	a.done.Go(a.wire.urc.run)
	return a
}

// Command runs "AT"+cmd and returns the lines of its reply without the final result. It waits for
// its turn; its context bounds the waiting, a resynchronisation and the command itself. accept names
// prefixes of reply lines that differ from the command's own, such as "+QNETDEVSTATUS".
//
// Errors: *CMEError, *CMSError, *ResultError, *TimeoutError, the context's error, ErrClosed,
// ErrNoAnswer; all wrapped with the command.
func (a *AT) Command(ctx context.Context, cmd string, accept ...string) ([]string, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.opt.Command)
		defer cancel()
	}
	if len(parseCommand(cmd)) == 0 && cmd != "" {
		return nil, fmt.Errorf("AT%s: not a command", cmd)
	}
	if err := a.acquire(ctx); err != nil {
		return nil, fmt.Errorf("wait for the AT port: %w", err)
	}
	defer a.release()
	if err := a.sync(ctx); err != nil {
		return nil, fmt.Errorf("AT%s: %w", Redact(cmd), err)
	}
	lines, err := a.run(ctx, newExchange(cmd, accept))
	if err != nil {
		if timeout, ok := errors.AsType[*TimeoutError](err); ok {
			return nil, timeout
		}
		return nil, fmt.Errorf("AT%s: %w", Redact(cmd), err)
	}
	return lines, nil
}

// run hands x to the library; the caller holds turn and the port is in step.
func (a *AT) run(ctx context.Context, x *exchange) ([]string, error) {
	began := time.Now()
	x.deliver, x.finish = a.feed.line, a.feed.final
	a.current = x
	stop := context.AfterFunc(ctx, func() { a.wire.abort(x, ctx.Err()) })
	info, err := a.lib.Command(x.cmd, modem.WithTimeout(-1))
	stop()
	a.current = nil

	a.wire.mu.Lock()
	over, out := x.over, x.outcome
	a.wire.mu.Unlock()
	if !over && err != nil { // it never reached the wire
		return nil, a.closedOr(err)
	}
	// An error may be a stray one with the true reply still to come, so the next command is
	// preceded by a probe; so is one whose answer never came, and a line that now carries data.
	a.synced = out.err == nil && !out.connect
	switch {
	case errors.Is(out.err, context.DeadlineExceeded):
		return nil, &TimeoutError{Command: Redact(x.cmd), After: time.Since(began)}
	case out.err != nil:
		return nil, out.err
	}
	return unmark(info), nil
}

// Sync proves that the port answers AT commands and that no answer is outstanding.
func (a *AT) Sync(ctx context.Context) error {
	if err := a.acquire(ctx); err != nil {
		return fmt.Errorf("wait for the AT port: %w", err)
	}
	defer a.release()
	a.synced = false
	return a.sync(ctx)
}

// Handle calls fn with every unsolicited line that starts with prefix, in order of arrival, until remove
// is called. fn may run commands. Of several prefixes that fit a line the longest wins, then the newest.
func (a *AT) Handle(prefix string, fn func(line string)) (remove func()) {
	return a.wire.urc.add(prefix, fn)
}

// Closed is closed when the port is: by Close, or because the device vanished.
func (a *AT) Closed() <-chan struct{} { return a.wire.dead }

// Close ends the port and waits for its goroutines, so it must not be called from a handler.
func (a *AT) Close() error {
	a.wire.fail(ErrClosed)
	a.done.Wait()
	return nil
}

// Stats returns the counters.
func (a *AT) Stats() Stats {
	a.wire.mu.Lock()
	defer a.wire.mu.Unlock()
	return a.wire.stats
}

func (a *AT) acquire(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		return nil
	case <-a.wire.dead:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *AT) release() { <-a.turn }

func (a *AT) closedOr(err error) error {
	if errors.Is(err, modem.ErrClosed) {
		return ErrClosed
	}
	return err
}
