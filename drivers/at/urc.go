package at

import (
	"strings"
	"sync"
)

// maxQueued bounds the unsolicited lines that wait for slow handlers; beyond it the oldest go.
const maxQueued = 1024

// dispatcher calls handlers in the order of arrival, on a goroutine of its own: a handler may run commands.
type dispatcher struct {
	mu       sync.Mutex
	handlers []*handler
	queue    []queued
	stopped  bool
	wake     chan struct{}
}

type handler struct {
	prefix string // upper case
	fn     func(line string)
}

type queued struct {
	to   *handler
	line string
}

func newDispatcher() *dispatcher { return &dispatcher{wake: make(chan struct{}, 1)} }

func (d *dispatcher) add(prefix string, fn func(string)) (remove func()) {
	h := &handler{prefix: strings.ToUpper(prefix), fn: fn}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handlers = append(d.handlers, h)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, other := range d.handlers {
			if other == h {
				d.handlers = append(d.handlers[:i:i], d.handlers[i+1:]...)
				return
			}
		}
	}
}

// find picks the longest prefix; of equal ones the newest. Callers hold mu.
func (d *dispatcher) find(line string) *handler {
	var best *handler
	up := strings.ToUpper(line)
	for _, h := range d.handlers {
		if strings.HasPrefix(up, h.prefix) && (best == nil || len(h.prefix) >= len(best.prefix)) {
			best = h
		}
	}
	return best
}

// claimsBare reports whether a handler asked for this line and the line has no "+NAME:" prefix, which
// could also be a reply's.
func (d *dispatcher) claimsBare(line string) bool {
	if _, _, ok := splitPrefix(line); ok {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(line) != nil
}

// post queues a line for its handler; false when nobody wants it.
func (d *dispatcher) post(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.find(line)
	if h == nil || d.stopped {
		return false
	}
	if len(d.queue) >= maxQueued {
		d.queue = d.queue[1:]
	}
	d.queue = append(d.queue, queued{h, line})
	d.signal()
	return true
}

func (d *dispatcher) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// stop lets run end once the queue is empty.
func (d *dispatcher) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.signal()
}

// run calls the handlers until stop.
func (d *dispatcher) run() {
	for range d.wake {
		for {
			d.mu.Lock()
			if len(d.queue) == 0 {
				stopped := d.stopped
				d.mu.Unlock()
				if stopped {
					return
				}
				break
			}
			next := d.queue[0]
			d.queue = d.queue[1:]
			d.mu.Unlock()
			next.to.fn(next.line)
		}
	}
}
