package at

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// caller is a module of which a test says when it is in a call. It answers commands, and records what a call carries.
type caller struct {
	conn net.Conn
	dtr  chan bool // nil: the port has no DTR

	mu      sync.Mutex
	online  bool
	payload bytes.Buffer
	behind  string // sent in the same write as CONNECT
}

// dtrPort is a port with DTR.
type dtrPort struct {
	net.Conn
	module *caller
}

func (p *dtrPort) DropDTR(context.Context) error {
	p.module.mu.Lock()
	defer p.module.mu.Unlock()
	p.module.online = false
	return nil
}

func newCaller(t *testing.T, behind string, dtr bool) (*AT, *caller) {
	t.Helper()
	ours, theirs := net.Pipe()
	m := &caller{conn: theirs, behind: behind}
	var rw io.ReadWriteCloser = ours
	if dtr {
		rw = &dtrPort{ours, m}
	}
	a := New(rw, Options{Probe: 100 * time.Millisecond})
	var running sync.WaitGroup
	running.Go(m.run)
	t.Cleanup(func() { a.Close(); theirs.Close(); running.Wait() })
	return a, m
}

func (m *caller) run() {
	var line []byte
	buf := make([]byte, 512)
	heard := time.Now()
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		silence := time.Since(heard)
		heard = time.Now()
		if m.carries(buf[:n], silence) {
			continue
		}
		for _, b := range buf[:n] {
			if b != '\r' {
				line = append(line, b)
				continue
			}
			m.answer(string(line))
			line = nil
		}
	}
}

// carries takes bytes of a call; +++ after a second of silence ends it, which stands for the escape and ATH.
func (m *caller) carries(b []byte, silence time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.online && string(b) == "+++" && silence > time.Second {
		m.online = false
		m.conn.Write([]byte("\r\nOK\r\n"))
		return true
	}
	if m.online {
		m.payload.Write(b)
	}
	return m.online
}

func (m *caller) answer(line string) {
	i := strings.Index(line, "AT")
	if i < 0 {
		return
	}
	cmd := line[i+2:]
	switch {
	case strings.HasPrefix(cmd, "D"):
		m.mu.Lock()
		m.online = true
		m.mu.Unlock()
		io.WriteString(m.conn, "\r\nCONNECT 115200\r\n"+m.behind)
	case cmd == "+CGDATA=?":
		io.WriteString(m.conn, "\r\nOK\r\n")
	default:
		io.WriteString(m.conn, strings.Repeat("\r\n+CMEE: 1\r\n", strings.Count(cmd, "+CMEE?"))+"\r\nOK\r\n")
	}
}

// end is the call's end from the module's side.
func (m *caller) end(text string) {
	m.mu.Lock()
	m.online = false
	m.mu.Unlock()
	io.WriteString(m.conn, text)
}

func (m *caller) heard() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.payload.String()
}

func dialled(t *testing.T, a *AT) *Line {
	t.Helper()
	line, err := a.Dial(t.Context(), "D*99***1#")
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func want(t *testing.T, r io.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != text {
		t.Fatalf("line gives %q (%v), want %q", got, err, text)
	}
}

// TestDial: what comes in the same read as CONNECT is the call's, to the byte, also what looks like lines of replies;
// the way back is unchanged, and commands wait meanwhile.
func TestDial(t *testing.T) {
	payload := "~\xff\x03\xc0\x21\r\nOK\r\n+CREG: 1\r\n~"
	a, m := newCaller(t, payload, false)
	var heard int
	a.Handle("+CREG", func(string) { heard++ })
	line := dialled(t, a)
	want(t, line, payload)
	if _, err := io.WriteString(line, "~up\r~"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.Command(short, "+CSQ"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command during the call = %v, want its own deadline", err)
	}
	if err := line.HangUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.heard(); !strings.HasPrefix(got, "~up\r~") || strings.Contains(got, "CSQ") {
		t.Errorf("the call carried %q, want ~up\\r~ first and no command that was not sent", got)
	}
	if _, err := a.Command(t.Context(), "+CMEE?"); err != nil || heard != 0 {
		t.Errorf("a command after the call = %v; payload reached a handler %d times", err, heard)
	}
	if _, err := line.Write([]byte("x")); err == nil {
		t.Error("a line that was given back takes bytes")
	}
}

// TestHangUp: by the module's own NO CARRIER, by DTR, and by +++; each ends with a port that answers.
func TestHangUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		dtr    bool
		before func(*caller, *Line)
		most   time.Duration // that it may take
	}{
		{"NO CARRIER", false, func(m *caller, l *Line) { m.end("~\r\nNO CARRIER\r\n"); <-l.Ended() }, time.Second},
		{"DTR", true, func(*caller, *Line) {}, 2500 * time.Millisecond},
		{"escape", false, func(*caller, *Line) {}, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, m := newCaller(t, "~", c.dtr)
			line := dialled(t, a)
			go io.Copy(io.Discard, line) // ends with the line
			c.before(m, line)
			began := time.Now()
			if err := line.HangUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > c.most {
				t.Errorf("HangUp took %s, want %s at most", took, c.most)
			}
			if _, err := a.Command(t.Context(), "+CMEE?"); err != nil {
				t.Errorf("a command afterwards = %v", err)
			}
		})
	}
}

// TestNoCarrierInside: the words among a packet's bytes are payload.
func TestNoCarrierInside(t *testing.T) {
	a, m := newCaller(t, "", false)
	line := dialled(t, a)
	text := "~\r\nNO CARRIER\r\n"
	go io.WriteString(m.conn, text)
	want(t, line, text)
	go io.WriteString(m.conn, "more of the packet~")
	want(t, line, "more of the packet~")
	select {
	case <-line.Ended():
		t.Error("the call counts as ended by a packet that holds the words")
	case <-time.After(2 * quietFor):
	}
	line.Close()
}

// TestCloseInCall: neither a reader that nobody empties nor a writer that finds no room holds Close up.
func TestCloseInCall(t *testing.T) {
	a, m := newCaller(t, "", false)
	line := dialled(t, a)
	go io.Copy(m.conn, strings.NewReader(strings.Repeat("x", 1<<16))) // nobody reads the line
	m.mu.Lock()                                                       // the module takes nothing more
	defer m.mu.Unlock()
	written := make(chan error, 1)
	go func() {
		for {
			if _, err := line.Write(make([]byte, 512)); err != nil {
				written <- err
				return
			}
		}
	}()
	<-time.After(100 * time.Millisecond)
	began := time.Now()
	a.Close()
	if err := <-written; err == nil || time.Since(began) > time.Second {
		t.Errorf("Write ended with %v, %s after Close", err, time.Since(began))
	}
	<-line.Ended()
}

// TestDialRefused: no line, and the port takes commands.
func TestDialRefused(t *testing.T) {
	a, _ := newCaller(t, "", false)
	if line, err := a.Dial(t.Context(), "+CGDATA=?"); err == nil || line != nil {
		t.Errorf("Dial without CONNECT = %v, %v", line, err)
	}
	if _, err := a.Command(t.Context(), "+CMEE?"); err != nil {
		t.Error(err)
	}
}
