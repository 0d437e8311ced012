package modem_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"airlock/drivers/at"
)

// said is one line of a transcript.
type said struct {
	text string
	kind byte // < reply, ! unsolicited, ? a final result that nobody asked for
}

// asked is a command of a transcript, and what came until the next.
type asked struct {
	command string // with AT
	came    []said
}

// reply is what the command has to return: its lines without echo and final result, and that result.
func (a asked) reply() (lines []string, final string) {
	for _, s := range a.came {
		if s.kind == '<' && s.text != a.command {
			lines = append(lines, s.text)
		}
	}
	return lines[:len(lines)-1], lines[len(lines)-1]
}

// transcript is a session as it was on the line; first is what came before anything was asked.
type transcript struct {
	name  string
	first []string
	asked []asked
}

// transcripts reads those of testdata.
func transcripts(t *testing.T) []transcript {
	t.Helper()
	files, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(files) < 19 {
		t.Fatalf("%d transcripts in testdata, want 19: %v", len(files), err)
	}
	var all []transcript
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, readTranscript(strings.TrimSuffix(filepath.Base(name), ".transcript"), string(text)))
	}
	return all
}

func readTranscript(name, text string) transcript {
	tr := transcript{name: name}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case mark == ">":
			tr.asked = append(tr.asked, asked{command: rest})
		case mark == "#":
		case len(tr.asked) == 0:
			tr.first = append(tr.first, rest)
		default:
			last := &tr.asked[len(tr.asked)-1]
			last.came = append(last.came, said{rest, mark[0]})
		}
	}
	return tr
}

