package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/firmware/cli/nodetest"
	"airlock/firmware/config"
	"airlock/netd/windows"
)

// node is a healthy one at a fixed moment.
func node() Snapshot {
	now := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	signal := -71
	return Snapshot{Firmware: "v1.2.3",
		Netd: &windows.Status{
			Now: now, Machine: "shut",
			Outer:      windows.DoorStatus{State: "open", Since: now.Add(-75 * time.Second), Purpose: windows.Fetch, Asker: "deployd"},
			Inner:      windows.DoorStatus{State: "shut", Since: now.Add(-50 * time.Hour)},
			Modem:      windows.ModemStatus{Present: true, Model: "Quectel EC25", SIM: "ready", Radio: "on", Operator: "Mobil", Access: "LTE", SignalDBm: &signal},
			Tunnel:     windows.TunnelStatus{PublicKey: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", Up: true, LastHandshake: now.Add(-time.Minute)},
			Identity:   &windows.Identity{Node: "berlin-1"},
			Site:       &windows.Site{Address: "10.90.0.2/24", Gateway: "10.90.0.1", Allow: []string{"10.90.0.11:22", "10.90.0.11:2019"}},
			Interfaces: []windows.Interface{{Name: "wwan0", Path: "pci-0000:00:04.0-usb-0:2:1.0", Role: "outer", Up: true}, {Name: "eth0", Path: "pci-0000:00:03.0", Role: "inner"}},
		},
		Deployd: &api.Status{
			Now: now, Enrolled: true, Node: "berlin-1", Phase: "fetching", Running: "caddy-1", Fetched: "caddy-2", Queued: 1,
			Site:       &api.Site{Targets: []api.Target{{Name: "web-1", Address: "10.90.0.11", Port: 22, User: "deploy"}}},
			Assignment: &release.Assignment{Release: "caddy-2", From: now.Add(-time.Hour)},
			Last:       &release.Report{Release: "caddy-1", Outcome: release.Deployed, Ended: now.Add(-24 * time.Hour)},
		},
	}
}

func TestStatusPage(t *testing.T) {
	var page strings.Builder
	if err := WriteStatus(&page, node(), true); err != nil {
		t.Fatal(err)
	}
	want := `node      berlin-1   firmware v1.2.3
site      LAN 10.90.0.2/24, gateway 10.90.0.1, 2 place(s) may be dialled
doors     outer OPEN for 1m15s, to fetch, asked for by deployd
          inner SHUT for 50h0m0s
modem     Quectel EC25, SIM ready, radio on
signal    Mobil LTE, good (-71 dBm)
tunnel    up, last handshake 2026-11-22 03:59:00Z, key 630d:cd29:66c4:3366
networks  wwan0        outer    up    pci-0000:00:04.0-usb-0:2:1.0
          eth0         inner    down  pci-0000:00:03.0
release   runs caddy-1; fetched caddy-2
assigned  caddy-2 from 2026-11-22 03:00:00Z
last      caddy-1 deployed at 2026-11-21 04:00:00Z
queued    1 report(s) for the publisher
busy      fetching; ` + "`watch`" + ` follows it
targets   web-1 deploy@10.90.0.11 port 22
problem   none
`
	if page.String() != want {
		t.Errorf("WriteStatus() =\n%s\nwant\n%s", page.String(), want)
	}
}

// TestFirstProblem breaks a healthy node in one way after the other, from what depends on most to what nothing
// depends on; each must be found although all the later ones are broken too.
func TestFirstProblem(t *testing.T) {
	if p := FirstProblem(node()); p != nil {
		t.Errorf("FirstProblem(healthy) = %+v, want none", p)
	}
	breaks := []struct {
		check, text, next string
		change            func(*Snapshot)
	}{
		{"deployment", "the deployment of caddy-2 ended failed: web-1 is lost", "report", func(s *Snapshot) {
			s.Deployd.Phase = "idle"
			s.Deployd.Last = &release.Report{Release: "caddy-2", Outcome: release.Failed, Reason: "web-1 is lost"}
		}},
		{"lan", "no network interface is the site's LAN", "site import FILE", func(s *Snapshot) { s.Netd.Interfaces = nil }},
		{"site", "the node knows no server to deploy to", "site import FILE", func(s *Snapshot) { s.Deployd.Site = nil }},
		{"site", "the node does not know its LAN yet", "site import FILE", func(s *Snapshot) { s.Netd.Site = nil }},
		{"enrolment", "this node belongs to no publisher yet", "enrol TOKEN", func(s *Snapshot) { s.Netd.Identity, s.Deployd.Enrolled = nil, false }},
		{"modem", "no network accepted the modem", "", func(s *Snapshot) { s.Netd.Modem.Problem = "no network accepted the modem" }},
		{"sim", "the SIM asks for a PIN", "modem pin", func(s *Snapshot) { s.Netd.Modem.SIM = "pin" }},
		{"sim", "the SIM is locked and asks for its PUK", "modem puk", func(s *Snapshot) { s.Netd.Modem.SIM = "puk" }},
		{"sim", "no SIM in the modem", "", func(s *Snapshot) { s.Netd.Modem.SIM = "missing" }},
		{"modem", "no modem found: no network accepted the modem", "", func(s *Snapshot) { s.Netd.Modem.Present = false }},
		{"guard", "the guard, netguard, gives no sign of life, and no door opens without it", "", func(s *Snapshot) { s.Netd.Guard = &windows.GuardStatus{} }},
		{"fault", "a fault keeps both doors shut: both were open", "fault clear", func(s *Snapshot) { s.Netd.Fault = "both were open" }},
		{"deployd", "the courier, deployd, does not answer", "", func(s *Snapshot) { s.Deployd, s.CourierErr = nil, &api.Error{Code: api.CodeNotRunning} }},
		{"netd", "the doorkeeper, netd, does not answer: mad", "", func(s *Snapshot) { s.Netd, s.NetdErr = nil, errors.New("mad") }},
	}
	s := node()
	for _, b := range breaks {
		b.change(&s)
		p := FirstProblem(s)
		if p == nil || p.Check != b.check || p.Text != b.text || p.Remedy == "" {
			t.Errorf("FirstProblem() = %+v, want %s: %s, with a remedy", p, b.check, b.text)
			continue
		}
		if next := nextStep(s); next != b.next {
			t.Errorf("nextStep() at %q = %q, want %q", b.text, next, b.next)
		}
	}
}

func TestNextJob(t *testing.T) {
	for want, d := range map[string]api.Status{
		"watch":  {Phase: "fetching", Fetched: "r2", Running: "r1"},
		"deploy": {Phase: "idle", Fetched: "r2", Running: "r1", Queued: 1},
		"report": {Phase: "idle", Fetched: "r1", Running: "r1", Queued: 1},
		"fetch":  {Phase: "idle"},
	} {
		if got := nextJob(d); got != want {
			t.Errorf("nextJob(%+v) = %q, want %q", d, got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	gone := &net.OpError{Op: "dial", Err: errors.New("no such file")}
	for _, c := range []struct {
		err  error
		exit int
		word string
	}{
		{nil, 0, ""},
		{&usageError{errors.New("x")}, 2, "bad-request"},
		{fmt.Errorf("import: %w", &config.FileError{}), 2, "bad-request"},
		{fs.ErrNotExist, 2, "bad-request"},
		{&windows.Problem{Code: windows.CodeInternal, Cause: gone}, 4, "not-running"},
		{&windows.Problem{Code: windows.CodeInternal}, 1, "internal"},
		{&windows.Problem{Code: windows.CodeFault}, 3, "fault"},
		{fmt.Errorf("netd has the site: %w", &api.Error{Code: api.CodeNotRunning}), 4, "not-running"},
		{&api.Error{Code: api.CodeReverted}, 3, "reverted"},
		{&api.Error{Code: api.CodeIncomplete}, 1, "incomplete"},
		{&api.Error{Code: windows.CodeNoSIM}, 1, "no-sim"},
		{&api.Error{Code: api.CodeNothing}, 0, "nothing"},
		{errors.New("stdout is closed"), 1, "internal"},
	} {
		if exit, word := classify(c.err); exit != c.exit || word != c.word {
			t.Errorf("classify(%v) = %d %q, want %d %q", c.err, exit, word, c.exit, c.word)
		}
	}
}

// TestCutOff: every proper beginning of a token asks for more, the whole does not, nor does what is no token.
func TestCutOff(t *testing.T) {
	tok := nodetest.Token
	for n := 1; n < len(tok); n++ {
		if !cutOff(tok[:n]) {
			t.Errorf("cutOff(%q) = false: the rest of a paste would be taken for a command", tok[:n])
		}
	}
	for _, whole := range []string{tok, "", "deploy", "AIRLOCK2-AQAB", "AIRLOCK1-AQ!B", "airlock1-AQAB"} {
		if cutOff(whole) {
			t.Errorf("cutOff(%q) = true", whole)
		}
	}
}

// TestProgressIsRare: of a count only what a reader of a serial line can follow is printed, and its end.
func TestProgressIsRare(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	c := &command{Env: Env{Stdout: &out, Stderr: &out}, now: func() time.Time { return now }}
	p := &progress{c: c}
	p.say(api.Progress{Text: "door is open"})
	p.say(api.Progress{Text: "door is open"})
	for n := int64(0); n <= 100; n++ {
		p.say(api.Progress{Text: "fetch a", Bytes: n * 1000, Total: 100_000})
		now = now.Add(50 * time.Millisecond)
	}
	p.say(api.Progress{Text: "evil\x1b[2J\r\u009b"})
	p.say(api.Progress{Text: "failed", Done: true, Error: "told by the caller"})
	want := "door is open\nfetch a (0 B of 100.0 kB, 0 %)\nfetch a (40.0 kB of 100.0 kB, 40 %)\n" +
		"fetch a (80.0 kB of 100.0 kB, 80 %)\nfetch a (100.0 kB of 100.0 kB, 100 %)\nevil?[2J??\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"one two", "one two"},
		{"one two three", "one two|three"},
		{"1234567890123 4", "12345678|90123 4"},
		{"a 1234567890", "a|12345678|90"},
		{"a\nb", "a|b"},
	} {
		if got := strings.Join(Wrap(c.text, 8), "|"); got != c.want {
			t.Errorf("Wrap(%q, 8) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestASCIIJSON(t *testing.T) {
	if got, want := string(asciiJSON([]byte("{\"a\":\"\u00e4\U0001f6aa\x7f\"}\n"))), `{"a":"\u00e4\ud83d\udeaa\u007f"}`+"\n"; got != want {
		t.Errorf("asciiJSON() = %s, want %s", got, want)
	}
}

func TestRecordWords(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"seq":7,"at":"2026-11-22T04:00:00Z","boot_ns":1,"event":"window-closed","window":3,"door":"outer","purpose":"fetch","asker":"deployd","in":1500,"out":20,"code":"time-up","text":"over","prev":"0","hash":"1"}`,
			"    7 2026-11-22 04:00:00Z window-closed  window 3 outer to fetch for deployd in 1.5 kB out 20 B [time-up] over"},
		{`{"seq":1,"at":"2026-11-22T04:00:00Z","event":"started","prev":"0","hash":"1"}`, "    1 2026-11-22 04:00:00Z started"},
		{"{\"seq\":1,\x1b[2J", "{\"seq\":1,?[2J"},
		{`[]`, `[]`},
	} {
		if got := recordWords([]byte(c.line)); got != c.want {
			t.Errorf("recordWords(%s) = %q,\nwant %q", c.line, got, c.want)
		}
	}
}

func TestStrength(t *testing.T) {
	for dBm, want := range map[int]string{-51: "excellent", -65: "excellent", -66: "good", -75: "good", -85: "fair", -95: "poor", -113: "hardly any"} {
		if got := strength(dBm); got != want {
			t.Errorf("strength(%d) = %q, want %q", dBm, got, want)
		}
	}
}
