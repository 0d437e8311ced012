package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
)

// errSignal ends the group in good order.
var errSignal = errors.New("signal received")

// Signals is the task that ends the daemon when one of the signals arrives.
func Signals(signals ...os.Signal) Task {
	return &watcher{signals: signals, ready: make(chan struct{})}
}

type watcher struct {
	signals []os.Signal
	ready   chan struct{} // closed by Run as soon as a signal would be caught
}

// Run waits for a signal.
func (w *watcher) Run(ctx context.Context) error {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, w.signals...)
	defer signal.Stop(caught)
	close(w.ready)
	select {
	case s := <-caught:
		return fmt.Errorf("%w: %s", errSignal, s)
	case <-ctx.Done():
		return nil
	}
}

// Ready is closed when signals are caught.
func (w *watcher) Ready() <-chan struct{} { return w.ready }

// String names the task.
func (w *watcher) String() string { return "signal watcher" }

// Func makes a Task of functions. ready may be nil: then it counts as ready from the start, and
// healthy may be nil: then it never complains.
func Func(name string, run func(context.Context) error, ready <-chan struct{}, healthy func() error) Task {
	if ready == nil {
		at := make(chan struct{})
		close(at)
		ready = at
	}
	return &function{name: name, run: run, ready: ready, healthy: healthy}
}

type function struct {
	name    string
	run     func(context.Context) error
	ready   <-chan struct{}
	healthy func() error
}

// Run calls the function.
func (f *function) Run(ctx context.Context) error { return f.run(ctx) }

// Ready is the channel given to Func.
func (f *function) Ready() <-chan struct{} { return f.ready }

// String is the name given to Func.
func (f *function) String() string { return f.name }

// Healthy asks the function given to Func.
func (f *function) Healthy() error {
	if f.healthy == nil {
		return nil
	}
	return f.healthy()
}

var (
	_ Task     = (*watcher)(nil)
	_ Task     = (*function)(nil)
	_ Healther = (*function)(nil)
)
