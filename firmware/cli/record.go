package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"airlock/netd/recorder"
	"airlock/netd/recorder/chain"
)

// recordLine bounds one line of the record.
const recordLine = 1 << 20

func (c *command) record() *cobra.Command {
	return c.group("record", "The tamper-evident record of what the doors did",
		examples("record show --windows", "record verify", "record export > record.jsonl"), c.recordShow(), c.recordVerify(), c.recordExport())
}

func (c *command) recordVerify() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use: "verify [FILE...]", Short: "Check that no line of the record was changed, taken out or put in",
		Example: examples("record verify", "record verify bundle.jsonl    # on any machine; netd is not asked",
			"record verify bundle.jsonl --key KEY    # and that it is this node's",
			"record verify record-*.jsonl record.jsonl    # files of a node's disk"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if key != "" {
				if _, err := chain.ParseKey(key); err != nil {
					return &usageError{fmt.Errorf("--key: %w", err)}
				}
			}
			if len(files) > 0 {
				return c.verifyFiles(files, key)
			}
			return c.verifyRecord(cmd.Context(), key)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "record key that must have signed it (default: netd's; any)")
	return cmd
}

// verifyRecord checks the lines as netd hands them out, against the key that netd says is its own.
func (c *command) verifyRecord(ctx context.Context, key string) error {
	if key == "" {
		s, err := c.doors.Status(ctx)
		if err != nil {
			return err
		}
		if s.Record != nil {
			key = s.Record.Key
		}
	}
	stored, err := c.doors.Record(ctx)
	if err != nil {
		return err
	}
	defer stored.Close()
	s, err := recorder.Check(stored, key, nil)
	if err != nil {
		return fmt.Errorf("verify the record: %w", err)
	}
	return c.verified(s)
}

// verifyFiles checks a bundle, or the files of a record in their order. What is bad is named as FILE:LINE.
func (c *command) verifyFiles(files []string, key string) error {
	var all []io.Reader
	counts := make([]counter, len(files))
	for i, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		counts[i].Reader = f
		all = append(all, &counts[i])
	}
	s, err := recorder.Check(io.MultiReader(all...), key, nil)
	var bad *recorder.BadLine
	if errors.As(err, &bad) {
		name, line := place(files, counts, bad.Line)
		return fmt.Errorf("%s:%d: %w", name, line, bad.Err)
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", files[0], err)
	}
	return c.verified(s)
}

// counter counts the lines that were read from a file.
type counter struct {
	io.Reader
	lines int
}

// Read reads and counts.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.lines += bytes.Count(b[:n], []byte("\n"))
	return n, err
}

// place finds the file in which a line of all of them stands.
func place(files []string, counts []counter, line int) (string, int) {
	last := len(files) - 1
	for i := range files[:last] {
		if line <= counts[i].lines {
			return files[i], line
		}
		line -= counts[i].lines
	}
	return files[last], line
}

// verified tells what was found. What a record cannot tell by itself is that its end was cut off; so the last line's
// number and hash are printed, to be compared with what is known from elsewhere. A bundle tells it.
func (c *command) verified(s recorder.Summary) error {
	if c.json {
		return c.printJSON(map[string]any{"whole": true, "lines": s.Lines, "first": s.First, "last": s.Last.Seq, "hash": s.Last.Hash,
			"signed": s.Signed.Seq, "key": s.Key})
	}
	text := fmt.Sprintf("%d lines, none changed, none missing; the last has the hash\n%s\n", s.Lines, orElse(s.Last.Hash, "none"))
	if s.First > 1 {
		text += fmt.Sprintf("the lines before %d were dropped, as a signed line says\n", s.First)
	}
	switch {
	case s.Key == "":
		text += "none is signed\n"
	case s.Signed.Seq < s.Last.Seq:
		text += fmt.Sprintf("signed up to line %d of %d with the key\n%s\n", s.Signed.Seq, s.Last.Seq, s.Key)
	default:
		text += fmt.Sprintf("all signed with the key\n%s\n", s.Key)
	}
	return c.print("%s", text)
}

func (c *command) recordExport() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export", Short: "Print the record as a signed bundle, to be verified anywhere",
		Example: examples("record export > bundle.jsonl", "record export --output bundle.jsonl", "record verify bundle.jsonl"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.exportRecord(cmd.Context(), file) },
	}
	if c.HasConfig {
		cmd.Flags().StringVarP(&file, "output", "o", "", "file to write, a new one (default: stdout)")
	}
	return cmd
}

// exportRecord checks what it hands on: a bundle that does not verify is none.
func (c *command) exportRecord(ctx context.Context, file string) (err error) {
	bundle, err := c.doors.ExportRecord(ctx)
	if err != nil {
		return err
	}
	defer bundle.Close()
	out := c.Stdout
	if file != "" {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("export the record: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	s, err := recorder.Check(io.TeeReader(bundle, out), "", nil)
	if err != nil {
		return fmt.Errorf("the bundle is written, and does not verify: %w", err)
	}
	c.say("%d lines up to line %d, signed with %s\n", s.Lines, s.Last.Seq, s.Key)
	if file != "" {
		c.next("record verify " + file)
	}
	return nil
}
