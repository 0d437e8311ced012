package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"airlock/netd/recorder"
)

// recordLine bounds one line of the record.
const recordLine = 1 << 20

func (c *command) record() *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Print the record of windows, dials, modem states and bytes",
		Example: examples("record show", "record show --json > record.jsonl    # the lines as stored"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showRecord(cmd.Context()) },
	}
	verify := &cobra.Command{
		Use: "verify", Short: "Check that no line of the record was changed, taken out or put in",
		Example: examples("record verify"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.verifyRecord(cmd.Context()) },
	}
	return c.group("record", "The tamper-evident record of what the doors did", examples("record show", "record verify"), show, verify)
}

// showRecord copies the lines as they are stored, byte by byte, or sets them for a person.
func (c *command) showRecord(ctx context.Context) error {
	stored, err := c.doors.Record(ctx)
	if err != nil {
		return err
	}
	defer stored.Close()
	if c.json {
		_, err := io.Copy(c.Stdout, stored)
		return err
	}
	lines := bufio.NewScanner(stored)
	lines.Buffer(nil, recordLine)
	for lines.Scan() {
		if err := c.print("%s\n", recordWords(lines.Bytes())); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	return nil
}

// verifyRecord checks the chain of the lines as netd hands them out. What a record cannot tell by
// itself is that its end was cut off; so the last line's number and hash are printed, to be
// compared with what is known from elsewhere.
func (c *command) verifyRecord(ctx context.Context) error {
	stored, err := c.doors.Record(ctx)
	if err != nil {
		return err
	}
	defer stored.Close()
	var last recorder.Entry
	err = recorder.Read(stored, func(e recorder.Entry) error { last = e; return nil })
	switch {
	case err != nil:
		return fmt.Errorf("verify the record: %w", err)
	case c.json:
		return c.printJSON(map[string]any{"lines": last.Seq, "hash": last.Hash, "whole": true})
	}
	return c.print("%d lines, none changed, none missing; the last has the hash\n%s\n", last.Seq, orElse(last.Hash, "none"))
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
	add("[%s]", e.Code, e.Code != "")
	add("%s", e.Text, e.Text != "")
	return strings.TrimRight(plain(strings.Join(words, " ")), " ")
}
