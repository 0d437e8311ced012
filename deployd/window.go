package deployd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"airlock/deployd/api"
	"airlock/netd/windows"
)

// closing is how long a door may take to be read back as shut.
const closing = 2 * time.Minute

// errWindowOver is the cause of a context that ended with its window.
var errWindowOver = errors.New("the window is over")

// asker is how the courier signs its requests for windows.
const asker = "deployd"

// during opens a window, does work in it, and gives it back as soon as work returns. The context
// of work ends with the window. Whatever work returned comes first; a door that could not be read back as
// shut is told too.
func (c *Courier) during(ctx context.Context, r windows.Request, say api.Say, work func(context.Context, Window) error) error {
	r.Asker = asker
	w, err := c.cfg.Windows.Open(ctx, r, func(e windows.Event) {
		if e.Text != "" {
			say(api.Progress{Text: fmt.Sprintf("%s door: %s", e.Door, e.Text)})
		}
	})
	if err != nil {
		return told(fmt.Sprintf("the %s door did not open", r.Door), err)
	}
	inside, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-w.Done():
			cancel(errWindowOver)
		case <-inside.Done():
		}
	}()
	werr := work(inside, w)
	over := errors.Is(context.Cause(inside), errWindowOver)
	cancel(nil)
	<-watched
	shut, stop := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer stop()
	_, cerr := w.Close(shut)
	return ending(r.Door, werr, cerr, over)
}

// ending joins what the work and the door said. When netd ended the window before the work was
// done, netd's reason is the better one.
func ending(d windows.Door, work, door error, over bool) error {
	if work == nil {
		return told(fmt.Sprintf("the work is done, but the %s door", d), door)
	}
	var p *windows.Problem
	if over && errors.As(door, &p) {
		e := told(fmt.Sprintf("the %s door", d), work).(*api.Error)
		return &api.Error{Code: e.Code, Text: fmt.Sprintf("%s (the window ended early: %s)", e.Text, p.Detail)}
	}
	return work
}

// through is an HTTP client whose connections go through the window. Its connections are closed by
// the function that comes with it, before the window is given back.
func through(w Window) (*http.Client, func()) {
	t := &http.Transport{DialContext: w.DialContext, MaxIdleConnsPerHost: 2, ResponseHeaderTimeout: time.Minute}
	return &http.Client{Transport: t}, t.CloseIdleConnections
}

// publisher is the base of the publisher's addresses in this window.
func (c *Courier) publisher(w Window) (string, error) {
	a := w.Event().PublisherAddress
	if n := c.state.node(); a == "" && n != nil {
		a = n.PublisherAddress
	}
	if a == "" {
		return "", problem(api.CodeInternal, "netd opened the outer door and did not say where the publisher listens")
	}
	return "http://" + a, nil
}
