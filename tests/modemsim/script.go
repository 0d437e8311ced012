package modemsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// ScriptHelp is the whole language of fault scripts.
const ScriptHelp = `A fault script has one fault a line: when it strikes, a colon, a space, and what happens. # starts a comment.

when
  at DURATION             so long after the module was first attached (at 2s, at 1500ms)
  command [N] PREFIX      at the Nth command line that begins so (command 3 AT+CFUN); without N the first
  data [N]                when data can flow, the Nth time

what
  urc "LINE"              puts an unsolicited line into the reply of the command, or sends it at once
  late DURATION           answers the command, or the next one, so late
  split [DURATION]        sends byte by byte, for so long or for ever
  merge [DURATION]        holds replies back and sends them together
  delay EACH [DURATION]   holds everything up by EACH
  stuck [DURATION]        loses the network and searches for it
  reject CAUSE [DURATION] the network refuses the SIM with a cause of TS 24.301 (3 illegal, 11 PLMN not allowed)
  no-traffic [N]          the lease, or the next N, carries no packet
  reset [DURATION]        the module restarts; its port closes and is back after so long (1s)
  dead [DURATION]         the port takes bytes and says nothing
  no-carrier              a call in data mode ends with NO CARRIER
  ignore-cfun [N]         says OK to the next +CFUN, or N of them, and does nothing
  linger DURATION         stays registered so long after the radio went off
  stray [N]               sends an ERROR, or N, that nobody asked for behind the reply
  bogus-pin DURATION      says SIM PIN for so long though the card asks for none
  sim-out [DURATION]      the card is pulled, and put back after so long
  refuse-data [N]         refuses the next activation of a context, or N of them
  no-binding [N]          says OK to the next binding of the interface, or N of them, and does not bind
  unbind                  the interface loses its context, and nothing says so

example
  command 2 AT+CEREG?: urc "+CEREG: 2"
  command AT+CFUN=4: ignore-cfun
  at 5s: reset 2s
  data 2: no-traffic
`

// Script says when which fault strikes. It is read by ParseScript and not changed by use: many modules may share it.
type Script struct{ faults []scripted }

type scripted struct {
	where string // file:line, and the text
	when  trigger
	nth   int
	after time.Duration
	begin string // of the command line, upper case
	what  effect
}

type trigger int

const (
	atTime trigger = iota
	atCommand
	atData
)

// effect is what happens to a module, under its lock; inCommand tells whether a command is being answered.
type effect func(s *Sim, inCommand bool)

// ReadScript reads a script from a file.
func ReadScript(path string) (*Script, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read fault script: %w", err)
	}
	defer f.Close()
	return ParseScript(path, f)
}

// ParseScript reads a script; name stands in the errors, which tell of all bad lines at once.
func ParseScript(name string, r io.Reader) (*Script, error) {
	script := &Script{}
	var bad []error
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		f, err := parseFault(line)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s:%d: %w", name, n, err))
			continue
		}
		f.where = fmt.Sprintf("%s:%d: %s", name, n, line)
		script.faults = append(script.faults, f)
	}
	if err := lines.Err(); err != nil {
		bad = append(bad, fmt.Errorf("%s: read fault script: %w", name, err))
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return script, nil
}

func parseFault(line string) (f scripted, err error) {
	when, what, ok := strings.Cut(line, ": ")
	if !ok {
		return f, fmt.Errorf(`%q has no ": " between when and what; want such as: at 2s: reset 1s`, line)
	}
	if f, err = parseWhen(strings.Fields(when)); err != nil {
		return f, err
	}
	f.what, err = parseWhat(strings.TrimSpace(what))
	return f, err
}

func parseWhen(words []string) (f scripted, err error) {
	f.nth = 1
	if len(words) == 0 {
		return f, errors.New("nothing before the colon; want at DURATION, command [N] PREFIX or data [N]")
	}
	rest := words[1:]
	number := func() error {
		if len(rest) == 0 {
			return nil
		}
		n, err := strconv.Atoi(rest[0])
		if err != nil {
			return nil
		}
		if f.nth, rest = n, rest[1:]; n < 1 {
			return fmt.Errorf("%s %d: the count starts at 1", words[0], n)
		}
		return nil
	}
	switch words[0] {
	case "at":
		f.when = atTime
		if len(rest) == 1 {
			f.after, err = time.ParseDuration(rest[0])
		}
		if len(rest) != 1 || err != nil || f.after < 0 {
			return f, fmt.Errorf("%q: want at DURATION, such as at 2s or at 1500ms", strings.Join(words, " "))
		}
	case "command":
		f.when = atCommand
		if err := number(); err != nil {
			return f, err
		}
		if f.begin = strings.ToUpper(strings.Join(rest, " ")); !strings.HasPrefix(f.begin, "AT") {
			return f, fmt.Errorf("%q: want command [N] PREFIX with a prefix that begins with AT", strings.Join(words, " "))
		}
	case "data":
		f.when = atData
		if err := number(); err != nil {
			return f, err
		}
		if len(rest) > 0 {
			return f, fmt.Errorf("%q: want data [N], N a number", strings.Join(words, " "))
		}
	default:
		return f, fmt.Errorf("%q is no time; want at DURATION, command [N] PREFIX or data [N]", words[0])
	}
	return f, nil
}
