package evidence

import (
	"fmt"
	"io"
	"strings"
	"time"

	"airlock/netd/windows"
)

// printWidth is the widest line of the tables: what a terminal and a log both show unbroken.
const printWidth = 100

// shownViolations is how many violations are printed; the JSON form has all.
const shownViolations = 12

// Print writes the tables for a person: windows, module, deployments, doors, and the verdict.
func Print(out io.Writer, t Timeline, v Verdict) error {
	p := &printer{out: out}
	p.windows(v)
	p.modem(t)
	p.deployments(t)
	p.doors(v)
	p.verdict(t, v)
	return p.err
}

// printer keeps the first error, so that the tables read as tables.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	_, p.err = fmt.Fprintln(p.out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (p *printer) windows(v Verdict) {
	day := ""
	if len(v.Windows) > 0 {
		day = v.Windows[0].Asked.UTC().Format(" on 2006-01-02")
	}
	p.line("Windows%s (UTC, the host's clock)", day)
	p.line("  %-5s  %-7s  %-12s  %-12s  %-12s  %9s  %11s  %11s", "door", "purpose", "asked", "opened", "closed", "seconds", "bytes in", "bytes out")
	for _, w := range v.Windows {
		opened := "never"
		if !w.Opened.IsZero() {
			opened = clock(w.Opened)
		}
		p.line("  %-5s  %-7s  %-12s  %-12s  %-12s  %9.1f  %11s  %11s", w.Door, w.Purpose, clock(w.Asked), opened, clock(w.Closed),
			w.Length().Seconds(), thousands(w.BytesIn), thousands(w.BytesOut))
	}
}

func (p *printer) modem(t Timeline) {
	if len(t.Modem) == 0 {
		return
	}
	p.line("")
	p.line("Module")
	for _, m := range t.Modem {
		p.wrapped("  "+clock(m.At)+"  ", m.State)
	}
}

func (p *printer) deployments(t Timeline) {
	if len(t.Deployments) == 0 {
		return
	}
	p.line("")
	p.line("Deployments")
	p.line("  %-12s  %-12s  %-8s  %-12s  %7s  %s", "target", "version", "outcome", "started", "seconds", "now runs")
	for _, d := range t.Deployments {
		now := d.After
		if now == "" {
			now = "nothing"
		}
		p.line("  %-12s  %-12s  %-8s  %-12s  %7.1f  %s", short(d.Target, 12), short(d.Version, 12), d.Outcome, clock(d.Started),
			d.Ended.Sub(d.Started).Seconds(), short(now, 35))
		if d.Reason != "" {
			p.wrapped("      ", d.Reason)
		}
	}
}

func (p *printer) doors(v Verdict) {
	p.line("")
	p.line("Doors")
	p.line("  %-5s  %7s  %12s  %8s  %13s  %13s", "door", "windows", "seconds open", "frames", "bytes in", "bytes out")
	for _, d := range v.Doors {
		p.line("  %-5s  %7d  %12.1f  %8s  %13s  %13s", d.Door, d.Windows, d.Open.Seconds(), thousands(int64(d.Frames)), thousands(d.BytesIn), thousands(d.BytesOut))
	}
	for _, d := range v.Doors {
		if d.Door == windows.Outer {
			p.line("  bytes that crossed the carrier: %s", thousands(d.BytesIn+d.BytesOut))
		}
	}
}

func (p *printer) verdict(t Timeline, v Verdict) {
	p.line("")
	if v.Held {
		p.line("Verdict: HELD. No frame on one door inside a window of the other, none outside windows.")
	} else {
		p.line("Verdict: NOT HELD. Findings: %d", len(v.Violations))
		for i, f := range v.Violations {
			if i == shownViolations {
				p.line("  … and %d more", len(v.Violations)-i)
				break
			}
			p.wrapped(fmt.Sprintf("  %-7s  ", f.Kind), f.Text)
		}
	}
	how := t.Clock.How
	if how == "" {
		how = "how is not stated"
	}
	p.wrapped("  ", fmt.Sprintf("Clocks agree within %s (%s).", v.Uncertainty, how))
	if v.Closest >= 0 {
		p.line("  A frame of one door came no nearer to a window of the other than %s.", v.Closest.Round(time.Millisecond))
	}
}

// wrapped prints text after a prefix, broken at spaces so that no line is too wide and nothing is lost.
func (p *printer) wrapped(prefix, text string) {
	line := prefix
	indent := strings.Repeat(" ", len(prefix))
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > printWidth {
			p.line("%s", line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	p.line("%s", line)
}

// short cuts s to n runes, with a mark where something is missing.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// thousands shows a count with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
