package at

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	bare "github.com/warthog618/modem/at"
)

// port is what the scenarios below need; the bare library and ours both serve it.
type port interface {
	command(timeout time.Duration, cmd string) ([]string, error)
	handle(prefix string, fn func(line string))
}

type ours struct{ *AT }

func (o ours) command(timeout time.Duration, cmd string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return o.AT.Command(ctx, cmd)
}
func (o ours) handle(prefix string, fn func(string)) { o.AT.Handle(prefix, fn) }

type theirs struct{ *bare.AT }

func (b theirs) command(timeout time.Duration, cmd string) ([]string, error) {
	return b.AT.Command(cmd, bare.WithTimeout(timeout))
}
func (b theirs) handle(prefix string, fn func(string)) {
	if err := b.AT.AddIndication(prefix, func(info []string) { fn(info[0]) }); err != nil {
		panic(err)
	}
}

// defect is a scenario that the bare library gets wrong.
type defect struct {
	name   string
	script map[string]func(*module)
	run    func(p port) error // says what went wrong
}

// heard collects unsolicited lines.
type heard struct {
	mu    sync.Mutex
	lines []string
	ping  chan struct{}
}

func newHeard() *heard { return &heard{ping: make(chan struct{}, 100)} }

func (h *heard) add(line string) {
	h.mu.Lock()
	h.lines = append(h.lines, line)
	h.mu.Unlock()
	h.ping <- struct{}{}
}