// unsolicited are the distinct lines that came by themselves.
func (tr transcript) unsolicited() []string {
	lines := slices.Clone(tr.first)
	for _, a := range tr.asked {
		for _, s := range a.came {
			if s.kind == '!' {
				lines = append(lines, s.text)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// manner is how the bytes of one answer come.
type manner func(w io.Writer, lines []string) error

func manners() map[string]manner {
	return map[string]manner{
		"whole lines": func(w io.Writer, lines []string) (err error) {
			for _, line := range lines {
				_, werr := io.WriteString(w, line)
				err = errors.Join(err, werr)
			}
			return err
		},
		"byte by byte": func(w io.Writer, lines []string) (err error) {
			for _, b := range []byte(strings.Join(lines, "")) {
				_, werr := w.Write([]byte{b})
				err = errors.Join(err, werr)
			}
			return err
		},
		"all in one read": func(w io.Writer, lines []string) error {
			_, err := io.WriteString(w, strings.Join(lines, ""))
			return err
		},
	}
}

// framed is a line as modules send it; an echo is the command itself.
func framed(line, command string) string {
	if line == command {
		return line + "\r"
	}
	return "\r\n" + line + "\r\n"
}

// player is the module's end: it answers as the transcript does, and knows the probes of drivers/at.
type player struct {
	t     *testing.T
	port  net.Conn
	send  manner
	tr    transcript
	place func(asked, int) []said // what comes for the nth command
}

func (p *player) play() {
	in := bufio.NewReader(p.port)
	next := 0
	for {
		line, err := in.ReadString('\r')
		if err != nil {
			return
		}
		command := strings.Trim(line, "\x1b\r ")
		switch {
		case command == "":
			continue
		case strings.HasPrefix(command, "AT+CMEE?;"):
			p.answer(command, append(slices.Repeat([]said{{"+CMEE: 1", '<'}}, strings.Count(command, "+CMEE?")), said{"OK", '<'}))
		case next == len(p.tr.asked) || command != p.tr.asked[next].command:
			p.t.Errorf("%s: the host sent %q as command %d", p.tr.name, command, next)
			return
		default:
			p.answer(command, p.place(p.tr.asked[next], next))
			next++
		}
	}
}

func (p *player) answer(command string, lines []said) {
	var out []string
	for _, s := range lines {
		out = append(out, framed(s.text, command))
	}
	if err := p.send(p.port, out); err != nil {
		p.t.Errorf("%s: the host hung up within %s", p.tr.name, command)
	}
}

// replayed runs the transcript's commands through an AT port, and holds each against its own reply and the handlers against
// what came unasked. place says what comes for each command.
func replayed(t *testing.T, tr transcript, listen []string, send manner, place func(asked, int) []said) (wrong []string) {
	t.Helper()
	var mu sync.Mutex // the player asks for a place as well
	told := func(a asked, i int) []said { mu.Lock(); defer mu.Unlock(); return place(a, i) }
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		p := &player{t: t, port: far, send: send, tr: tr, place: told}
		var playing sync.WaitGroup
		playing.Go(p.play)
		port := at.New(near, at.Options{})
		var heard, want []string
		for _, line := range listen {
			port.Handle(handlerPrefix(line), func(line string) { mu.Lock(); defer mu.Unlock(); heard = append(heard, line) })
		}
		for i, a := range tr.asked {
			for _, s := range told(a, i) {
				if s.kind == '!' {
					want = append(want, s.text)
				}
			}
			lines, err := port.Command(context.Background(), strings.TrimPrefix(a.command, "AT"))
			if problem := judge(a, lines, err); problem != "" {
				wrong = append(wrong, problem)
			}
		}
		synctest.Wait()
		mu.Lock()
		if !slices.Equal(heard, want) {
			wrong = append(wrong, firstDifference(heard, want))
		}
		mu.Unlock()
		port.Close()
		far.Close()
		playing.Wait()
	})
	return wrong
}

// handlerPrefix is what a session would listen to for this line.
func handlerPrefix(line string) string {
	name, _, _ := strings.Cut(line, ":")
	return name
}

func judge(a asked, lines []string, err error) string {
	want, final := a.reply()
	failed := final != "OK" && !strings.HasPrefix(final, "CONNECT")
	if !failed && strings.HasPrefix(final, "CONNECT") {
		want = append(slices.Clone(want), final)
	}
	switch {
	case failed && err == nil, !failed && err != nil:
		return a.command + ": " + errText(err) + ", want " + final
	case failed && !strings.Contains(err.Error(), strings.TrimPrefix(final, "+CME ERROR: ")):
		return a.command + ": " + errText(err) + ", want " + final
	case !failed && !slices.Equal(lines, want):
		return a.command + " → " + strings.Join(lines, "|") + ", want " + strings.Join(want, "|")
	}
	return ""
}

func errText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func firstDifference(heard, want []string) string {
	for i := range min(len(heard), len(want)) {
		if heard[i] != want[i] {
			return "unsolicited line " + want[i] + " came as " + heard[i]
		}
	}
	return "unsolicited lines heard: " + strings.Join(heard, "|") + "; want " + strings.Join(want, "|")
}

// TestTranscripts replays each session as it was, in each manner.
func TestTranscripts(t *testing.T) {
	for _, tr := range transcripts(t) {
		for name, send := range manners() {
			for _, wrong := range replayed(t, tr, tr.unsolicited(), send, func(a asked, _ int) []said { return a.came }) {
				t.Errorf("%s, %s: %s", tr.name, name, wrong)
			}
		}
	}
}

// TestTranscriptsMoved puts every unsolicited line of all sessions, and some namesakes of replies, at every place of every
// reply: before the echo, between any two lines, before and behind the final result. First each alone, then all in turn,
// which shows their order.
func TestTranscriptsMoved(t *testing.T) {
	all := transcripts(t)
	lines := namesakes()
	for _, tr := range all {
		lines = append(lines, tr.unsolicited()...)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	untold := map[string]int{}
	for n, tr := range all {
		for place := range tr.longest() + 1 {
			for i := range len(lines) + 1 {
				if testing.Short() && (n+place+i)%5 != 0 && i < len(lines) {
					continue
				}
				pick := func(n int) string {
					if i == len(lines) {
						return lines[n%len(lines)]
					}
					return lines[i]
				}
				put := func(a asked, n int) []said { return moved(a, pick(n), place, untold) }
				for _, wrong := range replayed(t, tr, lines, manners()["whole lines"], put) {
					t.Errorf("%s, place %d: %s", tr.name, place, wrong)
				}
			}
		}
	}
	for why, n := range untold {
		t.Logf("left out %d times: %s", n/2, why) // each place is asked for by the player and by the judge
	}
}

// namesakes come unasked in the form of a reply, from modules other than those of the sessions.
func namesakes() []string {
	return []string{"+CPIN: NOT READY", "+CPIN: SIM PIN", "+CFUN: 1", "+CSQ: 18,99", "+CREG: 5", "+CEREG: 3,,,,0,11", `+CUSD: 0,"x",15`,
		"+QIND: PB DONE", `+CTZV: "26/11/25,03:40:00",+04`, "^HCSQ: \"LTE\",30,40,80,20", "RING", "POWERED DOWN", "+CGEV: NW DETACH"}
}

func (tr transcript) longest() (most int) {
	for _, a := range tr.asked {
		most = max(most, len(a.came))
	}
	return most
}

// moved is what comes for a command without its own unsolicited lines, and with one at a place.
func moved(a asked, line string, at int, untold map[string]int) []said {
	own := slices.DeleteFunc(slices.Clone(a.came), func(s said) bool { return s.kind == '!' })
	if at > len(own) {
		return own
	}
	if why := ambiguous(a.command, line, own[:at], at == len(own)); why != "" {
		untold[why]++
		return own
	}
	return slices.Insert(own, at, said{line, '!'})
}

// ambiguous says why nobody can tell the unsolicited line from the reply at a place; before is what has come of the reply.
func ambiguous(command, line string, before []said, over bool) string {
	prefix := handlerPrefix(line) + ":"
	replied := slices.ContainsFunc(before, func(s said) bool { return strings.HasPrefix(s.text, prefix) })
	switch {
	case over || !replied:
		return ""
	case command == "AT+CPIN?" && prefix == "+CPIN:", command == "AT+CFUN?" && prefix == "+CFUN:", command == "AT+CSQ" && prefix == "+CSQ:":
		return command + ": of two lines of one form the last is taken for the reply; that the first was the reply and the second came by itself looks the same"
	}
	return ""
}
