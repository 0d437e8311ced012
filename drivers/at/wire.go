package at

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// Stats counts what the wire sorted out; growing numbers tell of a module that talks out of turn.
type Stats struct {
	Unsolicited  int // lines given to a handler
	Unclaimed    int // unsolicited lines without a handler
	StrayResults int // final results while no command ran, or that belonged to an earlier command
	Late         int // lines of the reply to a command that had timed out
	Echoes       int
	Overlong     int // lines beyond the limit, thrown away
	Resyncs      int // barriers passed
}

// wire owns the byte stream: one goroutine reads, one writes.
type wire struct {
	rw   io.ReadWriteCloser
	log  *slog.Logger
	out  chan []byte   // to the writer
	dead chan struct{} // closed when the stream ended

	mu      sync.Mutex
	pending *exchange // the command that runs
	recent  []string  // the last commands, to know their late echoes
	owed    []part    // commands that ended without their answer; it may still come
	stats   Stats
	cause   error // why the stream ended
	line    *Line // the call that has the stream now; nil: lines do
	urc     *dispatcher
	onDead  func()
}

func newWire(rw io.ReadWriteCloser, log *slog.Logger) *wire {
	return &wire{rw: rw, log: log, out: make(chan []byte, 8), dead: make(chan struct{}), urc: newDispatcher()}
}

// readLoop ends when the stream does.
func (w *wire) readLoop() {
	var split splitter
	buf := make([]byte, 4096)
	for {
		n, err := w.rw.Read(buf)
		w.received(&split, buf[:n])
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// received gives bytes to the call that has the stream, or parts them into lines. The line CONNECT makes the former of
// the latter in the middle of a read, so that lines are parted one byte at a time.
func (w *wire) received(split *splitter, b []byte) {
	for len(b) > 0 {
		if l := w.online(); l != nil {
			l.take(b)
			return
		}
		for _, line := range split.Feed(b[:1]) {
			w.sort(line, split.Overlong)
		}
		b = b[1:]
	}
}

func (w *wire) online() *Line {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line
}

// writeLoop keeps a port that accepts no bytes from blocking a caller.
func (w *wire) writeLoop() {
	for {
		select {
		case <-w.dead:
			return
		case p := <-w.out:
			if err := w.write(p); err != nil {
				w.fail(err)
				return
			}
		}
	}
}

// stalls is how often in a row a call may find the port full. A port that takes no command for the time of one write is
// dead, but the packets of a call stand in a queue while the radio has no room.
const stalls = 10

func (w *wire) write(p []byte) error {
	for n := 0; ; n++ {
		_, err := w.rw.Write(p)
		if w.online() == nil || n == stalls || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// fail ends the stream once; the command that runs gets ErrClosed.
func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return
	}
	w.cause = err
	close(w.dead)
	w.rw.Close()
	if x := w.pending; x != nil {
		w.pending = nil
		x.end(result{err: ErrClosed})
	}
	if w.line != nil {
		w.line.lost()
	}
	w.urc.stop()
	w.onDead()
}

// start puts x on the wire. From here on, and not before, lines can be its reply.
func (w *wire) start(x *exchange, prelude string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return ErrClosed
	}
	if x.over {
		return errors.New("cancelled before it was sent")
	}
	// A lone CR ends the line (V.250 §5.2.1): a LF sent after it would abort a command that runs.
	select {
	case w.out <- []byte(prelude + "AT" + x.cmd + "\r"):
	default:
		return ErrNoAnswer
	}
	w.pending = x
	w.recent = append(w.recent[max(0, len(w.recent)-7):], x.cmd)
	w.log.Debug("at", "send", Redact(x.cmd))
	return nil
}

// abort ends x with r unless it is over; what still comes for it is late.
func (w *wire) abort(x *exchange, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.over {
		return
	}
	if w.pending != x { // not yet sent: start refuses it now
		x.over, x.outcome = true, result{err: err}
		return
	}
	w.pending = nil
	w.owed = append(w.owed, x.parts...)
	x.end(result{err: err})
}

// settle forgets what was owed: a probe has shown that it came, or never will.
func (w *wire) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owed = nil
	w.stats.Resyncs++
}

// sort gives one received line to its owner.
func (w *wire) sort(line string, overlong int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Overlong = overlong
	w.log.Debug("at", "recv", Redact(line)) // an echo repeats what was sent
	x := w.pending
	if x == nil {
		w.strayLine(line)
		return
	}
	if x.isEcho(line) || w.isLateEcho(line) {
		w.stats.Echoes++
		return
	}
	if r, ok := parseFinal(line, x.parts); ok {
		w.final(x, r)
		return
	}
	if !w.urc.claimsBare(line) && owns(x.parts, x.accept, line) {
		if unsolicited, ok := x.take(line); ok {
			w.unsolicited(unsolicited)
		}
		return
	}
	w.foreign(line)
}

// final ends the running command, unless the command can tell that the result is not its own.
func (w *wire) final(x *exchange, r result) {
	if x.proves != nil && !x.proves(r) {
		w.stats.StrayResults++
		return
	}
	w.pending = nil
	if r.err != nil && x.holding { // a refused query has no reply, so what looked like one came by itself
		x.holding = false
		w.unsolicited(x.held)
	}
	if r.connect && x.call != nil && r.err == nil {
		w.line = x.call
	}
	x.end(r)
}

// strayLine is a line while no command runs.
func (w *wire) strayLine(line string) {
	if _, ok := parseFinal(line, nil); ok {
		w.stats.StrayResults++
		return
	}
	if w.isLateEcho(line) {
		w.stats.Echoes++
		return
	}
	w.foreign(line)
}

// foreign is a line that is not of the running command: the reply to one that timed out, or unsolicited.
func (w *wire) foreign(line string) {
	if len(w.owed) > 0 && !w.urc.claimsBare(line) && owns(w.owed, nil, line) {
		w.stats.Late++
		return
	}
	w.unsolicited(line)
}

func (w *wire) isLateEcho(line string) bool {
	if len(line) < 2 || !strings.EqualFold(line[:2], "AT") {
		return false
	}
	return slices.ContainsFunc(w.recent, func(cmd string) bool { return strings.EqualFold(cmd, line[2:]) })
}

func (w *wire) unsolicited(line string) {
	if w.urc.post(line) {
		w.stats.Unsolicited++
	} else {
		w.stats.Unclaimed++
	}
}