// wait returns what came once n lines have, or what there is after a moment.
func (h *heard) wait(n int) []string {
	for range n {
		select {
		case <-h.ping:
		case <-time.After(300 * time.Millisecond):
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

func expect(what string, got, want []string) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s = %q, want %q", what, got, want)
	}
	return nil
}

func defects() []defect { return append(sortingDefects(), resultDefects()...) }

// sortingDefects are about whose a line is.
func sortingDefects() []defect {
	return []defect{
		{
			name:   "an unsolicited line inside a reply goes to its handler only",
			script: map[string]func(*module){"+CSQ": says("+CGEV: ME PDN ACT 1", "+CSQ: 20,99", "+CGEV: NW DETACH", "OK")},
			run: func(p port) error {
				h := newHeard()
				p.handle("+CGEV:", h.add)
				lines, err := p.command(time.Second, "+CSQ")
				return errors.Join(err, expect("reply", lines, []string{"+CSQ: 20,99"}),
					expect("unsolicited", h.wait(2), []string{"+CGEV: ME PDN ACT 1", "+CGEV: NW DETACH"}))
			},
		},
		{
			name:   "a solicited line does not fire the handler of its unsolicited namesake",
			script: map[string]func(*module){"+CREG?": says("+CREG: 2", "+CREG: 2,1,\"8BE3\",\"2BAF\",7", "+CREG: 1,\"8BE3\",\"2BAF\",7", "OK")},
			run: func(p port) error {
				h := newHeard()
				p.handle("+CREG:", h.add)
				lines, err := p.command(time.Second, "+CREG?")
				return errors.Join(err, expect("reply", lines, []string{`+CREG: 2,1,"8BE3","2BAF",7`}),
					expect("unsolicited", h.wait(2), []string{"+CREG: 2", `+CREG: 1,"8BE3","2BAF",7`}))
			},
		},
		{
			name:   "an unsolicited line that nobody registered stays out of the reply",
			script: map[string]func(*module){"+CGMM": says("RDY", "+QIND: SMS DONE", "EC25", "OK")},
			run: func(p port) error {
				lines, err := p.command(time.Second, "+CGMM")
				return errors.Join(err, expect("reply", lines, []string{"EC25"}))
			},
		},
		{
			name: "a late answer never reaches the next command",
			script: map[string]func(*module){
				"+COPS=?": func(m *module) {
					time.Sleep(120 * time.Millisecond)
					m.send(`+COPS: (2,"One","1","00101",7)`, "OK")
				},
				"+CPIN?": says("+CPIN: READY", "OK"),
			},
			run: func(p port) error {
				if _, err := p.command(50*time.Millisecond, "+COPS=?"); err == nil {
					return errors.New("+COPS=? succeeded before its answer came")
				}
				lines, err := p.command(time.Second, "+CPIN?")
				return errors.Join(err, expect("reply", lines, []string{"+CPIN: READY"}))
			},
		},
	}
}

// resultDefects are about what is sent, and where a reply ends.
func resultDefects() []defect {
	return []defect{
		{
			name:   "CONNECT ends AT+CGDATA",
			script: map[string]func(*module){`+CGDATA="PPP",1`: says("CONNECT 150000000")},
			run: func(p port) error {
				lines, err := p.command(300*time.Millisecond, `+CGDATA="PPP",1`)
				return errors.Join(err, expect("reply", lines, []string{"CONNECT 150000000"}))
			},
		},
		{
			name:   "NO CARRIER ends AT+CGDATA",
			script: map[string]func(*module){`+CGDATA="PPP",1`: says("NO CARRIER")},
			run: func(p port) error {
				_, err := p.command(300*time.Millisecond, `+CGDATA="PPP",1`)
				if err == nil || !strings.Contains(err.Error(), "NO CARRIER") {
					return fmt.Errorf("error = %v, want NO CARRIER", err)
				}
				return nil
			},
		},
		{
			name:   "a row that starts with ERROR is a row",
			script: map[string]func(*module){"+QERR": says("ERROR LOG EMPTY", "OK")},
			run: func(p port) error {
				lines, err := p.command(300*time.Millisecond, "+QERR")
				return errors.Join(err, expect("reply", lines, []string{"ERROR LOG EMPTY"}))
			},
		},
		{
			name: "no line feed is sent, which would abort a command that runs",
			script: map[string]func(*module){"+CLAC": func(m *module) {
				if m.rest != "" {
					m.send("+CME ERROR: 52")
					return
				}
				m.send("OK")
			}},
			run: func(p port) error {
				_, err := p.command(300*time.Millisecond, "+CLAC")
				return err
			},
		},
		{
			name: "unsolicited lines are handled in the order in which they came",
			script: map[string]func(*module){"+CSQ": func(m *module) {
				for i := range 50 {
					m.send(fmt.Sprintf("+CGEV: %d", i))
				}
				m.send("+CSQ: 20,99", "OK")
			}},
			run: func(p port) error {
				h := newHeard()
				p.handle("+CGEV:", func(line string) {
					if line == "+CGEV: 0" {
						time.Sleep(30 * time.Millisecond) // a slow handler makes the others wait, not overtake
					}
					h.add(line)
				})
				_, err := p.command(time.Second, "+CSQ")
				var want []string
				for i := range 50 {
					want = append(want, fmt.Sprintf("+CGEV: %d", i))
				}
				return errors.Join(err, expect("unsolicited", h.wait(50), want))
			},
		},
	}
}

// TestDefectsCured runs each scenario over whole writes and over bytes split and merged at random.
func TestDefectsCured(t *testing.T) {
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			for seed := range uint64(4) {
				a, m := openSeeded(t, d.script, seed)
				if err := d.run(ours{a}); err != nil {
					t.Errorf("seed %d: %v\nsent: %q", seed, err, m.commands())
				}
			}
		})
	}
}

func openSeeded(t *testing.T, script map[string]func(*module), seed uint64) (*AT, *module) {
	m, near := newModule(t, script)
	if seed > 0 {
		m.chaos(seed)
	}
	m.echo = seed%2 == 1
	var served sync.WaitGroup
	served.Go(m.serve)
	a := New(near, Options{Probe: 100 * time.Millisecond})
	t.Cleanup(func() { a.Close(); m.port.Close(); served.Wait() })
	return a, m
}

// TestDefectsAreReal shows that each scenario does fail on the bare library: a cure for nothing would be
// dead weight. When a new version of the library passes one, its cure can go.
func TestDefectsAreReal(t *testing.T) {
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			failed := false
			for range 5 { // some of its failures are races
				m, near := newModule(t, d.script)
				var served sync.WaitGroup
				served.Go(m.serve)
				lib := bare.New(near)
				if d.run(theirs{lib}) != nil {
					failed = true
				}
				near.Close()
				m.port.Close()
				served.Wait()
				if failed {
					return
				}
			}
			t.Errorf("the bare library passes %q", d.name)
		})
	}
}
