package recorder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"airlock/netd/recorder/chain"
)

// BadLine is the first line of a record that cannot be true.
type BadLine struct {
	Line int // from 1
	Err  error
}

// Error names the line.
func (b *BadLine) Error() string { return fmt.Sprintf("line %d of the record: %v", b.Line, b.Err) }

// Unwrap gives the reason.
func (b *BadLine) Unwrap() error { return b.Err }

// Summary is what a record that holds says of itself.
type Summary struct {
	Lines  uint64         `json:"lines"`
	First  uint64         `json:"first"` // Seq of the first line; more than 1: those before were dropped, and a signed line says so
	Last   chain.Position `json:"last"`
	Signed chain.Position `json:"signed"` // the last signed line
	Key    string         `json:"key,omitempty"`
}

// Check hands every line of a record, or of a bundle, to each, in order, and stops at the first bad one
// with a *BadLine, or at the first error of each, which may be nil. With a key all signatures have to be by it. What
// a record cannot tell by itself is that its last lines were cut off: a bundle's head tells it, and the publisher knows.
func Check(r io.Reader, key string, each func(Entry) error) (Summary, error) {
	c := chain.NewChecker(chain.Genesis(), key)
	lines := bufio.NewReader(r)
	var s Summary
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			s.First, s.Last, s.Signed, s.Key = c.First(), c.At(), c.Signed(), c.Key()
			return s, ended(c, n, n-int(s.Lines))
		case errors.Is(err, io.EOF):
			return s, &BadLine{n, chain.ErrTorn}
		case err != nil:
			return s, fmt.Errorf("read the record: %w", err)
		}
		e, err := follow(c, line)
		if err != nil {
			return s, &BadLine{n, err}
		}
		if e.Event == Exported {
			continue
		}
		s.Lines++
		if each == nil {
			continue
		}
		if err := each(e); err != nil {
			return s, err
		}
	}
}

// Read is Check without a key and without a summary.
func Read(r io.Reader, each func(Entry) error) error {
	_, err := Check(r, "", each)
	return err
}

// Verify says whether a record is whole and unchanged; it names the first bad line as a *BadLine.
func Verify(r io.Reader) (lines uint64, err error) {
	s, err := Check(r, "", nil)
	return s.Lines, err
}

// ended names the line that is to blame for what only the end, line n, can tell: the first, or one that is not there.
func ended(c *chain.Checker, n, first int) error {
	switch err := c.End(); {
	case errors.Is(err, chain.ErrBegins):
		return &BadLine{first, err}
	case err != nil:
		return &BadLine{n, err}
	}
	return nil
}

// follow checks that a line, with its newline, comes next, and reads it.
func follow(c *chain.Checker, line []byte) (Entry, error) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	var e Entry
	_, err := c.Next(line)
	if json.Unmarshal(line, &e) != nil && err == nil {
		err = chain.ErrTorn
	}
	return e, err
}
