package cli

import (
	"context"
	"time"

	"airlock/netd/windows"
)

// farewell bounds how long a command waits for the radio to be read back as off: netd tries three times, 45 s each,
// before it latches a fault.
const farewell = 3 * time.Minute

// ask puts one question to the module.
type ask func(windows.ModuleRequest) (windows.ModuleAnswer, error)

// inService opens a window for service, lets f ask in it, and does not return before the radio was read back as off,
// whatever became of the questions; ctx breaks these off.
func (c *command) inService(ctx context.Context, f func(ask) error) error {
	r := windows.Request{Door: windows.Outer, Purpose: windows.Service, Asker: "airlock"}
	if c.onConsole() {
		r.Asker = "console"
	}
	w, err := c.doors.Open(ctx, r, c.follow)
	if err != nil {
		return err
	}
	asked := f(func(q windows.ModuleRequest) (windows.ModuleAnswer, error) { return w.Ask(ctx, q) })
	if ctx.Err() != nil {
		c.say("broken off; waiting until the radio is read back as off\n")
	}
	shut, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	switch _, err := w.Close(shut); {
	case err != nil: // a radio that stays on matters more than any answer
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return asked
}

// follow tells what goes on in the window; why it failed is told by its error, once.
func (c *command) follow(e windows.Event) {
	if e.Text != "" && e.Error == "" {
		c.say("%s\n", plain(e.Text))
	}
}

// askOnce asks one question in a window of its own.
func (c *command) askOnce(ctx context.Context, q windows.ModuleRequest, show func(windows.ModuleAnswer) error) error {
	return c.inService(ctx, func(ask ask) error {
		a, err := ask(q)
		if err != nil {
			return err
		}
		return show(a)
	})
}

// answerJSON is what --json prints for every question to the module.
type answerJSON struct {
	Text string `json:"text,omitempty"` // the result in words, where there is one
	windows.ModuleAnswer
}

// result tells how a question ended, and what one may do next.
func (c *command) result(a windows.ModuleAnswer, text, next string) error {
	if c.json {
		return c.printJSON(answerJSON{text, a})
	}
	if err := c.print("%s\n", plain(text)); err != nil {
		return err
	}
	c.next(next)
	return nil
}
