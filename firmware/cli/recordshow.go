package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlock/netd/recorder"
)

func (c *command) recordShow() *cobra.Command {
	var window uint64
	var list bool
	cmd := &cobra.Command{
		Use: "show", Short: "Print the record of windows, dials, modem states and bytes",
		Example: examples("record show", "record show --windows    # one line a window", "record show --window 42",
			"record show --json > record.jsonl    # the lines as stored"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("window") && (window == 0 || list) {
				return &usageError{fmt.Errorf("--window: windows are numbered from 1; `record show --windows` lists them")}
			}
			return c.showRecord(cmd.Context(), window, list)
		},
	}
	cmd.Flags().Uint64Var(&window, "window", 0, "only this window: what it came to, and its lines")
	cmd.Flags().BoolVar(&list, "windows", false, "a table of the windows")
	return cmd
}

// showRecord copies the lines as they are stored, byte by byte, or sets them for a person.
func (c *command) showRecord(ctx context.Context, window uint64, list bool) error {
	stored, err := c.doors.Record(ctx)
	if err != nil {
		return err
	}
	defer stored.Close()
	if c.json && window == 0 && !list {
		_, err := io.Copy(c.Stdout, stored)
		return err
	}
	if list && !c.json {
		if err := c.print("%s", windowHead); err != nil {
			return err
		}
	}
	found := false
	lines := bufio.NewScanner(stored)
	lines.Buffer(nil, recordLine)
	for lines.Scan() {
		text, ok := c.recordText(lines.Bytes(), window, list)
		found = found || ok
		if err := c.print("%s", text); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	if window > 0 && !found {
		return &usageError{fmt.Errorf("window %d is not in the record; `record show --windows` lists those that are", window)}
	}
	return nil
}

// recordText is what is printed of one line; ok says that it was asked for.
func (c *command) recordText(line []byte, window uint64, list bool) (text string, ok bool) {
	var e recorder.Entry
	known := json.Unmarshal(line, &e) == nil && e.Event != ""
	switch {
	case window > 0 && (!known || e.Window != window), list && (!known || e.Account == nil):
		return "", false
	case c.json:
		return string(line) + "\n", true
	case list:
		return windowRow(e), true
	case window > 0 && e.Account != nil:
		return recordWords(line) + "\n" + accountSheet(e), true
	}
	return recordWords(line) + "\n", true
}

const windowHead = "WINDOW DOOR  PURPOSE OPENED               SECONDS        IN       OUT END\n"

// windowRow is one window in a table of 80 columns.
func windowRow(e recorder.Entry) string {
	opened, seconds := "never", "-"
	if e.Account.Opened != nil {
		opened = moment(e.Account.Opened.At)
		seconds = fmt.Sprintf("%.1f", (e.Boot - e.Account.Opened.Boot).Seconds())
	}
	end := orElse(e.Code, "given back")
	return plain(fmt.Sprintf("%6d %-5s %-7s %-20s %7s %9s %9s %s\n",
		e.Window, e.Door, e.Purpose, opened, seconds, amount(e.In), amount(e.Out), end))
}

func amount(n *uint64) string {
	if n == nil {
		return "-"
	}
	return size(int64(*n))
}

// accountSheet is what a window came to, for a person.
func accountSheet(e recorder.Entry) string {
	a, p := e.Account, &sheet{}
	p.row("door", "%s, to %s for %s", e.Door, e.Purpose, e.Asker)
	p.row("asked", "%s", onBothClocks(&a.Asked))
	p.row("opened", "%s", onBothClocks(a.Opened))
	p.row("closed", "%s", onBothClocks(&recorder.Moment{At: e.At, Boot: e.Boot}))
	if e.Code != "" {
		p.row("ended by", "%s: %s", e.Code, e.Text)
	}
	p.row("link", "%s %s", orElse(a.Interface, "none"), a.Address)
	if t := a.Counter; t != nil {
		frames := ""
		if t.FramesIn != nil && t.FramesOut != nil {
			frames = fmt.Sprintf(" (%d and %d frames)", *t.FramesIn, *t.FramesOut)
		}
		p.row("counter", "in %d bytes, out %d bytes%s", t.BytesIn, t.BytesOut, frames)
	}
	p.row("capture", "%s", captureWords(a.Capture))
	p.row("dials", "%d made, %d failed, %d refused; in %d bytes, out %d bytes", a.Dials.Made, a.Dials.Failed, a.Dials.Refused, a.Dials.BytesIn, a.Dials.BytesOut)
	p.row("shut", "interlock %s", onBothClocks(a.InterlockShut))
	p.row("", "link %s", onBothClocks(a.LinkDown))
	if e.Door == "outer" {
		p.row("", "radio %s", onBothClocks(a.RadioOff))
		p.row("modem", "when open: %s; when shut: %s", moduleWords(a.ModemOpened), moduleWords(a.ModemClosed))
	}
	return p.b.String()
}

func captureWords(c *recorder.Capture) string {
	if c == nil {
		return "none"
	}
	text := fmt.Sprintf("in %d bytes, out %d bytes (%d and %d frames)", c.BytesIn, c.BytesOut, c.FramesIn, c.FramesOut)
	if c.First != nil && c.Last != nil {
		text += fmt.Sprintf(", first %s, last %s", onBothClocks(c.First), onBothClocks(c.Last))
	}
	if c.Missed > 0 {
		text += fmt.Sprintf(", %d missed", c.Missed)
	}
	if c.Error != "" {
		text += ", ended early: " + c.Error
	}
	return text
}

func moduleWords(m *recorder.Modem) string {
	switch {
	case m == nil:
		return "not read"
	case !m.Present:
		return "no module"
	}
	return strings.Join(strings.Fields(fmt.Sprintf("radio %s %s %s", m.Radio, m.Operator, m.Access)), " ")
}

// onBothClocks is a moment by the wall clock and since boot.
func onBothClocks(m *recorder.Moment) string {
	if m == nil {
		return "not read back"
	}
	return fmt.Sprintf("%s (%s since boot)", moment(m.At), m.Boot.Round(time.Millisecond))
}

// recordWords sets one line of the record for a person. A line that is none of the recorder's is
// printed as it is: the record is also looked at when something is wrong with it.
func recordWords(line []byte) string {
	var e recorder.Entry
	if json.Unmarshal(line, &e) != nil || e.Event == "" {
		return plain(string(line))
	}
	words := []string{fmt.Sprintf("%5d %s %-14s", e.Seq, moment(e.At), e.Event)}
	add := func(format string, value any, given bool) {
		if given {
			words = append(words, fmt.Sprintf(format, value))
		}
	}
	add("window %d", e.Window, e.Window != 0)
	add("%s", e.Door, e.Door != "")
	add("to %s", e.Purpose, e.Purpose != "")
	add("for %s", e.Asker, e.Asker != "")
	add("%s", e.Address, e.Address != "")
	if e.In != nil && e.Out != nil {
		words = append(words, fmt.Sprintf("in %s out %s", size(int64(*e.In)), size(int64(*e.Out))))
	}
	add("up to line %d", e.Through, e.Through != 0)
	add("[%s]", e.Code, e.Code != "")
	add("%s", e.Text, e.Text != "")
	return strings.TrimRight(plain(strings.Join(words, " ")), " ")
}
