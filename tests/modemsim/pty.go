package modemsim

import (
	"errors"
	"fmt"
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// PTY is a pseudo terminal: the module's end for Serve, and the name of the host's.
type PTY struct {
	*os.File // the module's end; Close unblocks a pending Read
	Host     string
	keep     *os.File // keeps the line open while no host has it
}

// OpenPTY makes one, raw, as a serial line is.
func OpenPTY() (*PTY, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open a pseudo terminal: %w", err)
	}
	defer master.Close()
	_, rawErr := term.MakeRaw(int(slave.Fd()))
	// The runtime can break a Read off only on a descriptor that it polls.
	fd, dupErr := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if dupErr == nil {
		dupErr = unix.SetNonblock(fd, true)
	}
	if err := errors.Join(rawErr, dupErr); err != nil {
		slave.Close()
		return nil, fmt.Errorf("set a pseudo terminal up: %w", err)
	}
	return &PTY{File: os.NewFile(uintptr(fd), master.Name()), Host: slave.Name(), keep: slave}, nil
}

// Close ends both ends.
func (p *PTY) Close() error { return errors.Join(p.File.Close(), p.keep.Close()) }
