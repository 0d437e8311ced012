package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"airlock/deployd/api"
	"airlock/firmware/cli"
	"airlock/firmware/cli/nodetest"
	"airlock/netd/windows"
)

// person answers questions in order, and keeps what was asked.
type person struct {
	answers []string
	asked   []string
}

var _ cli.Asker = (*person)(nil)

func (p *person) next(question string) (string, error) {
	p.asked = append(p.asked, question)
	if len(p.answers) == 0 {
		return "", errors.New("given up; nothing was done")
	}
	a := p.answers[0]
	p.answers = p.answers[1:]
	return a, nil
}

// Line answers aloud.
func (p *person) Line(_ context.Context, q string) (string, error) { return p.next(q) }

// More answers aloud.
func (p *person) More(_ context.Context, q string) (string, error) { return p.next(q) }

// Secret answers unseen.
func (p *person) Secret(_ context.Context, q string) (string, error) { return p.next("secret " + q) }

// Text is not asked for by these commands.
func (p *person) Text(context.Context, string) ([]byte, error) {
	return nil, errors.New("asked for a text")
}

// page is written to by a command and by the progress beside it.
type page struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write appends.
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// seat is where commands are typed: the CLI, or the console.
type seat struct {
	t       *testing.T
	node    *nodetest.Node
	console bool
}

func newSeat(t *testing.T, console bool) *seat {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &seat{t, nodetest.Start(t, dir), console}
}

// do types a command; who is nil where nobody can be asked. Afterwards the node has to be dark.
func (s *seat) do(ctx context.Context, who *person, stdin string, args ...string) (code int, out, said string, err error) {
	s.t.Helper()
	var stdout, stderr page
	env := cli.Env{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Name: "airlock ",
		Console: func(context.Context, string) error { return nil },
		Connect: func(string) (cli.Doorkeeper, cli.Courier, error) {
			return windows.NewClient(s.node.Netd), api.NewClient(s.node.Deployd), nil
		}}
	if s.console {
		env.Name, env.Console, env.Stdin = "", nil, nil
	}
	if who != nil {
		env.Ask = who
	}
	code, err = cli.Execute(ctx, env, args)
	if !s.node.Dark() {
		s.t.Errorf("%q returned while a window is open or the radio is on", args)
	}
	return code, stdout.String(), stderr.String(), err
}

// want types a command and checks exit code and error; it gives all that was printed.
func (s *seat) want(code int, text string, who *person, stdin string, args ...string) string {
	s.t.Helper()
	got, out, said, err := s.do(s.t.Context(), who, stdin, args...)
	all := out + said
	if err != nil {
		all += err.Error()
	}
	if got != code || !strings.Contains(all, text) {
		s.t.Errorf("%q = exit code %d, %s\nwant %d and %q", args, got, all, code, text)
	}
	return all
}

// wantSent checks what reached the card.
func (s *seat) wantSent(want ...string) {
	s.t.Helper()
	if got := s.node.Sent(); !slices.Equal(got, want) {
		s.t.Errorf("the card was sent %q, want %q", got, want)
	}
}

func TestPINIsAskedForAndSentOnce(t *testing.T) {
	s := newSeat(t, false)
	s.want(cli.ExitOK, "the SIM asks for no PIN; nothing was sent", &person{}, "", "modem", "pin")
	s.node.Lock("4711", "12345678", 3)
	who := &person{answers: []string{" 4711 "}}
	all := s.want(cli.ExitOK, "the SIM is unlocked", who, "", "modem", "pin")
	if want := []string{"secret PIN (3 PIN tries left): "}; !slices.Equal(who.asked, want) {
		t.Errorf("asked %q, want %q", who.asked, want)
	}
	if strings.Contains(all, "4711") {
		t.Errorf("the PIN shows in\n%s", all)
	}
	s.wantSent("4711")
	s.node.Lock("4711", "12345678", 3)
	s.want(cli.ExitOK, "unlocked", nil, "4711\n", "modem", "pin", "--stdin")
}

