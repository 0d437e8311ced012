package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"airlock/firmware/config"
)

// Terminal asks a person on the terminal that the process was started from. The terminal keeps its
// own line editing.
type Terminal struct {
	tty    *os.File
	reader *bufio.Reader
}

// OpenTerminal opens the process's terminal; an error means that there is none. It has a file
// description of its own, so that a question can be broken off without touching stdin's.
func OpenTerminal() (*Terminal, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return &Terminal{tty: tty, reader: bufio.NewReader(tty)}, nil
}

// Close closes it.
func (t *Terminal) Close() error { return t.tty.Close() }

// Line asks for one line, after dropping what was typed before the question.
func (t *Terminal) Line(ctx context.Context, question string) (string, error) {
	conn, err := t.tty.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("ask on the terminal: %w", err)
	}
	// A failure to drop leaves the question as it is.
	_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH) })
	t.reader.Reset(t.tty)
	return t.More(ctx, question)
}

// Secret asks for one line with the terminal's echo off.
func (t *Terminal) Secret(ctx context.Context, question string) (string, error) {
	conn, err := t.tty.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("ask on the terminal: %w", err)
	}
	var before *unix.Termios
	set := func(change func(*unix.Termios)) error {
		var done error
		err := conn.Control(func(fd uintptr) {
			if before == nil {
				before, done = unix.IoctlGetTermios(int(fd), unix.TCGETS)
			}
			if done == nil {
				now := *before
				change(&now)
				done = unix.IoctlSetTermios(int(fd), unix.TCSETS, &now)
			}
		})
		return errors.Join(err, done)
	}
	if err := set(func(mode *unix.Termios) { mode.Lflag &^= unix.ECHO }); err != nil {
		return "", fmt.Errorf("switch the terminal's echo off: %w", err)
	}
	defer func() {
		_ = set(func(*unix.Termios) {})    // a terminal that is gone shows nothing
		_, _ = io.WriteString(t.tty, "\n") // Enter was not shown either
	}()
	return t.Line(ctx, question)
}

// More reads one line.
func (t *Terminal) More(ctx context.Context, question string) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = t.tty.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(t.tty, question); err != nil {
		return "", fmt.Errorf("ask on the terminal: %w", err)
	}
	line, err := t.reader.ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, io.EOF):
		return "", &usageError{errors.New("given up; nothing was done")}
	case err != nil:
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// Text reads lines up to one with a single dot.
func (t *Terminal) Text(ctx context.Context, question string) ([]byte, error) {
	var text bytes.Buffer
	for prompt := question + "\n"; ; prompt = "" {
		line, err := t.More(ctx, prompt)
		if err != nil || line == "." {
			return text.Bytes(), err
		}
		if text.Len() <= config.MaxSize { // beyond, ParseSite refuses the whole
			text.WriteString(line + "\n")
		}
	}
}

var _ Asker = (*Terminal)(nil)
