package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
)

// qmp speaks with QEMU's control socket (QEMU Machine Protocol): one JSON object a line, answers by id, events between.
type qmp struct {
	conn  net.Conn
	log   *slog.Logger
	hello chan struct{} // closed when QEMU has greeted

	mu      sync.Mutex // guards all below
	next    int
	waiting map[int]chan qmpAnswer
	deleted map[string]chan struct{} // devices whose removal is awaited, by id
	ended   bool
}

// qmpAnswer is anything that QEMU sends.
type qmpAnswer struct {
	Greeting json.RawMessage `json:"QMP"`
	ID       int             `json:"id"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

func newQMP(conn net.Conn, log *slog.Logger) *qmp {
	return &qmp{conn: conn, log: log, hello: make(chan struct{}), waiting: map[int]chan qmpAnswer{}, deleted: map[string]chan struct{}{}}
}

// serve reads answers and events until the socket or ctx ends.
func (q *qmp) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { q.conn.Close() })
	defer stop()
	defer q.end()
	decoder := json.NewDecoder(q.conn)
	for {
		var a qmpAnswer
		if err := decoder.Decode(&a); err != nil {
			if ended(err) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("read QEMU's control socket: %w", err)
		}
		q.take(a)
	}
}

func (q *qmp) take(a qmpAnswer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case a.Greeting != nil:
		close(q.hello)
	case a.Event != "":
		q.log.Debug("machine", "event", a.Event, "device", a.Data.Device)
		if gone := q.deleted[a.Data.Device]; a.Event == "DEVICE_DELETED" && gone != nil {
			close(gone)
			delete(q.deleted, a.Data.Device)
		}
	default:
		if answer := q.waiting[a.ID]; answer != nil {
			answer <- a
			delete(q.waiting, a.ID)
		}
	}
}

func (q *qmp) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	for id, answer := range q.waiting {
		close(answer)
		delete(q.waiting, id)
	}
}

// negotiate waits for the greeting and leaves the mode in which nothing but this is allowed.
func (q *qmp) negotiate(ctx context.Context) error {
	select {
	case <-q.hello:
		return q.do(ctx, "qmp_capabilities", nil)
	case <-ctx.Done():
		return fmt.Errorf("wait for QEMU's greeting: %w", ctx.Err())
	}
}

// do runs one command and waits for its answer.
func (q *qmp) do(ctx context.Context, command string, arguments map[string]any) error {
	answer := make(chan qmpAnswer, 1)
	q.mu.Lock()
	if q.ended {
		q.mu.Unlock()
		return fmt.Errorf("tell QEMU to %s: it has ended", command)
	}
	q.next++
	id := q.next
	q.waiting[id] = answer
	q.mu.Unlock()
	line, err := json.Marshal(struct {
		Execute   string         `json:"execute"`
		Arguments map[string]any `json:"arguments,omitempty"`
		ID        int            `json:"id"`
	}{command, arguments, id})
	if err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", command, err)
	}
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", command, err)
	}
	select {
	case a, ok := <-answer:
		if !ok {
			return fmt.Errorf("tell QEMU to %s: it ended before it answered", command)
		}
		if a.Error != nil {
			return fmt.Errorf("tell QEMU to %s: %s: %s", command, a.Error.Class, a.Error.Desc)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tell QEMU to %s: %w", command, ctx.Err())
	}
}

// remove takes a device out and waits until the guest has let it go.
func (q *qmp) remove(ctx context.Context, device string) error {
	gone := make(chan struct{})
	q.mu.Lock()
	q.deleted[device] = gone
	q.mu.Unlock()
	if err := q.do(ctx, "device_del", map[string]any{"id": device}); err != nil {
		return err
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("remove device %s: the guest holds it: %w", device, ctx.Err())
	}
}
