package console

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pipe is a line that is no terminal.
type pipe struct {
	in  *os.File
	out io.Writer
}

// Read reads from the pipe's end towards us.
func (p pipe) Read(b []byte) (int, error) { return p.in.Read(b) }

// Write writes to the other.
func (p pipe) Write(b []byte) (int, error) { return p.out.Write(b) }

// SetReadDeadline works where the kernel can poll the file.
func (p pipe) SetReadDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }

// Open makes a line of a process's stdin and stdout. A terminal is set to raw mode, and opened once
// more under its own name: the new file can be broken off while it is read, and stdin, which other
// processes share, stays as it was. restore gives the terminal its mode back.
func Open(stdin *os.File, stdout io.Writer) (line io.ReadWriter, raw bool, restore func(), err error) {
	conn, err := stdin.SyscallConn()
	if err != nil {
		return nil, false, nil, fmt.Errorf("open the console's line: %w", err)
	}
	fd := -1
	if err := conn.Control(func(f uintptr) { fd = int(f) }); err != nil {
		return nil, false, nil, fmt.Errorf("open the console's line: %w", err)
	}
	if !term.IsTerminal(fd) {
		return pipe{stdin, stdout}, false, func() {}, nil
	}
	tty, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0) // without O_NONBLOCK the open waits for a carrier
	if err != nil {
		return nil, false, nil, fmt.Errorf("open the console's terminal for reading and writing: %w", err)
	}
	mode, err := term.MakeRaw(fd)
	if err == nil {
		err = threeWires(fd)
	}
	if err != nil {
		tty.Close()
		return nil, false, nil, fmt.Errorf("set the console's terminal to raw mode: %w", err)
	}
	restore = func() {
		_ = term.Restore(fd, mode) // the line may be gone
		tty.Close()
	}
	return tty, true, restore, nil
}

// threeWires makes the line work over a cable without modem signals: no carrier is waited for, no
// flow control is expected.
func threeWires(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Cflag |= unix.CLOCAL | unix.CREAD
	t.Cflag &^= unix.CRTSCTS
	t.Iflag &^= unix.IXON | unix.IXOFF
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
