package console

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"airlock/deployd/api"
	"airlock/firmware/cli/nodetest"
	"airlock/netd/windows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is a technician's end of a console that runs.
type session struct {
	t    *testing.T
	node *nodetest.Node
	far  io.ReadWriteCloser
	done chan error // result of Run

	mu   sync.Mutex
	text strings.Builder // all that came
	news chan struct{}
	seen int // up to where expect has looked
}

// wire makes the two ends of a line.
type wire func(t *testing.T) (near io.ReadWriter, far io.ReadWriteCloser)

// overPTY is a real terminal in raw mode, as the kernel makes one.
func overPTY(t *testing.T) (io.ReadWriter, io.ReadWriteCloser) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	line, raw, restore, err := Open(slave, os.Stdout)
	if err != nil || !raw {
		t.Fatalf("Open(pty) = raw %v, %v", raw, err)
	}
	t.Cleanup(func() { restore(); slave.Close() })
	return line, pollable(t, master)
}

// pollable makes a file of the master that can be closed while it is read; the library's blocks.
func pollable(t *testing.T, master *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	master.Close()
	return os.NewFile(uintptr(fd), "pty master")
}

// byteWise is a line that hands over every byte alone, as a slow serial port does.
func byteWise(*testing.T) (io.ReadWriter, io.ReadWriteCloser) {
	near, far := net.Pipe()
	return near, trickle{far}
}

type trickle struct{ net.Conn }

// Write passes one byte at a time.
func (w trickle) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := w.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func wires() map[string]wire { return map[string]wire{"pty": overPTY, "byte-wise": byteWise} }

// begin starts a console on a fresh node.
func begin(t *testing.T, w wire, change func(*Options)) *session {
	t.Helper()
	dir, err := os.MkdirTemp("", "console") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	near, far := w(t)
	s := &session{t: t, node: nodetest.Start(t, dir), far: far, done: make(chan error, 1), news: make(chan struct{}, 1)}
	o := Options{Line: near, Raw: true, Version: "v1.2.3",
		Doors: windows.NewClient(s.node.Netd), Courier: api.NewClient(s.node.Deployd)}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { s.done <- Run(ctx, o) }()
	read := make(chan struct{})
	go func() { defer close(read); s.listen() }()
	t.Cleanup(func() {
		cancel()
		s.far.Close()
		<-read
		s.check()
	})
	return s
}

// listen keeps what comes until the line is closed.
func (s *session) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := s.far.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *session) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *session) send(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.far, keys); err != nil {
		s.t.Fatalf("send %q: %v", keys, err)
	}
}

// expect waits for a text behind what was expected before, and returns all up to its end.
func (s *session) expect(text string) string {
	s.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		rest := s.all()[s.seen:]
		if i := strings.Index(rest, text); i >= 0 {
			s.seen += i + len(text)
			return rest[:i+len(text)]
		}
		select {
		case <-s.news:
		case <-timeout:
			s.t.Fatalf("waited for %q; behind what was expected before came\n%s", text, rest)
		}
	}
}

// do types a command and returns what came between its line and the next prompt.
func (s *session) do(command string) string {
	s.t.Helper()
	s.send(command + "\r")
	s.expect(command + "\r\n")
	return strings.TrimSuffix(s.expect("\r\n"+Prompt), Prompt)
}

// ends checks the line with which a command ended.
func (s *session) ends(output, want string) {
	s.t.Helper()
	lines := strings.Split(strings.TrimRight(output, "\r\n"), "\r\n")
	if got := lines[len(lines)-1]; got != want {
		s.t.Errorf("ended with %q, want %q, after\n%s", got, want, output)
	}
}

// check holds everything the console ever sent against what a terminal of unknown type stands.
func (s *session) check() {
	for line := range strings.SplitAfterSeq(s.all(), "\n") {
		for _, r := range line {
			if r != '\r' && r != '\n' && r != '\b' && r != '\t' && (r < ' ' || r > '~') {
				s.t.Errorf("sent %q in %q: not ASCII, or a control character", r, line)
			}
		}
		if strings.HasSuffix(line, "\n") && !strings.HasSuffix(line, "\r\n") {
			s.t.Errorf("the line %q does not end with CR LF", line)
		}
	}
}

// narrow checks that a screen fits into 80 columns without the last, in which some terminals wrap.
func (s *session) narrow(screen string) string {
	s.t.Helper()
	for line := range strings.SplitSeq(screen, "\r\n") {
		if len(line) > 79 {
			s.t.Errorf("the line %q has more than 79 columns", line)
		}
	}
	return screen
}

// wait waits for Run to return.
func (s *session) wait() {
	s.t.Helper()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("Run() = %v, want nil", err)
		}
	case <-time.After(10 * time.Second):
		s.t.Fatalf("the console did not end; it sent\n%s", s.all())
	}
}
