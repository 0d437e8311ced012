package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/release"
)

// progressEvery bounds how often a count of bytes is printed: a serial line is slow, and a log of it is read by people.
const progressEvery = 2 * time.Second

// progress prints the lines of one job: to stdout as JSON, or to stderr for a person.
type progress struct {
	c       *command
	last    api.Progress // as told, printed or not
	printed time.Time    // when a count was printed last
	text    string       // the text last printed
}

// say takes one line of the job.
func (p *progress) say(line api.Progress) {
	p.last = line
	if !line.Done && !p.due(line) {
		return
	}
	if line.Total > 0 {
		p.printed = p.c.now()
	}
	p.text = line.Text
	if p.c.json {
		_ = p.c.printJSON(line) // a reader that has gone does not stop the job
		return
	}
	switch {
	case line.Done && line.Error != "":
		// The caller prints the error, once.
	case line.Done:
		_ = p.c.print("%s\n", plain(line.Text))
	default:
		p.c.say("%s%s\n", plain(line.Text), count(line))
	}
}

// due says whether a line tells enough to be printed: a new text always does, a count now and then.
func (p *progress) due(line api.Progress) bool {
	if line.Total > 0 && line.Bytes < line.Total && !p.printed.IsZero() {
		return p.c.now().Sub(p.printed) >= progressEvery
	}
	return line.Text != p.text || line.Total > 0
}

func count(line api.Progress) string {
	if line.Total <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%s of %s, %d %%)", size(line.Bytes), size(line.Total), min(100, line.Bytes*100/line.Total))
}

// writeReport prints a deployment: one line a target, and below it why it is not on the new release.
func writeReport(w io.Writer, r *release.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "release %s: %s in %.1f s\n", plain(r.Release), r.Outcome, r.Ended.Sub(r.Started).Seconds())
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  TARGET\tADDRESS\tOUTCOME\tNOW RUNS")
	for _, t := range r.Targets {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", cut(t.Target, 20), cut(t.Address, 39), t.Outcome, cut(orElse(t.After, "nothing of ours"), 60))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, t := range r.Targets {
		if t.Reason != "" {
			fmt.Fprintf(&b, "  %s: %s\n", cut(t.Target, 20), plain(t.Reason))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
