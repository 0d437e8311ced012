package console

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"airlock/firmware/config"
)

// ctrlC is what the key sends; a raw terminal makes no signal of it.
const ctrlC = 0x03

// ahead is how much may be typed or pasted ahead, bytes. A whole site.yaml fits twice: a slow line
// must not lose half a paste, and the kernel's own buffer holds only 4 KiB.
const ahead = 2 * config.MaxSize

// settleTime is how long the line must be silent before the rest of a refused paste is taken to be over.
const settleTime = 300 * time.Millisecond

// input reads the line byte by byte, from the start to the end of the session, so that Ctrl-C is
// seen while a command runs.
type input struct {
	line  io.Reader
	bytes chan byte // closed by pump when the line has ended
	ended chan struct{}

	mu        sync.Mutex
	interrupt context.CancelFunc // of the command that runs; nil at the prompt
}

func newInput(line io.Reader, raw bool) *input {
	in := &input{line: line, bytes: make(chan byte, ahead), ended: make(chan struct{})}
	go in.pump(raw)
	return in
}

// pump moves bytes from the line to the channel. A line of a terminal that ends has been lost: the
// command that runs is told. A pipe that ends has said all it had to say, and its commands are run to the end.
func (in *input) pump(raw bool) {
	defer close(in.ended)
	defer close(in.bytes)
	buf := make([]byte, 512)
	for {
		n, err := in.line.Read(buf)
		for _, b := range buf[:n] {
			in.take(b)
		}
		if err != nil {
			if raw || !errors.Is(err, io.EOF) {
				in.cancel()
			}
			return
		}
	}
}

func (in *input) take(b byte) {
	if b == ctrlC && in.cancel() {
		in.flush()
		return
	}
	select {
	case in.bytes <- b:
	default: // far more than a person types; what is lost makes the line or the paste invalid
	}
}

// cancel ends the command that runs, and reports whether there was one.
func (in *input) cancel() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.interrupt == nil {
		return false
	}
	in.interrupt()
	return true
}

// onInterrupt says what Ctrl-C ends; nil: it is a key of the editor.
func (in *input) onInterrupt(f context.CancelFunc) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt = f
}

// flush drops what was typed ahead.
func (in *input) flush() {
	for {
		select {
		case _, ok := <-in.bytes:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// settle drops input until the line has been silent for a while.
func (in *input) settle(silence time.Duration) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case _, ok := <-in.bytes:
			if !ok {
				return
			}
			timer.Reset(silence)
		case <-timer.C:
			return
		}
	}
}

// stop breaks the blocked read where the line can do so, and waits for pump then.
func (in *input) stop() {
	d, ok := in.line.(interface{ SetReadDeadline(time.Time) error })
	if ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		<-in.ended
	}
}
