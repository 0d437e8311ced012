package serial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	bugst "go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// Times of a port.
const (
	writeLimit = 3 * time.Second        // a tty that takes no bytes for so long is dead
	closeLimit = 500 * time.Millisecond // then the kernel is left to finish the close by itself
	dropTime   = 400 * time.Millisecond // for which DTR falls; modules want 200 ms at most (V.250 §6.2.9 names no time)
)

// Port is an open tty at 115200 8N1, raw, for one owner. The rate matters to no USB module, but a serial adapter
// between us and a module needs one.
type Port struct {
	port bugst.Port
	// side is a second, non-blocking descriptor of the same tty: the library keeps its own to
	// itself, and what makes Write and Close bounded needs one.
	side int
	once sync.Once
	done chan struct{} // closed when Close has started: ends a waiting Write
}

var _ io.ReadWriteCloser = (*Port)(nil)

// Open opens a device such as /dev/ttyUSB2. Bytes that were waiting in it are thrown away: they
// belong to nobody.
func Open(device string) (*Port, error) {
	side, err := unix.Open(device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", device, err)
	}
	port, err := bugst.Open(device, &bugst.Mode{BaudRate: 115200, DataBits: 8})
	if err != nil {
		unix.Close(side)
		return nil, fmt.Errorf("open %s: %w", device, err)
	}
	p := &Port{port: port, side: side, done: make(chan struct{})}
	p.flush()
	return p, nil
}

// Read blocks until bytes come, the device vanishes, or Close.
func (p *Port) Read(b []byte) (int, error) {
	n, err := p.port.Read(b)
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write waits for room first, and at most writeLimit: a module that hangs stops reading, and a write
// into its full buffer would block beyond the end of the program.
func (p *Port) Write(b []byte) (int, error) {
	deadline := time.Now().Add(writeLimit)
	for {
		select {
		case <-p.done:
			return 0, os.ErrClosed
		default:
		}
		fds := []unix.PollFd{{Fd: int32(p.side), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 100)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("wait for room in the port: %w", err)
		case n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
			return 0, io.ErrClosedPipe
		case n > 0:
			return p.port.Write(b)
		case time.Now().After(deadline):
			return 0, fmt.Errorf("write to port: %w", os.ErrDeadlineExceeded)
		}
	}
}

// DropDTR lets DTR fall for a moment, upon which a module ends its call and takes commands again (&D2, their default). It
// fails at once on a tty that has no such line.
func (p *Port) DropDTR(ctx context.Context) error {
	if err := p.port.SetDTR(false); err != nil {
		return fmt.Errorf("let DTR fall: %w", err)
	}
	timer := time.NewTimer(dropTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	case <-ctx.Done():
	}
	if err := p.port.SetDTR(true); err != nil {
		return fmt.Errorf("raise DTR: %w", err)
	}
	return ctx.Err()
}

// Close returns within closeLimit. By default the kernel waits up to 30 s in close(2) for bytes that a dead
// module will never take (closing_wait), so they are thrown away, and the wait is switched off.
func (p *Port) Close() error {
	p.once.Do(func() {
		close(p.done)
		p.flush()
		noClosingWait(p.side)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			p.port.Close()
			unix.Close(p.side)
		}()
		select {
		case <-closed:
		case <-time.After(closeLimit):
		}
	})
	return nil
}

// flush throws away what waits in both directions; a device that is gone has nothing.
func (p *Port) flush() { _ = unix.IoctlSetInt(p.side, unix.TCFLSH, unix.TCIOFLUSH) }
