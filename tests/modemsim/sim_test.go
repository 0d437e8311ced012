package modemsim_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// host types commands as a person at a terminal does.
type host struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dialog joins a host to the module.
func dialog(t *testing.T, sim *modemsim.Sim) *host {
	t.Helper()
	near, far := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { sim.Serve(context.Background(), far) })
	t.Cleanup(func() { near.Close(); serving.Wait() })
	near.SetDeadline(time.Now().Add(5 * time.Second))
	return &host{t, near, bufio.NewReader(near)}
}

// try sends a command to a module that may still boot, and tells whether OK came in time.
func (h *host) try(cmd string, within time.Duration) bool {
	h.conn.SetDeadline(time.Now().Add(within))
	defer h.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(h.conn, cmd+"\r"); err != nil {
		return false
	}
	for {
		line, err := h.in.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.TrimSpace(line) == "OK" {
			return true
		}
	}
}

func attach(t *testing.T, sim *modemsim.Sim) *host {
	t.Helper()
	h := dialog(t, sim)
	for h.until("+CPIN:") == nil { // booted
	}
	return h
}

// until reads lines up to one with the prefix.
func (h *host) until(prefixes ...string) []string {
	h.t.Helper()
	var lines []string
	for {
		line, err := h.in.ReadString('\n')
		if err != nil {
			h.t.Fatalf("after %q: %v", lines, err)
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		lines = append(lines, line)
		for _, p := range prefixes {
			if strings.HasPrefix(line, p) {
				return lines
			}
		}
	}
}

// ask returns the reply with its final result, joined by "|"; unsolicited lines come along.
func (h *host) ask(cmd string) string {
	h.t.Helper()
	if _, err := io.WriteString(h.conn, cmd+"\r"); err != nil {
		h.t.Fatal(err)
	}
	lines := h.until("OK", "ERROR", "+CME ERROR", "CONNECT", "NO CARRIER")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return unsolicited(l) }), "|")
}

// unsolicited are the lines that come when they please; those that have a command of the same name are not here.
func unsolicited(line string) bool {
	for _, p := range []string{"+CGEV", "^SRVST", "^MODE", "^SIMST", "^BOOT", "SMS DONE", "PB DONE", "+SIM READY", "+PBREADY"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

func (h *host) expect(cmd, want string) {
	h.t.Helper()
	if got := h.ask(cmd); got != want {
		h.t.Errorf("%s → %q, want %q", cmd, got, want)
	}
}

// TestRefusesTheImpossible: the module says no, with the code for why, to what cannot be in its state.
func TestRefusesTheImpossible(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Function: 4})
	h := attach(t, sim)
	h.expect("ATE0", "ATE0|OK") // echo is on at power-up
	h.expect("AT+CGACT=1,1", "ERROR")
	h.expect("AT+CMEE=1", "OK")
	h.expect("AT+CGACT=1,1", "+CME ERROR: 3") // radio off
	h.expect("AT+QNETDEVCTL=1,1,1", "+CME ERROR: 3")
	h.expect("AT+CGACT=1,9", "+CME ERROR: 50") // not defined
	h.expect("AT+COPS=?", "+CME ERROR: 30")
	h.expect("AT+CFUN=7", "+CME ERROR: 50")
	h.expect("AT+CPIN=1234", "+CME ERROR: 3") // no PIN asked for
	h.expect("AT+NOSUCH", "+CME ERROR: 4")
	h.expect("AT+CSQ", "+CSQ: 99,99|OK")
	h.expect("AT+CMEE=2", "OK")
	h.expect("AT+NOSUCH", "+CME ERROR: operation not supported")
	h.expect("AT+CFUN?;+CMEE?;+CMEE?", "+CFUN: 4|+CMEE: 2|+CMEE: 2|OK")
	h.expect("ATQ0V1E0X4&C1&D2S0=0", "OK")
	if len(sim.States()) != 0 {
		t.Errorf("a module that woke up with its radio off did %v", whats(sim.States()))
	}
}

// TestDataIsGated: the callback comes exactly with radio, registration, context and binding together, and
// before the command's answer.
func TestDataIsGated(t *testing.T) {
	var mu sync.Mutex
	var gate []bool
	sim := modemsim.New(modemsim.Config{OnData: func(active bool) { mu.Lock(); gate = append(gate, active); mu.Unlock() }})
	gates := func() []bool { mu.Lock(); defer mu.Unlock(); return slices.Clone(gate) }
	h := attach(t, sim)
	h.ask("ATE0")
	h.expect("AT+CEREG=2", "OK")
	for !strings.Contains(h.ask("AT+CEREG?"), "2,1") {
	}
	h.expect("AT+CGACT?", "+CGACT: 1,1|OK") // LTE's default bearer
	if got := gates(); len(got) != 0 {
		t.Errorf("gate = %v before the binding", got)
	}
	h.expect("AT+QNETDEVCTL=1,1,0", "OK")
	if got := gates(); !slices.Equal(got, []bool{true}) || !sim.DataActive() {
		t.Errorf("gate = %v after the binding", got)
	}
	h.expect("AT+CGACT=0,1", "ERROR") // the last one stays
	h.ask("AT+CFUN=4")
	if got := gates(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("gate = %v after radio off", got)
	}
	want := []string{modemsim.RadioOn, modemsim.Registered, modemsim.DataOn, modemsim.DataOff, modemsim.RadioOff, modemsim.Deregistered}
	if got := whats(sim.States()); !slices.Equal(got, want) {
		t.Errorf("history = %v, want %v", got, want)
	}
}

// TestPIN: three wrong ones block the card, and the count is told.
func TestPIN(t *testing.T) {
	h := attach(t, modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}))
	h.ask("ATE0+CMEE=1")
	h.expect("AT+CPIN?", "+CPIN: SIM PIN|OK")
	h.expect(`AT+CPIN="0000"`, "+CME ERROR: 16")
	h.expect("AT+QPINC", `+QPINC: "SC",2,10|OK`)
	h.ask(`AT+CPIN="4711"`)
	h.expect("AT+QPINC", `+CPIN: READY|+QPINC: "SC",3,10|OK`)

	h = attach(t, modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}))
	h.ask("ATE0+CMEE=1")
	for range 3 {
		h.expect(`AT+CPIN="0000"`, "+CME ERROR: 16")
	}
	h.expect("AT+CPIN?", "+CPIN: SIM PUK|OK")
	h.expect(`AT+CPIN="4711"`, "+CME ERROR: 12")
}

// TestLivesOnBetweenHosts: the module keeps its state when the host's end is closed, as after a crash.
func TestLivesOnBetweenHosts(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	for range 2 {
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- sim.Serve(context.Background(), far) }()
		near.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve after the host hung up = %v", err)
		}
	}
	if !sim.RadioOn() {
		t.Error("the radio went off when the host left")
	}
}
