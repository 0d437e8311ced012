// Package run is the life of a daemon: it starts a slice of tasks, tells systemd when all of them
// are ready, pings its watchdog while all of them say that they are healthy, and takes everything
// down when one of them ends. It never knows what a task does, and never calls os.Exit. The
// commands under firmware/cmd call it.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// Task is something that lives as long as the daemon.
type Task interface {
	// Run works until ctx is done, and then returns nil or ctx's error. Returning earlier ends the daemon.
	Run(ctx context.Context) error
	// Ready is closed as soon as the task does what it is there for.
	Ready() <-chan struct{}
	// String names the task in logs.
	String() string
}

// Healther is a Task that can tell whether it still works. The watchdog is pinged only while
// every such task returns nil; so a daemon that hangs is restarted by systemd. Healthy must return
// at once: it looks at what the task has noted down, and does no work of its own.
type Healther interface {
	Healthy() error
}

// Options say how a daemon is run.
type Options struct {
	Log *slog.Logger
	// Notify tells the service manager; use Systemd, or NoManager where there is none.
	Notify Notifier
	// Watchdog is the time within which the service manager wants a ping; 0 switches pings off.
	Watchdog time.Duration
	// Status is a line for `systemctl status`, asked for at READY and at every ping; may be nil.
	Status func() string
}

// ErrEnded is returned when a task came to its end although nobody had asked for it.
var ErrEnded = errors.New("task ended although nobody had asked for it")

// All runs the tasks until ctx is done, a signal arrives (see Signals) or one of them fails. It
// returns after all of them have returned; nil when the end was asked for.
func All(ctx context.Context, o Options, tasks ...Task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error { return one(ctx, o.Log, task) })
	}
	ended, told := make(chan struct{}), make(chan error, 1)
	go func() {
		err := o.announce(ctx, tasks, ended)
		if err != nil {
			cancel()
		}
		told <- err
	}()

	err := group.Wait()
	close(ended)
	if errors.Is(err, errSignal) || errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, <-told)
}

// one runs a task and says why it ended, since the group keeps the first error only.
func one(ctx context.Context, log *slog.Logger, task Task) error {
	err := task.Run(ctx)
	switch {
	case errors.Is(err, errSignal):
		log.Info("stopping", "why", err)
		return err
	case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
		log.Debug("task stopped", "task", task.String())
		return nil
	case err == nil:
		err = ErrEnded
	}
	return fmt.Errorf("run %s: %w", task, err)
}

// announce tells the service manager how things stand: READY=1 when all tasks are ready, STOPPING=1
// when ctx is done, and pings in between and after, until the tasks have ended: a door may take
// longer to shut than the watchdog has patience.
func (o Options) announce(ctx context.Context, tasks []Task, ended <-chan struct{}) error {
	for _, task := range tasks {
		select {
		case <-task.Ready():
			o.Log.Debug("task ready", "task", task.String())
		case <-ctx.Done():
			return o.stopping(tasks, nil, ended)
		}
	}
	if err := o.Notify("READY=1" + o.status()); err != nil {
		return fmt.Errorf("tell the service manager READY=1: %w", err)
	}
	o.Log.Info("ready", "tasks", len(tasks))
	var tick <-chan time.Time // never, without a watchdog
	if o.Watchdog > 0 {
		ticker := time.NewTicker(o.Watchdog / 2) // twice as often as it wants to hear it
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			o.ping(tasks)
		case <-ctx.Done():
			return o.stopping(tasks, tick, ended)
		}
	}
}

// stopping says that the end has begun, and pings until it is over. A manager that does not hear of it stops the
// daemon all the same.
func (o Options) stopping(tasks []Task, tick <-chan time.Time, ended <-chan struct{}) error {
	if err := o.Notify("STOPPING=1"); err != nil {
		o.Log.Warn("service manager could not be told of the stop", "why", err)
	}
	for {
		select {
		case <-tick:
			o.ping(tasks)
		case <-ended:
			return nil
		}
	}
}

// ping tells the watchdog that the daemon lives, if all its tasks say so.
func (o Options) ping(tasks []Task) {
	if err := healthy(tasks); err != nil {
		o.Log.Error("watchdog is not pinged", "why", err)
	} else if err := o.Notify("WATCHDOG=1" + o.status()); err != nil {
		o.Log.Error("watchdog could not be pinged", "why", err)
	}
}

func (o Options) status() string {
	if o.Status == nil {
		return ""
	}
	return "\nSTATUS=" + oneLine(o.Status())
}

// healthy is the first complaint of a task.
func healthy(tasks []Task) error {
	for _, task := range tasks {
		if h, ok := task.(Healther); ok {
			if err := h.Healthy(); err != nil {
				return fmt.Errorf("task %s: %w", task, err)
			}
		}
	}
	return nil
}
