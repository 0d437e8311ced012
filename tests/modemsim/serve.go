package modemsim

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxCommand bounds a command line; longer ones are refused, as by real modules.
const maxCommand = 2048

// port is one attachment of the AT port.
type port struct {
	rw    io.ReadWriteCloser
	out   chan string
	ctx   context.Context // of Serve: a call's peer ends with it
	tasks *sync.WaitGroup
	call  atomic.Pointer[pppCall] // data mode
}

// send queues text; a host that stops reading loses what does not fit, as with a full UART.
func (p *port) send(text string) {
	select {
	case p.out <- text:
	default:
	}
}

// Serve attaches the AT port to rw until rw ends, and boots the module when it is the first. It closes rw. A second
// Serve takes the place of the first. It returns nil when the host hung up, ErrAway while the module is off the bus,
// else the context's error.
func (s *Sim) Serve(ctx context.Context, rw io.ReadWriteCloser) error {
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(serving, func() { rw.Close() })
	var tasks sync.WaitGroup
	p := &port{rw: rw, out: make(chan string, 256), ctx: serving, tasks: &tasks}
	lines := make(chan string, 16)
	if !s.attach(p) {
		return ErrAway
	}
	tasks.Go(func() { defer cancel(); s.write(serving, p) })
	tasks.Go(func() { defer close(lines); defer cancel(); s.readPort(serving, p, lines) })
	for line := range lines {
		s.execute(serving, p, line)
	}
	s.detach(p)
	tasks.Wait()
	return ctx.Err()
}

func (s *Sim) attach(p *port) (there bool) {
	s.do(func() {
		if there = s.back == nil; !there {
			return
		}
		s.port = p
		if !s.powered {
			s.powerOn()
		}
	})
	return there
}

func (s *Sim) detach(p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == p {
		s.port = nil
	}
	if s.online != nil && s.online.port == p {
		s.online.Close() // as DTR falls
	}
}

// readPort collects bytes up to CR, and passes those of a call on. ESC and a line feed behind the CR do nothing but
// clear the line.
func (s *Sim) readPort(ctx context.Context, p *port, lines chan<- string) {
	var line []byte
	buf := make([]byte, 2048)
	heard := time.Now()
	for {
		n, err := p.rw.Read(buf)
		text, silence := buf[:n], time.Since(heard)
		heard = time.Now()
		if c := p.call.Load(); c != nil && !c.escaped.Load() {
			s.take(c, text, silence)
			text, line = nil, nil
		}
		for _, b := range text {
			switch {
			case b == '\r':
				select {
				case lines <- string(line):
				case <-ctx.Done():
					return
				}
				line = line[:0]
			case b == '\n' && len(line) == 0:
			case b == 0x1b:
				line = line[:0]
			case len(line) < maxCommand:
				line = append(line, b)
			}
		}
		if err != nil {
			return
		}
	}
}

// execute runs one command line and answers it.
func (s *Sim) execute(ctx context.Context, p *port, line string) {
	var deaf, echo bool
	var late time.Duration
	s.do(func() {
		if s.ready && !s.faults.Silent {
			s.strike(atCommand, strings.ToUpper(strings.TrimSpace(line)))
		}
		deaf = !s.ready || s.faults.Silent || s.port != p
		echo, late = s.echo, s.lateness(line)
	})
	if deaf {
		return
	}
	if echo {
		p.send(line + "\r")
	}
	line = strings.TrimSpace(line)
	if len(line) < 2 || !strings.EqualFold(line[:2], "AT") {
		return // noise is not answered
	}
	calls, ok := parseLine(strings.TrimSpace(line[2:]))
	if !ok {
		calls = []call{{name: "?"}}
	}
	text, after := s.run(ctx, calls, late)
	if text == "" {
		return
	}
	p.send(text)
	s.do(func() {
		for ; s.stray > 0; s.stray-- {
			p.send(s.final(4))
		}
		for _, f := range after {
			f()
		}
	})
}

func (s *Sim) lateness(line string) time.Duration {
	if d := s.late; d > 0 {
		s.late = 0
		return d
	}
	l := &s.faults.Late
	if l.Times == 0 || l.Command == "" || !strings.HasPrefix(strings.ToUpper(line), "AT"+strings.ToUpper(l.Command)) {
		return 0
	}
	l.Times--
	return l.Delay
}

// run carries the commands of a line out up to the first that is refused, and returns the whole answer.
func (s *Sim) run(ctx context.Context, calls []call, late time.Duration) (text string, after []func()) {
	general, own := commands(), s.cfg.Personality.verbs
	var b strings.Builder
	code := 0
	for _, c := range calls {
		handler, known := own[c.name]
		if !known {
			handler, known = general[c.name]
		}
		var r reply
		s.do(func() {
			if r = refuse(4); known {
				r = handler(s, c)
			}
		})
		if !s.hold(ctx, r.delay) {
			return "", nil
		}
		for _, line := range r.lines {
			b.WriteString("\r\n" + line + "\r\n")
		}
		if r.after != nil {
			after = append(after, r.after)
		}
		if code = r.code; r.connect {
			code = connected
		}
		if code != 0 {
			break
		}
	}
	if !s.hold(ctx, late) {
		return "", nil
	}
	return b.String() + s.finish(code), after
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