// No PIN is sent to a card with one try left, nor one that cannot be a PIN, nor one given where others read it.
func TestPINIsNotSent(t *testing.T) {
	s := newSeat(t, false)
	s.node.Lock("4711", "12345678", 1)
	s.want(cli.ExitRefused, "1 PIN try left: one more that is wrong locks the SIM", &person{answers: []string{"4711"}}, "", "modem", "pin")
	s.node.Lock("4711", "12345678", 0)
	s.want(cli.ExitFailed, "asks for its PUK", &person{answers: []string{"4711"}}, "", "modem", "pin")
	s.node.Lock("4711", "12345678", 3)
	for _, bad := range []string{"471", "123456789", "47x1", ""} {
		s.want(cli.ExitUsage, "a PIN has four to eight digits; nothing was sent", &person{answers: []string{bad}}, "", "modem", "pin")
	}
	s.want(cli.ExitUsage, "nobody to ask; give --stdin", nil, "4711", "modem", "pin")
	s.want(cli.ExitUsage, "a PIN has four to eight digits", nil, "none", "modem", "pin", "--stdin")
	if all := s.want(cli.ExitUsage, "takes no PIN on the command line", nil, "", "modem", "pin", "4711"); strings.Contains(all, "4711") {
		t.Errorf("the PIN is repeated in %q", all)
	}
	s.node.Modem(windows.ModemStatus{Present: true, SIM: "missing", Radio: "off"})
	s.want(cli.ExitFailed, "the SIM is missing", &person{answers: []string{"4711"}}, "", "modem", "pin")
	s.wantSent()
}

func TestPINRefusedByTheCard(t *testing.T) {
	s := newSeat(t, false)
	s.node.Lock("4711", "12345678", 3)
	s.want(cli.ExitFailed, "the SIM refused the PIN", &person{answers: []string{"0815"}}, "", "modem", "pin")
	s.want(cli.ExitOK, "2 PIN tries left", nil, "", "modem", "status", "--ask")
	s.wantSent("0815")
}

func TestPUKOnTheConsole(t *testing.T) {
	s := newSeat(t, true)
	s.want(cli.ExitRefused, "does not ask for its PUK", &person{}, "", "modem", "puk")
	s.node.Lock("4711", "12345678", 0)
	for _, c := range []struct {
		code    int
		text    string
		answers []string
	}{
		{cli.ExitUsage, "a PUK has eight digits", []string{"1234567"}},
		{cli.ExitUsage, "the two PINs differ", []string{"12345678", "5678", "5679"}},
		{cli.ExitRefused, "not confirmed", []string{"12345678", "5678", "5678", "yes"}},
		{cli.ExitFailed, "given up", []string{"12345678"}},
	} {
		all := s.want(c.code, c.text, &person{answers: c.answers}, "", "modem", "puk")
		if !strings.Contains(all, "10 PUK tries left; when none is left the SIM is dead") {
			t.Errorf("the count is not shown:\n%s", all)
		}
	}
	s.wantSent()
	who := &person{answers: []string{"12345678", "5678", "5678", "puk"}}
	s.want(cli.ExitOK, "unblocked and has its new PIN", who, "", "modem", "puk")
	if want := []string{"secret PUK (of the carrier's letter): ", "secret new PIN: ", "secret new PIN again: ", "type the word puk to go on: "}; !slices.Equal(who.asked, want) {
		t.Errorf("asked %q, want %q", who.asked, want)
	}
	s.wantSent("12345678")
	far := newSeat(t, false)
	far.node.Lock("4711", "12345678", 0)
	far.want(cli.ExitUsage, "on the field console only", &person{answers: []string{"12345678", "5678", "5678", "puk"}}, "", "modem", "puk")
	far.wantSent()
}

