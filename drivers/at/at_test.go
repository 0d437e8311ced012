package at

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestErrors: each refusal keeps its type and its cause, and no secret stands in it.
func TestErrors(t *testing.T) {
	a, _ := open(t, map[string]func(*module){
		"+CPIN?":        says("+CME ERROR: 10"),
		"+CGDCONT?":     says("+CME ERROR: SIM not inserted"),
		"+CMGS=1":       says("+CMS ERROR: 304"),
		"D123;":         says("NO CARRIER"),
		`+CPIN="1234"`:  says("+CME ERROR: 16"),
		"+QSOMETHING=1": says("ERROR"),
	})
	for cmd, want := range map[string]string{
		"+CPIN?":        "AT+CPIN?: +CME ERROR: 10 (SIM not inserted)",
		"+CGDCONT?":     "AT+CGDCONT?: +CME ERROR: 10 (SIM not inserted)",
		"+CMGS=1":       "AT+CMGS=1: +CMS ERROR: 304 (invalid PDU mode parameter)",
		"D123;":         "ATD123;: NO CARRIER",
		`+CPIN="1234"`:  "AT+CPIN=…: +CME ERROR: 16 (incorrect password)",
		"+QSOMETHING=1": "AT+QSOMETHING=1: ERROR",
	} {
		_, err := a.Command(t.Context(), cmd)
		if err == nil || err.Error() != want {
			t.Errorf("Command(%q) = %v, want %s", cmd, err, want)
		}
	}
	_, err := a.Command(t.Context(), "+CPIN?")
	if cme, ok := errors.AsType[*CMEError](err); !ok || cme.Code != 10 || CodeOf(err) != 10 {
		t.Errorf("Command(+CPIN?) = %#v, want a CMEError with code 10", err)
	}
}

// TestTimeout: the error says what waited, and the port is usable afterwards without a pause.
func TestTimeout(t *testing.T) {
	a, m := open(t, map[string]func(*module){
		"+COPS=?": func(*module) {},
		"+CSQ":    says("+CSQ: 11,99", "OK"),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	defer cancel()
	if _, err := a.Command(t.Context(), "+CSQ"); err != nil {
		t.Fatal(err)
	}
	_, err := a.Command(ctx, "+COPS=?")
	if late, ok := errors.AsType[*TimeoutError](err); !ok || late.Command != "+COPS=?" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Command(+COPS=?) = %v, want a TimeoutError", err)
	}
	if lines, err := a.Command(t.Context(), "+CSQ"); err != nil || !slices.Equal(lines, []string{"+CSQ: 11,99"}) {
		t.Errorf("Command(+CSQ) after it = %q, %v\nsent: %q", lines, err, m.commands())
	}
	if got := a.Stats().Resyncs; got != 2 { // the first command's, and the one after the timeout
		t.Errorf("resyncs = %d, want 2", got)
	}
}

// TestLateAnswers: whatever comes late, and however often, each command gets its own answer or none.
func TestLateAnswers(t *testing.T) {
	for _, late := range []time.Duration{10, 60, 150, 300} {
		var count int
		a, m := open(t, map[string]func(*module){
			"+CGMM": func(m *module) {
				if count++; count%2 == 1 {
					time.Sleep(late * time.Millisecond)
				}
				m.send(fmt.Sprintf("MODEL %d", count), "OK")
			},
			"+CPIN?": says("+CPIN: READY", "OK"),
		})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, _ = a.Command(ctx, "+CGMM")
			cancel()
			lines, err := a.Command(t.Context(), "+CPIN?")
			if err != nil || !slices.Equal(lines, []string{"+CPIN: READY"}) {
				t.Errorf("late by %dms: Command(+CPIN?) = %q, %v\nsent: %q", late, lines, err, m.commands())
			}
		}
	}
}

// TestStrayResults: ERRORs that nobody asked for (seen with Quectel RM500U) must not shift every later reply, as they
// do in ModemManager.
func TestStrayResults(t *testing.T) {
	a, _ := open(t, map[string]func(*module){
		"E0":     says("OK", "+CME ERROR: 4", "ERROR", "+CME ERROR: 4"),
		"+CIMI":  says("001010123456789", "OK"),
		"+CPIN?": says("+CPIN: READY", "OK"),
	})
	if _, err := a.Command(t.Context(), "E0"); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for range 5 {
		if lines, err := a.Command(t.Context(), "+CIMI"); err != nil {
			wrong++ // a stray one may still hit the first command
		} else if !slices.Equal(lines, []string{"001010123456789"}) {
			t.Errorf("Command(+CIMI) = %q", lines)
		}
		if lines, err := a.Command(t.Context(), "+CPIN?"); err != nil {
			wrong++
		} else if !slices.Equal(lines, []string{"+CPIN: READY"}) {
			t.Errorf("Command(+CPIN?) = %q", lines)
		}
	}
	if wrong > 1 {
		t.Errorf("%d commands failed by stray results, want at most the first", wrong)
	}
}

// TestModuleWithoutJoinedCommands: the probe falls back to single queries.
func TestModuleWithoutJoinedCommands(t *testing.T) {
	m, port := newModule(t, map[string]func(*module){"+CSQ": says("+CSQ: 11,99", "OK")})
	m.simple = true
	var served sync.WaitGroup
	served.Go(m.serve)
	a := New(port, Options{Probe: 20 * time.Millisecond})
	defer func() { a.Close(); m.port.Close(); served.Wait() }()
	for range 2 {
		if lines, err := a.Command(t.Context(), "+CSQ"); err != nil || len(lines) != 1 {
			t.Errorf("Command(+CSQ) = %q, %v; sent: %q", lines, err, m.commands())
		}
		if _, err := a.Command(t.Context(), "+NONSENSE"); err == nil {
			t.Error("Command(+NONSENSE) = nil error")
		}
	}
}

// TestSilentPort ends within the context's time and says why.
func TestSilentPort(t *testing.T) {
	m, port := newModule(t, nil)
	a := New(port, Options{Probe: 20 * time.Millisecond})
	defer m.port.Close()
	defer a.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := a.Command(ctx, "+CSQ"); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("Command on a silent port = %v, want ErrNoAnswer", err)
	}
}

// TestPortThatTakesNoBytes: a hanging module stops reading; no caller may hang with it.
func TestPortThatTakesNoBytes(t *testing.T) {
	near, far := io.Pipe() // unbuffered, and nobody reads
	defer near.Close()
	a := New(struct {
		io.Reader
		io.Writer
		io.Closer
	}{near, far, closers{near, far}}, Options{Probe: 10 * time.Millisecond})
	began := time.Now()
	for range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if _, err := a.Command(ctx, "+CSQ"); err == nil {
			t.Error("Command = nil error")
		}
		cancel()
	}
	a.Close()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

type closers []io.Closer

func (c closers) Close() error {
	for _, one := range c {
		one.Close()
	}
	return nil
}

// TestQueue: one owner at a time, in turn; a cancelled waiter leaves the queue, and the command that runs is not disturbed.
func TestQueue(t *testing.T) {
	release := make(chan struct{})
	a, m := open(t, map[string]func(*module){
		"+COPS=?": func(m *module) { <-release; m.send("OK") },
		"+CSQ":    says("+CSQ: 11,99", "OK"),
	})
	first := make(chan error, 1)
	go func() { _, err := a.Command(t.Context(), "+COPS=?"); first <- err }()
	for !slices.Contains(m.commands(), "AT+COPS=?") {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.Command(ctx, "+CSQ"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a waiter whose time is up = %v", err)
	}
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			if lines, err := a.Command(t.Context(), "+CSQ"); err != nil || len(lines) != 1 {
				t.Errorf("a waiter = %q, %v", lines, err)
			}
		})
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the command that ran = %v", err)
	}
	others.Wait()
}

// TestVanish: the device is pulled out while a command runs.
func TestVanish(t *testing.T) {
	a, _ := open(t, map[string]func(*module){"+COPS=?": func(m *module) { m.port.Close() }})
	if _, err := a.Command(t.Context(), "+COPS=?"); !errors.Is(err, ErrClosed) {
		t.Errorf("Command = %v, want ErrClosed", err)
	}
	select {
	case <-a.Closed():
	case <-time.After(time.Second):
		t.Error("Closed is not closed")
	}
	if _, err := a.Command(t.Context(), "+CSQ"); !errors.Is(err, ErrClosed) {
		t.Errorf("Command after it = %v, want ErrClosed", err)
	}
}

// TestHandlerMayCommand, longest prefix first, and removed handlers are silent.
func TestHandlerMayCommand(t *testing.T) {
	a, m := open(t, map[string]func(*module){"+CSQ": says("+CSQ: 11,99", "OK"), "+CGMM": says("EC25", "OK")})
	got := make(chan string, 4)
	a.Handle("+CGEV", func(line string) { got <- "general" })
	remove := a.Handle("+CGEV: ME", func(line string) {
		lines, err := a.Command(context.Background(), "+CSQ")
		got <- fmt.Sprint(line, lines, err)
	})
	m.send("+CGEV: ME PDN ACT 1")
	if s := <-got; s != "+CGEV: ME PDN ACT 1[+CSQ: 11,99] <nil>" {
		t.Errorf("handler said %q", s)
	}
	remove()
	m.send("+CGEV: ME PDN ACT 1")
	if s := <-got; s != "general" {
		t.Errorf("handler said %q", s)
	}
}

// TestLineEnds: CR CR LF, echo, no blanks, NULs, an overlong line.
func TestLineEnds(t *testing.T) {
	a, _ := open(t, map[string]func(*module){
		"+CSQ": func(m *module) { m.raw("at+csq\r\r\n\x00+CSQ:11,99\r\r\n\r\n\r\nOK\r\r\n") },
		"+CGMM": func(m *module) {
			m.raw("\r\n" + strings.Repeat("x", maxLine+10) + "\r\nEC25\nOK\n")
		},
	})
	if lines, err := a.Command(t.Context(), "+CSQ"); err != nil || !slices.Equal(lines, []string{"+CSQ:11,99"}) {
		t.Errorf("Command(+CSQ) = %q, %v", lines, err)
	}
	if lines, err := a.Command(t.Context(), "+CGMM"); err != nil || !slices.Equal(lines, []string{"EC25"}) {
		t.Errorf("Command(+CGMM) = %q, %v", lines, err)
	}
	if s := a.Stats(); s.Overlong != 1 {
		t.Errorf("Stats = %+v, want one overlong line", s)
	}
}

// TestRefusedQuery: what looks like the reply of a query that is then refused was unsolicited, and somebody waits for it.
func TestRefusedQuery(t *testing.T) {
	a, _ := open(t, map[string]func(*module){"+CPIN?": says("+CPIN: READY", "+CME ERROR: 14")})
	heard := newHeard()
	a.Handle("+CPIN", heard.add)
	if lines, err := a.Command(t.Context(), "+CPIN?"); CodeOf(err) != 14 || len(lines) != 0 {
		t.Errorf("Command(+CPIN?) = %q, %v, want code 14", lines, err)
	}
	if got := heard.wait(1); !slices.Equal(got, []string{"+CPIN: READY"}) {
		t.Errorf("unsolicited = %q", got)
	}
}

// TestAmbiguousURC: +CPIN: comes unasked in the same form as the reply; the one before the final result is the reply.
func TestAmbiguousURC(t *testing.T) {
	a, _ := open(t, map[string]func(*module){"+CPIN?": says("+CPIN: NOT READY", "+CPIN: READY", "OK")})
	heard := newHeard()
	a.Handle("+CPIN", heard.add)
	lines, err := a.Command(t.Context(), "+CPIN?")
	if err != nil || !slices.Equal(lines, []string{"+CPIN: READY"}) {
		t.Errorf("Command(+CPIN?) = %q, %v", lines, err)
	}
	if got := heard.wait(1); !slices.Equal(got, []string{"+CPIN: NOT READY"}) {
		t.Errorf("unsolicited = %q", got)
	}
}
