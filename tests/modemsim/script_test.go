package modemsim_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// TestScriptErrors: a bad line is named with its file and number, and with what was expected; good lines are not.
func TestScriptErrors(t *testing.T) {
	for line, want := range map[string]string{
		"at 2s reset":                   `no ": "`,
		"at soon: reset":                "want at DURATION",
		"at -2s: reset":                 "want at DURATION",
		"command CFUN: dead":            "begins with AT",
		"command 0 AT: dead":            "count starts at 1",
		"data often: dead":              "want data [N]",
		"when ready: dead":              `"when" is no time; want at DURATION`,
		"data: explode":                 `"explode" is no fault; want one of urc, late, split`,
		"data: late":                    "want late DURATION",
		"data: late 0s":                 "want late DURATION",
		"data: reject eleven":           "want reject CAUSE [DURATION]",
		"data: reject 999":              "want reject CAUSE [DURATION]",
		"data: no-carrier now":          "want no-carrier",
		"data: urc +CREG: 1":            `want urc "LINE"`,
		"data: ignore-cfun 0":           "want ignore-cfun [N]",
		"data: delay 1ms 2s 3s":         "want delay EACH [DURATION]",
		"data 2: no-traffic 3":          "",
		"# data: explode":               "",
		`command 2 at+creg: urc "+X:1"`: "",
		"at 1500ms: reset 2s":           "",
		"data: stray none":              "want stray [N]",
		"data: linger":                  "want linger DURATION",
		"data: bogus-pin 0s":            "want bogus-pin DURATION",
		"data: unbind 2":                "want unbind",
		"data: sim-out long":            "want sim-out [DURATION]",
		"data: refuse-data 2":           "",
		"data: no-binding":              "",
		"data: reject 11 5s":            "",
	} {
		_, err := modemsim.ParseScript("faults.txt", strings.NewReader("\n"+line+"\n"))
		switch {
		case want == "" && err != nil:
			t.Errorf("%q → %v, want none", line, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), "faults.txt:2: ") || !strings.Contains(err.Error(), want)):
			t.Errorf("%q → %v, want faults.txt:2: … %s", line, err, want)
		}
	}
	_, err := modemsim.ParseScript("f", strings.NewReader("x\ny\n"))
	if err == nil || !strings.Contains(err.Error(), "f:1:") || !strings.Contains(err.Error(), "f:2:") {
		t.Errorf("two bad lines → %v, want both named", err)
	}
}

// scripted makes a module with a script.
func scripted(t *testing.T, cfg modemsim.Config, lines ...string) *modemsim.Sim {
	t.Helper()
	script, err := modemsim.ParseScript("test", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Script = script
	return modemsim.New(cfg)
}

// TestScriptInReply: faults strike at the nth command with the prefix, once.
func TestScriptInReply(t *testing.T) {
	sim := scripted(t, modemsim.Config{}, `command 2 AT+CSQ: urc "+CEREG: 2"`, "command AT+CIMI: late 60ms", "command AT+CFUN=4: ignore-cfun")
	h := attach(t, sim)
	h.ask("ATE0")
	if got := h.ask("AT+CSQ"); strings.Contains(got, "CEREG") {
		t.Errorf("first reply = %q", got)
	}
	if got := h.ask("AT+CSQ"); !strings.Contains(got, "|+CEREG: 2|OK") {
		t.Errorf("second reply = %q, want the line inside", got)
	}
	began := time.Now()
	h.expect("AT+CIMI", "001010123456789|OK")
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("late answer came after %s", took)
	}
	h.expect("AT+CFUN=4", "OK")
	h.expect("AT+CFUN?", "+CFUN: 1|OK")
	h.expect("AT+CFUN=4", "OK")
	h.expect("AT+CFUN?", "+CFUN: 4|OK")
	struck := slices.DeleteFunc(sim.States(), func(c modemsim.StateChange) bool { return c.What != modemsim.FaultStruck })
	if len(struck) != 3 || struck[0].Detail != `test:1: command 2 AT+CSQ: urc "+CEREG: 2"` {
		t.Errorf("faults recorded = %+v", struck)
	}
}

// TestScriptOnData: traffic dies when data can flow though all says it flows; coverage goes and comes back.
func TestScriptOnData(t *testing.T) {
	sim := scripted(t, modemsim.Config{LeftOn: true}, "data: no-traffic", "command AT+GMR: stuck 50ms", "command 2 AT+GMR: reject 8")
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	eventually(t, "data to die", func() bool { return !sim.DataActive() })
	h.expect("AT+QNETDEVCTL?", "+QNETDEVCTL: 1,1,1,1|OK")
	h.ask("AT+GMR")
	h.expect("AT+CEREG?", "+CEREG: 0,2|OK")
	eventually(t, "the network to be back", func() bool { return strings.Contains(h.ask("AT+CEREG?"), "0,1") })
	h.ask("AT+GMR")
	eventually(t, "the reject", func() bool { return strings.Contains(h.ask("AT+CEREG?"), "0,3") })
	h.expect("AT+CGATT=1", "+CME ERROR: 108")
}

// TestScriptReset: the port closes, the module is away for a while, and comes back with its boot lines.
func TestScriptReset(t *testing.T) {
	times := modemsim.Times{Boot: 200 * time.Millisecond} // so that the port is open before the boot lines come
	sim := scripted(t, modemsim.Config{LeftOn: true, Times: times}, "command 2 AT: reset 80ms")
	h := attach(t, sim)
	h.ask("AT")
	h.conn.Write([]byte("AT\r"))
	for {
		if _, err := h.in.ReadString('\n'); err != nil {
			break
		}
	}
	near, far := net.Pipe()
	defer near.Close()
	if err := sim.Serve(t.Context(), far); !errors.Is(err, modemsim.ErrAway) {
		t.Errorf("Serve while it is away = %v, want ErrAway", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := sim.Await(ctx); err != nil {
		t.Fatal(err)
	}
	if !sim.Present() {
		t.Error("back on the bus, and not present")
	}
	dialog(t, sim).until("RDY")
	whats := whats(sim.States())
	for _, want := range []string{modemsim.RadioOff, modemsim.Unplugged, modemsim.Enumerated} {
		if !slices.Contains(whats, want) {
			t.Errorf("history %v lacks %q", whats, want)
		}
	}
}

// TestScriptDead: the port is dead for a while from a moment on.
func TestScriptDead(t *testing.T) {
	h := attach(t, scripted(t, modemsim.Config{}, "command AT+CSQ: dead 80ms", "command AT+CIMI: delay 1ms", "command AT+CIMI: split"))
	h.ask("ATE0")
	if h.try("AT+CSQ", 40*time.Millisecond) {
		t.Error("a dead port answered")
	}
	for deadline := time.Now().Add(2 * time.Second); !h.try("AT", 40*time.Millisecond); {
		if time.Now().After(deadline) {
			t.Fatal("it stays dead")
		}
	}
	h.expect("AT+CIMI", "001010123456789|OK")
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Second)
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}
