package modemsim

import (
	"strconv"
	"strings"
	"time"
)

// form is how a command is used.
type form int

const (
	action form = iota // +CSQ
	read               // +CFUN?
	test               // +CFUN=?
	set                // +CFUN=1
)

// call is one command as typed.
type call struct {
	name string // upper case: "+CFUN", "E", "I"
	form form
	args []string // without quotes
	raw  string   // what stood behind the =
}

func (c call) arg(i int) string {
	if i >= len(c.args) {
		return ""
	}
	return c.args[i]
}

func (c call) cid(i int) (int, bool) {
	n, err := strconv.Atoi(c.arg(i))
	return n, err == nil && n >= 0 && n <= 15 // 0 is a context of its own with XMM platforms only
}

// reply is what a command answers: lines, then OK or an error, after a delay; then something may happen.
type reply struct {
	lines []string
	code  int // 0 OK; -1 ERROR without a code; else a CME code
	// connect: CONNECT stands in for OK.
	connect bool
	delay   time.Duration
	after   func() // called under the lock, behind the final result
}

func say(lines ...string) reply { return reply{lines: lines} }
func refuse(code int) reply     { return reply{code: code} }

// verbs is a table of commands. Handlers are called under the lock.
type verbs map[string]func(*Sim, call) reply

// commands is what every module knows; what a vendor adds or does in another way stands in its personality.
func commands() verbs {
	return verbs{
		"+CGMI": identity(func(p Personality) string { return p.Manufacturer }),
		"+GMI":  identity(func(p Personality) string { return p.Manufacturer }),
		"+CGMM": identity(func(p Personality) string { return p.Model }),
		"+GMM":  identity(func(p Personality) string { return p.Model }),
		"+CGMR": identity(func(p Personality) string { return p.Revision }),
		"+GMR":  identity(func(p Personality) string { return p.Revision }),
		"+CGSN": identity(func(p Personality) string { return p.IMEI }),
		"+GSN":  identity(func(p Personality) string { return p.IMEI }),
		"+CMEE": cmee, "+CFUN": cfun, "+CPIN": cpin, "+CPINR": cpinr, "+CIMI": cimi,
		"+CSIM": csim, "+CRSM": crsm, "+CSCS": cscs, "+WS46": ws46, "+CLCK": clck, "+CPWD": cpwd,
		"+CCID": ccid, "+CREG": creg, "+CGREG": creg, "+CEREG": creg, "+C5GREG": creg,
		"+COPS": cops, "+CSQ": csq, "+CESQ": cesq, "+CEER": ceer, "+CGATT": cgatt, "+CGDCONT": cgdcont, "+CGACT": cgact,
		"+CGPADDR": cgpaddr, "+CGCONTRDP": cgcontrdp, "+CGAUTH": accept, "+CGDATA": cgdata,
		"+CCLK": cclk, "+CTZR": ranged("0", "(0-2)"), "+CTZU": ranged("0", "(0,1)"), "+CGEREP": ranged("0,0", "(0-2),(0,1)"),
		"+GCAP": func(*Sim, call) reply { return say("+GCAP: +CGSM") },
		"E":     basicE, "V": basicV, "I": basicI, "Z": reset, "&F": reset,
		"Q": accept, "X": accept, "&C": accept, "&D": accept, "S": accept, "H": hangup, "D": dialled, "O": resume,
	}
}

func identity(of func(Personality) string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		switch c.form {
		case action:
			return say(of(s.cfg.Personality))
		case test:
			return reply{}
		}
		return refuse(50)
	}
}

func accept(*Sim, call) reply { return reply{} }

// ws46 is the choice of networks (27.007 §5.9): 25 whatever there is, 28 LTE alone. Without it ModemManager takes a module
// for one of 2G and 3G, and never asks +CEREG.
func ws46(s *Sim, c call) reply {
	if c.form == set && c.raw != "25" && c.raw != "28" {
		return refuse(50)
	}
	return ranged("25", "(25,28)")(s, c)
}

func cmee(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+CMEE: (0-2)")
	case read:
		return say("+CMEE: " + strconv.Itoa(s.cmee))
	}
	n, err := strconv.Atoi(c.arg(0))
	if err != nil || n < 0 || n > 2 {
		return refuse(50)
	}
	s.cmee = n
	return reply{}
}

func basicE(s *Sim, c call) reply { s.echo = c.arg(0) == "1"; return reply{} }

func basicV(s *Sim, c call) reply { s.verbose = c.arg(0) != "0"; return reply{} }

func basicI(s *Sim, c call) reply {
	p := s.cfg.Personality
	return say(p.Manufacturer, p.Model, "Revision: "+p.Revision)
}

func reset(s *Sim, c call) reply {
	s.dialogueDefaults()
	return reply{}
}

// parseLine takes a command line (without AT) apart, as V.250 §5.2.1 puts it together: basic commands follow each other,
// extended ones are separated by semicolons; quotes protect.
func parseLine(line string) ([]call, bool) {
	var calls []call
	for line != "" {
		switch {
		case line[0] == ';' || line[0] == ' ':
			line = line[1:]
		case strings.IndexByte("+^$#!%*_", line[0]) >= 0:
			end := endOfExtended(line)
			calls = append(calls, parseExtended(strings.TrimSpace(line[:end])))
			line = line[end:]
		default:
			c, rest, ok := parseBasic(line)
			if !ok {
				return nil, false
			}
			calls, line = append(calls, c), rest
		}
	}
	return calls, true
}

func endOfExtended(line string) int {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ';' && !quoted:
			return i
		}
	}
	return len(line)
}

func parseExtended(s string) call {
	i := strings.IndexAny(s, "=?")
	if i < 0 {
		return call{name: strings.ToUpper(s)}
	}
	c := call{name: strings.ToUpper(s[:i])}
	switch rest := s[i:]; {
	case rest == "?":
		c.form = read
	case rest == "=?":
		c.form = test
	default:
		c.form, c.raw = set, strings.TrimPrefix(rest, "=")
		c.args = splitArgs(c.raw)
	}
	return c
}

func splitArgs(s string) []string {
	var args []string
	quoted, start := false, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && !quoted:
			args = append(args, strings.Trim(strings.TrimSpace(s[start:i]), `"`))
			start = i + 1
		case s[i] == '"':
			quoted = !quoted
		}
	}
	return args
}

// parseBasic reads one letter with its number: E0, &C1, S7=60.
func parseBasic(line string) (c call, rest string, ok bool) {
	n := 1
	if line[0] == '&' || line[0] == '\\' {
		n = 2
	}
	if len(line) < n {
		return c, "", false
	}
	c.name = strings.ToUpper(line[:n])
	if c.name == "D" { // the rest of the line is the number
		c.args = []string{strings.TrimSpace(line[n:])}
		return c, "", true
	}
	i := n
	for i < len(line) && (line[i] >= '0' && line[i] <= '9' || c.name == "S" && strings.IndexByte("=?", line[i]) >= 0) {
		i++
	}
	c.args = []string{line[n:i]}
	last := c.name[len(c.name)-1]
	return c, line[i:], last >= 'A' && last <= 'Z'
}
