package modemsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind of fault: how it is written, and what is made of its words.
type faultKind struct {
	name, usage string
	make        func(w words) effect
}

// words are the arguments of a fault; the first that cannot be read is remembered.
type words struct {
	all []string
	bad *bool
}

func (w words) at(i int) (string, bool) {
	if i >= len(w.all) {
		return "", false
	}
	return w.all[i], true
}

func (w words) count(i, without int) int {
	text, given := w.at(i)
	if !given {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		*w.bad = true
	}
	return n
}

func (w words) duration(i int, without time.Duration) time.Duration {
	text, given := w.at(i)
	if !given {
		return without
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		*w.bad = true
	}
	return d
}

func faultKinds() []faultKind {
	return []faultKind{
		{"urc", `urc "LINE"`, nil},
		{"late", "late DURATION", func(w words) effect {
			d := w.duration(0, 0)
			*w.bad = *w.bad || d == 0
			return func(s *Sim, _ bool) { s.late = d }
		}},
		{"split", "split [DURATION]", lasting(func(s *Sim, on bool) { s.faults.Split = on })},
		{"merge", "merge [DURATION]", lasting(func(s *Sim, on bool) { s.faults.Merge = on })},
		{"dead", "dead [DURATION]", lasting(func(s *Sim, on bool) { s.faults.Silent = on })},
		{"stuck", "stuck [DURATION]", lasting(func(s *Sim, on bool) { s.faults.Stuck = on; s.loseNetwork() })},
		{"delay", "delay EACH [DURATION]", func(w words) effect {
			each, long := w.duration(0, 0), w.duration(1, 0)
			*w.bad = *w.bad || each == 0
			return during(long, func(s *Sim, on bool) { s.faults.Delay = each * time.Duration(bit(on)) })
		}},
		{"reject", "reject CAUSE [DURATION]", func(w words) effect {
			cause, long := w.count(0, 0), w.duration(1, 0)
			*w.bad = *w.bad || cause < 1 || cause > 255
			return during(long, func(s *Sim, on bool) { s.faults.RejectCause = cause * bit(on); s.loseNetwork() })
		}},
		{"no-traffic", "no-traffic [N]", func(w words) effect {
			n := w.count(0, 1)
			return func(s *Sim, _ bool) { s.noTraffic(n) }
		}},
		{"reset", "reset [DURATION]", func(w words) effect {
			away := w.duration(0, time.Second)
			return func(s *Sim, _ bool) { s.crash(away) }
		}},
		{"no-carrier", "no-carrier", func(w words) effect { return func(s *Sim, _ bool) { s.noCarrier() } }},
		{"ignore-cfun", "ignore-cfun [N]", func(w words) effect {
			n := w.count(0, 1)
			return func(s *Sim, _ bool) { s.faults.IgnoreFunction += n }
		}},
		counted("stray", func(s *Sim, n int) { s.stray += n }),
		counted("refuse-data", func(s *Sim, n int) { s.faults.RefuseData += n }),
		counted("no-binding", func(s *Sim, n int) { s.faults.NoBinding += n }),
		{"unbind", "unbind", func(w words) effect { return func(s *Sim, _ bool) { s.bound, s.tied = 0, false; s.gate() } }},
		{"linger", "linger DURATION", func(w words) effect {
			d := w.duration(0, 0)
			*w.bad = *w.bad || d == 0
			return func(s *Sim, _ bool) { s.faults.Linger = d }
		}},
		{"bogus-pin", "bogus-pin DURATION", func(w words) effect {
			d := w.duration(0, 0)
			*w.bad = *w.bad || d == 0
			return during(d, func(s *Sim, on bool) { s.faults.BogusPIN = d * time.Duration(bit(on)) })
		}},
		{"sim-out", "sim-out [DURATION]", func(w words) effect {
			away := w.duration(0, 0)
			return func(s *Sim, _ bool) { s.pullCard(away) }
		}},
	}
}

// counted makes a fault whose only argument says how often; once without it.
func counted(name string, turn func(s *Sim, n int)) faultKind {
	return faultKind{name, name + " [N]", func(w words) effect {
		n := w.count(0, 1)
		return func(s *Sim, _ bool) { turn(s, n) }
	}}
}

// lasting makes a fault that is over after its only argument, or never.
func lasting(turn func(s *Sim, on bool)) func(words) effect {
	return func(w words) effect { return during(w.duration(0, 0), turn) }
}

func during(long time.Duration, turn func(s *Sim, on bool)) effect {
	return func(s *Sim, _ bool) {
		turn(s, true)
		if long > 0 {
			s.later(long, func() { turn(s, false) })
		}
	}
}

func parseWhat(text string) (effect, error) {
	name, rest, _ := strings.Cut(text, " ")
	if name == "urc" {
		line, err := strconv.Unquote(strings.TrimSpace(rest))
		if err != nil || line == "" {
			line = strings.Trim(strings.TrimSpace(rest), `"`) // a line with quotes of its own, as typed
		}
		if line == "" || !strings.HasPrefix(strings.TrimSpace(rest), `"`) {
			return nil, fmt.Errorf(`%q: want urc "LINE", such as urc "+CEREG: 2"`, text)
		}
		return func(s *Sim, inCommand bool) { s.say(line, inCommand) }, nil
	}
	var known []string
	for _, k := range faultKinds() {
		known = append(known, k.name)
		if k.name != name {
			continue
		}
		bad := false
		w := words{strings.Fields(rest), &bad}
		made := k.make(w)
		if bad || len(w.all) > len(strings.Fields(k.usage))-1 {
			return nil, fmt.Errorf("%q: want %s", text, k.usage)
		}
		return made, nil
	}
	return nil, fmt.Errorf("%q is no fault; want one of %s", name, strings.Join(known, ", "))
}
