package at

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// module is a fake that answers one command after the other, as real ones do. It knows the probes; anything
// else is answered by the test's script, and by ERROR when the script has no word on it.
type module struct {
	t      *testing.T
	port   net.Conn
	script map[string]func(m *module) // by command line without AT; must end with a final result
	echo   bool
	probed chan string   // every probe that arrived, for tests that count
	simple bool          // refuses commands joined by semicolons
	slow   time.Duration // before each answer
	pause  time.Duration // before each line
	chunk  func(n int) int

	rest string // bytes that came right behind the command that runs

	mu  sync.Mutex
	got []string
}

// newModule returns the fake and our end of its port.
func newModule(t *testing.T, script map[string]func(*module)) (*module, io.ReadWriteCloser) {
	t.Helper()
	near, far := bufferedPipe(t)
	m := &module{t: t, port: far, script: script, probed: make(chan string, 64), chunk: func(n int) int { return n }}
	t.Cleanup(func() { near.Close(); far.Close() })
	return m, near
}

// newBubbleModule is newModule for a bubble of testing/synctest, whose time stands still while anybody waits for the kernel.
func newBubbleModule(t *testing.T, script map[string]func(*module)) (*module, io.ReadWriteCloser) {
	near, far := net.Pipe()
	return &module{t: t, port: far, script: script, probed: make(chan string, 64), chunk: func(n int) int { return n }}, near
}

// bufferedPipe joins two ends with kernel buffers between them, like a tty; on an unbuffered net.Pipe the
// bare library already stands still when both sides write at once.
func bufferedPipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pipe")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return ends[0], ends[1]
}

// chaos makes the fake split and merge its bytes at random.
func (m *module) chaos(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	m.chunk = func(n int) int { return 1 + r.IntN(min(n, 7)) }
}

// serve answers until the port closes.
func (m *module) serve() {
	buf := make([]byte, 256)
	var pending []byte
	for {
		n, err := m.port.Read(buf)
		if err != nil {
			return
		}
		pending = append(pending, buf[:n]...)
		for {
			i := bytes.IndexByte(pending, '\r')
			if i < 0 {
				break
			}
			line := strings.Trim(string(pending[:i]), "\x1b\n ")
			pending = pending[i+1:]
			m.rest = string(pending)
			if line != "" {
				m.answer(line)
			}
		}
	}
}

func (m *module) answer(line string) {
	m.mu.Lock()
	m.got = append(m.got, line)
	echo := m.echo
	m.mu.Unlock()
	if echo {
		m.raw(line + "\r")
	}
	cmd, ok := strings.CutPrefix(line, "AT")
	if !ok {
		m.send("ERROR")
		return
	}
	time.Sleep(m.slow)
	if act, ok := m.script[cmd]; ok {
		act(m)
		return
	}
	parts := strings.Split(cmd, ";")
	if parts[0] != "+CMEE?" && parts[0] != "+CFUN?" || m.simple && len(parts) > 1 {
		m.send("ERROR")
		return
	}
	select {
	case m.probed <- cmd:
	default:
	}
	for _, p := range parts {
		m.send(strings.TrimSuffix(p, "?") + ": 1")
	}
	m.send("OK")
}

// send writes one line with the frame that modules put around it.
func (m *module) send(lines ...string) {
	for _, line := range lines {
		time.Sleep(m.pause)
		m.raw("\r\n" + line + "\r\n")
	}
}

func (m *module) raw(s string) {
	for p := []byte(s); len(p) > 0; {
		n := m.chunk(len(p))
		if _, err := m.port.Write(p[:n]); err != nil {
			return
		}
		p = p[n:]
	}
}

func (m *module) commands() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

// says scripts a fixed reply.
func says(lines ...string) func(*module) { return func(m *module) { m.send(lines...) } }

// open starts the fake and an AT with short times on it.
func open(t *testing.T, script map[string]func(*module)) (*AT, *module) {
	t.Helper()
	m, port := newModule(t, script)
	var served sync.WaitGroup
	served.Go(m.serve)
	a := New(port, Options{Command: 2 * time.Second, Probe: 100 * time.Millisecond})
	t.Cleanup(func() { a.Close(); m.port.Close(); served.Wait() })
	return a, m
}