// An AT command is sent as typed, by somebody who typed the word; it stands in the record before that.
func TestRawCommand(t *testing.T) {
	s := newSeat(t, false)
	s.want(cli.ExitUsage, "nobody to ask; give --yes", nil, "", "modem", "at", "AT+CSQ")
	s.want(cli.ExitRefused, "not confirmed; nothing was done", &person{answers: []string{"yes"}}, "", "modem", "at", "AT+CSQ")
	s.want(cli.ExitUsage, "begins with AT", nil, "", "modem", "at", "--yes", "CSQ")
	s.want(cli.ExitUsage, "needs an AT command", nil, "", "modem", "at", "--yes")
	if record := s.want(cli.ExitOK, "started", nil, "", "record", "show"); strings.Contains(record, "module-asked") {
		t.Errorf("something was asked:\n%s", record)
	}
	s.want(cli.ExitOK, "+CSQ: 20,99\nOK\n", &person{answers: []string{"at"}}, "", "modem", "at", "'AT+CSQ'")
	s.want(cli.ExitOK, "+CSQ: 20,99\nOK\n", &person{answers: []string{"AT+CSQ", "at"}}, "", "modem", "at")
	s.want(cli.ExitOK, "module-asked   window 1 outer at AT+CSQ", nil, "", "record", "show")
	s.want(cli.ExitFailed, "the module refused: +CME ERROR: 10", nil, "", "modem", "at", "AT+CPIN?", "--yes")
	code, out, _, _ := s.do(t.Context(), nil, "", "modem", "at", "AT+CPIN?", "--yes", "--json")
	if code != cli.ExitFailed || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"lines":["+CME ERROR: 10"]`) {
		t.Errorf("with --json: exit code %d, %s", code, out)
	}
}

func TestOperators(t *testing.T) {
	s := newSeat(t, false)
	code, out, said, err := s.do(t.Context(), nil, "", "modem", "scan")
	want := "PLMN   OPERATOR    STATE      ACCESS\n26201  K\u00f6ln Mobil  current    LTE\n26202  Zweite?[2J  available  LTE\n26203  -           forbidden  -\n"
	if code != cli.ExitOK || err != nil || out != want {
		t.Errorf("modem scan = %d, %v\n%s\nwant\n%s", code, err, out, want)
	}
	for _, line := range []string{"may take some minutes", "Asking the module: scan\n", "next: airlock modem select PLMN\n", "The door is shut, read back\n"} {
		if !strings.Contains(said, line) {
			t.Errorf("modem scan does not say %q:\n%s", line, said)
		}
	}
	s.want(cli.ExitOK, "registered: ", nil, "", "modem", "select", "26201")
	s.want(cli.ExitOK, "fair (RSRP -97 dBm, RSRQ -11.5 dB, SINR 14 dB)", nil, "", "modem", "select", "auto")
	s.want(cli.ExitFailed, "PLMN not allowed", nil, "", "modem", "select", "26203")
	s.want(cli.ExitOK, "registered: ", &person{answers: []string{"26201"}}, "", "modem", "select")
	s.want(cli.ExitUsage, "needs a PLMN", nil, "", "modem", "select")
	s.want(cli.ExitUsage, "is no PLMN", nil, "", "modem", "select", "D1")
	s.want(cli.ExitUsage, "one word is enough", nil, "", "modem", "select", "262", "01")
	s.want(cli.ExitOK, "slot 2", nil, "", "modem", "slot", "2")
	s.want(cli.ExitUsage, "counted from 1", nil, "", "modem", "slot", "0")
	s.node.Modem(windows.ModemStatus{Present: true, SIM: "ready", Radio: "off"})
	if all := s.want(cli.ExitOK, `{"status":{"present":true`, nil, "", "modem", "scan", "--json"); strings.Count(all, "\n") != 1 || !strings.Contains(all, `"operators":[{"plmn":"26201"`) {
		t.Errorf("modem scan --json = %s", all)
	}
}

// Whatever fails, one sentence says why, and the node is dark when the command returns (see do).
func TestQuestionFails(t *testing.T) {
	s := newSeat(t, false)
	s.node.Refuse(&windows.Problem{Code: windows.CodeNoNetwork, Detail: "no network answered within 180 s"})
	if all := s.want(cli.ExitFailed, "no network answered within 180 s", nil, "", "modem", "signal"); strings.Count(all, "no network answered") != 1 {
		t.Errorf("the reason is not told once:\n%s", all)
	}
	s.node.Refuse(&windows.Problem{Code: windows.CodeNotAllowed, Detail: "it may not"})
	s.want(cli.ExitRefused, `{"error":"it may not","code":"not-allowed","done":true}`, nil, "", "modem", "signal", "--json")
	gone := cli.Env{Stdout: io.Discard, Stderr: io.Discard, Connect: func(string) (cli.Doorkeeper, cli.Courier, error) {
		return windows.NewClient("/nowhere/n.sock"), api.NewClient("/nowhere/d.sock"), nil
	}}
	for _, args := range [][]string{{"modem", "signal"}, {"modem", "status"}} {
		if code, err := cli.Execute(t.Context(), gone, args); code != cli.ExitUnreachable {
			t.Errorf("%q without netd = %d, %v", args, code, err)
		}
	}
}

// Ctrl-C breaks the question off, and the command still waits for the radio.
func TestBrokenOff(t *testing.T) {
	s := newSeat(t, false)
	defer s.node.Hold()()
	ctx, interrupt := context.WithCancel(t.Context())
	heard := make(chan struct{})
	stderr := writer(func(p []byte) {
		if strings.Contains(string(p), "Asking the module: scan") {
			close(heard)
		}
	})
	go func() { <-heard; interrupt() }()
	code, err := cli.Execute(ctx, cli.Env{Stdout: io.Discard, Stderr: stderr, Connect: func(string) (cli.Doorkeeper, cli.Courier, error) {
		return windows.NewClient(s.node.Netd), api.NewClient(s.node.Deployd), nil
	}}, []string{"modem", "scan"})
	if code != cli.ExitFailed || fmt.Sprint(err) != "interrupted" || !s.node.Dark() {
		t.Errorf("interrupted scan = %d, %v, dark %v", code, err, s.node.Dark())
	}
}

type writer func([]byte)

// Write tells the function.
func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }
