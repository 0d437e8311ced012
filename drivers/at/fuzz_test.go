package at

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzClassify: whatever is asked and whatever comes, nothing panics; a line under another name than those asked for is never
// taken for the reply; and a final result is one under every command that makes no calls, or under none.
func FuzzClassify(f *testing.F) {
	for _, seed := range [][2]string{
		{"+CREG?", `+CREG: 2,1,"8BE3","2BAF",7`}, {"+CGMM", "+SIM READY"}, {`+X="a;+CSQ";+CSQ`, "+CSQ: 1,1"}, {"D*99***1#", "CONNECT 150000000"},
		{"+QNETDEVSTATUS=1", `+QNETDEVSTATUS: 1,1,"IPV4V6",0`}, {"&C1", "+CME ERROR: SIM busy"}, {"", ":"}, {"I", "+GCAP: +CGSM"}, {";;", "+:"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, command, line string) {
		parts := parseCommand(command)
		owned := owns(parts, nil, line)
		prefix, _, named := splitPrefix(line)
		if named && owned {
			asked := false
			for _, p := range parts {
				asked = asked || p.id == prefix || p.id == "I" && prefix == "+GCAP"
			}
			if !asked {
				t.Errorf("owns(%q, %q)", command, line)
			}
		}
		if _, final := parseFinal(line, parts); !makesCalls(parts) {
			if _, same := parseFinal(line, nil); same != final {
				t.Errorf("parseFinal(%q) under %q = %v, alone %v", line, command, final, same)
			}
		}
		_ = single(parts)
		if e := NewCMEError(line); e.Error() == "" {
			t.Errorf("NewCMEError(%q) says nothing", line)
		}
		if strings.Contains(Redact("+CPIN="+line), line) && len(line) > 3 {
			t.Errorf("Redact lets %q through", line)
		}
	})
}

// FuzzEngine sets the port against a module that works its commands off in order and is bad at everything else: late,
// silent, slow, refusing, with errors that nobody asked for, lines out of turn and noise. A command may fail; it never
// gets a line of another's reply, never hangs beyond its deadline, and Close leaves nobody behind.
func FuzzEngine(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x20\x02\x05\x03\x04\x09\x07\x06noise\r\n\x08\x30"))
	f.Add(bytes.Repeat([]byte{0x05, 0x31, 0x01, 0x0c}, 8))
	f.Add([]byte("\x03\x03\x03\x0a\x0b\x01\xff\x09\x40\x03\x00"))
	f.Fuzz(func(t *testing.T, plan []byte) {
		if len(plan) > 256 {
			return
		}
		synctest.Test(t, func(t *testing.T) { engineAgainst(t, plan) })
	})
}

func engineAgainst(t *testing.T, plan []byte) {
	near, far := net.Pipe()
	bad := &badModule{port: far, plan: plan}
	var serving sync.WaitGroup
	serving.Go(bad.serve)
	a := New(near, Options{Probe: 100 * time.Millisecond})
	a.Handle("+CGEV", func(string) {})
	for i := range 12 {
		command := fmt.Sprintf("+Q%02d", i)
		if i%3 == 1 {
			command += "?"
		}
		limit := time.Duration(200+300*(i%4)) * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		lines, err := a.Command(ctx, command)
		cancel()
		if took := time.Since(began); took > limit+10*time.Millisecond {
			t.Errorf("%s took %s, its limit is %s", command, took, limit)
		}
		last := -1
		for _, line := range lines {
			var of, row int
			if n, _ := fmt.Sscanf(strings.TrimPrefix(line, command[:4]+": "), "row %d.%d", &of, &row); n != 2 {
				continue // noise
			}
			// A module that refuses joined commands can be probed in four ways only; errors out of turn can make it look so.
			if (of != i || row <= last) && !a.simple {
				t.Errorf("%s got %q as %q (%v)", command, line, lines, err)
			}
			last = row
		}
		if errors.Is(err, ErrClosed) {
			break
		}
	}
	a.Close()
	far.Close()
	serving.Wait()
}

