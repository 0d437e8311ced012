package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is one with its far end, as in a window of a terminal program.
func terminal(t *testing.T) (near *Terminal, far *os.File, echoes func() bool) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(slave.Name(), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close(); slave.Close(); master.Close() })
	echoes = func() bool {
		mode, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return mode.Lflag&unix.ECHO != 0
	}
	return &Terminal{tty: tty, reader: bufio.NewReader(tty)}, master, echoes
}

// readTo reads from the far end until a text has come.
func readTo(t *testing.T, far *os.File, text string) string {
	t.Helper()
	var got strings.Builder
	buf := make([]byte, 256)
	for !strings.Contains(got.String(), text) {
		n, err := far.Read(buf)
		if err != nil {
			t.Fatalf("waited for %q, got %q: %v", text, got.String(), err)
		}
		got.Write(buf[:n])
	}
	return got.String()
}

// TestSecretOnATerminal: what is typed does not come back, and the echo is on again afterwards, also after Ctrl-C.
func TestSecretOnATerminal(t *testing.T) {
	near, far, echoes := terminal(t)
	type reply struct {
		line string
		err  error
	}
	answered := make(chan reply, 1)
	ctx, interrupt := context.WithCancel(t.Context())
	ask := func() {
		line, err := near.Secret(ctx, "PIN: ")
		answered <- reply{line, err}
	}
	go ask()
	seen := readTo(t, far, "PIN: ")
	if echoes() {
		t.Error("the terminal echoes while it asks for a secret")
	}
	if _, err := far.WriteString("4711\n"); err != nil {
		t.Fatal(err)
	}
	if a := <-answered; a.line != "4711" || a.err != nil {
		t.Errorf("Secret() = %q, %v", a.line, a.err)
	}
	seen += readTo(t, far, "\n")
	if strings.Contains(seen, "4711") || !echoes() {
		t.Errorf("the terminal showed %q, and echoes: %v", seen, echoes())
	}
	go ask()
	readTo(t, far, "PIN: ")
	interrupt()
	select {
	case a := <-answered:
		if !errors.Is(a.err, context.Canceled) || !echoes() {
			t.Errorf("Secret() broken off = %q, %v, and the terminal echoes: %v", a.line, a.err, echoes())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the question cannot be broken off")
	}
}
