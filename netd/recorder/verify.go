package recorder

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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

// chain checks lines one after another.
type chain struct {
	seq  uint64
	hash string
}

// follow checks that a line comes next.
func (c *chain) follow(line []byte) (Entry, error) {
	e, err := decode(line)
	if err == nil && (e.Seq != c.seq+1 || e.Prev != c.hash) {
		err = errChain
	}
	if err == nil {
		c.seq, c.hash = e.Seq, e.Hash
	}
	return e, err
}

// Read hands every line of a record to each, in order, and stops at the first bad one with a
// *BadLine, or at the first error of each. A whole record comes to its end with nil. What a record
// cannot tell by itself is that its last lines were cut off: compare its last Seq and Hash with
// what is known from elsewhere.
func Read(r io.Reader, each func(Entry) error) error {
	c := chain{hash: genesis}
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return &BadLine{n, errTorn}
		case err != nil:
			return fmt.Errorf("read the record: %w", err)
		}
		e, err := c.follow(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return &BadLine{n, err}
		}
		if each == nil {
			continue
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

// Verify says whether a record is whole and unchanged; it names the first bad line as a *BadLine.
func Verify(r io.Reader) (lines uint64, err error) {
	err = Read(r, func(Entry) error { lines++; return nil })
	return lines, err
}