// badModule answers by a plan, a byte or some for each command.
type badModule struct {
	port net.Conn
	plan []byte
	echo bool
	dead bool
}

func (m *badModule) next() byte {
	if len(m.plan) == 0 {
		return 0
	}
	b := m.plan[0]
	m.plan = m.plan[1:]
	return b
}

func (m *badModule) serve() {
	commands := make(chan string, 64)
	var working sync.WaitGroup
	working.Go(func() {
		for c := range commands {
			m.answer(c)
		}
	})
	defer working.Wait()
	defer close(commands)
	buf, line := make([]byte, 512), ""
	for {
		n, err := m.port.Read(buf)
		if err != nil {
			return
		}
		line += string(buf[:n])
		for {
			command, rest, ok := strings.Cut(line, "\r")
			if !ok {
				break
			}
			line = rest
			if command = strings.Trim(command, "\x1b\n "); command != "" {
				commands <- command
			}
		}
	}
}

// answer does what the plan says, and then the rest of what is to be done.
func (m *badModule) answer(command string) {
	rows, slow, final := m.rows(command), time.Duration(0), "OK"
	for more := true; more; {
		more = false
		switch op := m.next(); op % 13 {
		case 1: // late
			time.Sleep(time.Duration(m.next()) * 10 * time.Millisecond)
			more = true
		case 2:
			m.say("\r\n+CGEV: NW MODIFY 1,0\r\n")
			more = true
		case 3: // an error that nobody asked for
			m.say("\r\nERROR\r\n")
			more = true
		case 4:
			return // no answer ever
		case 5:
			slow = time.Duration(m.next()) * 2 * time.Millisecond
			more = true
		case 6:
			m.say(m.noise())
			more = true
		case 7:
			if strings.HasPrefix(command, "AT+Q") {
				rows, final = nil, "+CME ERROR: 3"
			}
		case 8:
			m.echo = !m.echo
			more = true
		case 9: // the reply stops half way; not a probe's: pieces of several could be put together to look like a whole one
			if strings.HasPrefix(command, "AT+Q") {
				rows, final = rows[:len(rows)/2], ""
			}
		case 10:
			rows = append(rows[:len(rows):len(rows)], `+CEREG: 1,"272D","0D17C148",7`)
		case 11:
			m.dead = !m.dead
			more = true
		}
	}
	if m.dead {
		return
	}
	if m.echo {
		m.say(command + "\r")
	}
	for _, row := range rows {
		time.Sleep(slow)
		m.say("\r\n" + row + "\r\n")
	}
	if final != "" {
		time.Sleep(slow)
		m.say("\r\n" + final + "\r\n")
	}
}

// rows are tagged with the number of their command: bare ones as of an identity, named ones for a query.
func (m *badModule) rows(command string) (rows []string) {
	if n := strings.Count(command, "?"); n > 0 && !strings.HasPrefix(command, "AT+Q") {
		for range n {
			rows = append(rows, strings.TrimPrefix(strings.SplitN(command, "?", 2)[0], "AT")+": 1")
		}
		return rows
	}
	var i int
	fmt.Sscanf(command, "AT+Q%d", &i)
	for k := range 3 {
		row := fmt.Sprintf("row %d.%d", i, k)
		if strings.HasSuffix(command, "?") {
			row = fmt.Sprintf("+Q%02d: %s", i, row)
		}
		rows = append(rows, row)
	}
	return rows
}

// noise is bytes of the plan, none of which can make up a line that means something.
func (m *badModule) noise() string {
	n := min(int(m.next()%16), len(m.plan))
	b := bytes.Map(func(r rune) rune {
		if strings.ContainsRune("OKERrow+:.0123456789", r) {
			return '~'
		}
		return r
	}, m.plan[:n])
	m.plan = m.plan[n:]
	return string(b) + "\r\n"
}

func (m *badModule) say(s string) { _, _ = io.WriteString(m.port, s) }
