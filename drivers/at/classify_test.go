package at

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOwner: which lines can belong to the reply of a command.
func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		cmd, line string
		want      bool
	}{
		{"+CREG?", "+CREG: 1,5", true},
		{"+CREG?", "+CREG:2,1,0001,0010", true},
		{"+CREG?", `+CREG: 2,1,"8BE3","2BAF",7`, true},
		{"+CREG?", `+CGREG: 2,1`, false},
		{"+CREG?", "+CREG: 5", false},
		{"+CREG?", `+CREG: 5,"8BE3","2BAF",7`, false},
		{"+CREG?", "+CREG: 10,0001,0010,0", false},
		{"+CGREG?", `+CGREG:002,0011,"0f0d","14c3"`, true},
		{"+CREG=2", "+CREG: 2,1", false},
		{"+CREG=?", "+CREG: (0-2)", true},
		{"+CREG=?", "+CREG: 2", false},
		{"+CPIN=1234", "+CPIN: READY", false},
		{"+CPIN?", "+CPIN: READY", true},
		{"+CPIN?", "SIM PUK", true}, // some modules leave the prefix
		{"+CFUN=1", "+CPIN: READY", false},
		{"+CFUN=1", "RDY", false},
		{"+CFUN=1", "some text", false},
		{"+CGMM", "EC25", true},
		{"+CGMM", "RDY", false},
		{"+CGMM", "+QIND: PB DONE", false},
		{"+CGMM", "+SIM READY", false},
		{"I", "+PBREADY", false},
		{"+CLAC", "+CGMM", true},
		{"I", "Revision: 1", true},
		{"I", "+GCAP: +CGSM", true},
		{"+COPS=3,0;+COPS?", `+COPS: 0,0,"X",7`, true},
		{`+QCFG="usbnet"`, `+QCFG: "usbnet",1`, true},
		{`+X="a;+CSQ"`, "+CSQ: 1,1", false},
		{"+CGPADDR=1", `+CGPADDR: 1,"10.0.0.1"`, true},
	} {
		if got := owns(parseCommand(tc.cmd), nil, tc.line); got != tc.want {
			t.Errorf("owns(%q, %q) = %v, want %v", tc.cmd, tc.line, got, tc.want)
		}
	}
	if ask := parseCommand("+QNETDEVSTATUS=1"); owns(ask, nil, `+QNETDEVSTATUS: 1,1,"IPV4V6",0`) || !owns(ask, nil, "+QNETDEVSTATUS: 10.1.2.3,255.255.255.0,10.1.2.1,,9.9.9.9,,,,,,,") {
		t.Error("the addresses of +QNETDEVSTATUS=1 and its unsolicited line are mixed up")
	}
	if !owns(parseCommand("+QNETDEVCTL=1,1,1"), []string{"+QNETDEVSTATUS"}, "+QNETDEVSTATUS: 1,1") {
		t.Error("an accepted prefix is not owned")
	}
}

// TestCorpus reads the collection of captured replies beside the repository, where it is.
func TestCorpus(t *testing.T) {
	read := func(name string, into any) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "modem", "corpus", name+".json"))
		if os.IsNotExist(err) {
			t.Skip("skipped: the collection of replies is not here")
		}
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var finals []struct {
		Response, Source string
		Expect           struct{ Final, Error bool }
	}
	read("at_final_result", &finals)
	for _, c := range finals {
		var split splitter
		final, failed := false, false
		for _, line := range split.Feed([]byte(c.Response)) {
			if r, ok := parseFinal(line, parseCommand("D1")); ok && !final {
				final, failed = true, r.err != nil
			}
		}
		if final != c.Expect.Final || failed != c.Expect.Error {
			t.Errorf("final result of %q = %v, error %v, want %+v (%s)", c.Response, final, failed, c.Expect, c.Source)
		}
	}
	var codes []struct {
		Response string
		Expect   struct {
			Code  int
			Text  string
			Words []string `json:"verbose_squashed"`
		}
	}
	read("cme_errors", &codes)
	for _, c := range codes {
		rest := strings.TrimPrefix(strings.TrimSpace(c.Response), "+CME ERROR:")
		if got := NewCMEError(rest); got.Code != c.Expect.Code {
			t.Errorf("code of %q = %d, want %d", c.Response, got.Code, c.Expect.Code)
		}
		for _, words := range c.Expect.Words {
			if got := NewCMEError(words); got.Code != c.Expect.Code {
				t.Errorf("code of %q = %d, want %d", words, got.Code, c.Expect.Code)
			}
		}
	}
}

// FuzzSplitter: however bytes are cut, the lines are the same, and none holds an end of line.
func FuzzSplitter(f *testing.F) {
	f.Add("\r\n+CSQ: 1,2\r\r\n\r\nOK\r\n", 3)
	f.Add("AT\r\x00\n>", 1)
	f.Fuzz(func(t *testing.T, text string, at int) {
		var whole, parts splitter
		want := whole.Feed([]byte(text))
		at = min(max(at, 0), len(text))
		got := append(parts.Feed([]byte(text[:at])), parts.Feed([]byte(text[at:]))...)
		if !slices.Equal(got, want) {
			t.Errorf("cut at %d: %q, want %q", at, got, want)
		}
		for _, line := range got {
			if line == "" || strings.ContainsAny(line, "\r\n") {
				t.Errorf("line %q", line)
			}
			for _, cmd := range [...]string{"", "+CREG?", "+CGMM", "+CSQ", "D1", `+X="`, "+COPS=3,0;+COPS?"} {
				_ = owns(parseCommand(cmd), nil, line)
				_, _ = parseFinal(line, parseCommand(cmd))
			}
		}
		_ = parseCommand(text)
	})
}
