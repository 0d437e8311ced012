// Package model judges a node's record by the rules alone: it was written from docs/record.md and the promises of the
// airlock, reads the lines with code of its own, and imports nothing of ours, so that an error of the recorder or of the
// keeper is not an error here as well. It changes nothing. The command beside it, tests/record and tests/vm call it.
//
// The rules, by the names that findings carry:
//
//	form         every line is a whole JSON object whose hash fits
//	chain        every line follows the one before; lines before the first were dropped behind a signed line
//	signature    one key signs; checkpoints and drops are signed, and truly
//	sealed       the record ends with a checkpoint, or with the line that a bundle's head names
//	clock        within one boot, the clock since boot never goes back
//	overlap      no window is asked for while another is live
//	ends         every window ends: closed, failed, with a fault, or with the restart of netd
//	inside       a door opens within its own window only; the radio is on within outer windows only
//	interlock    the interlock does not open before it was read back as shut
//	readback     no door opens before both doors were read back as shut since the start, and since the last window
//	closed       a window's end comes after what was read back of its door
//	fault        no window while a fault is latched
//	checkpoint   each window's end is signed before the next window
//	account      a window's account agrees with its lines
//	told         the record itself says that it was broken
package model

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Finding is one thing that must not be.
type Finding struct {
	Line int    `json:"line"` // from 1; of a missing line, the one that stands in its place
	Rule string `json:"rule"`
	Text string `json:"text"`
}

// String is the finding for a person.
func (f Finding) String() string { return fmt.Sprintf("line %d: %s: %s", f.Line, f.Rule, f.Text) }

// Verdict is what was found.
type Verdict struct {
	Lines    int       `json:"lines"`
	Windows  int       `json:"windows"`
	Starts   int       `json:"starts"` // of netd
	Gaps     int       `json:"gaps"`   // lines that tell of events which could not be written
	Signed   int       `json:"signed"` // the last signed line; 0: none
	Findings []Finding `json:"findings"`
}

// Held says that nothing was found.
func (v Verdict) Held() bool { return len(v.Findings) == 0 }

// Options say what is known of the record besides.
type Options struct {
	// Running: the record was read while netd was running, or after it was killed, so that its last lines need no checkpoint,
	// and a window may still be live.
	Running bool
	// Key must have signed, base64; empty: any one key.
	Key string
}

// Judge reads a record, or a bundle, to its end. The error is the reader's.
func Judge(r io.Reader, o Options) (Verdict, error) {
	j := &judge{v: Verdict{Findings: []Finding{}}, seals: seals{key: o.Key, prev: zeros}, world: newWorld()}
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		b, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return j.v, fmt.Errorf("read the record: %w", err)
		}
		if len(b) == 0 {
			j.end(n, o)
			return j.v, nil
		}
		j.line(n, b)
	}
}

// judge holds what both halves know.
type judge struct {
	v     Verdict
	seals seals
	world *world
}

func (j *judge) find(n int, rule, format string, args ...any) {
	j.v.Findings = append(j.v.Findings, Finding{n, rule, fmt.Sprintf(format, args...)})
}

// line judges one line, with its newline if it has one.
func (j *judge) line(n int, b []byte) {
	text, whole := bytes.CutSuffix(b, []byte("\n"))
	if !whole {
		j.find(n, "form", "the line is cut off")
		return
	}
	l, err := read(text)
	if err != nil {
		j.find(n, "form", "%v", err)
		return
	}
	head, problem := j.seals.take(n, l)
	if problem != nil {
		j.find(n, problem.Rule, "%s", problem.Text)
	}
	if head {
		return
	}
	if j.v.Lines++; j.v.Lines == 1 && l.Seq > 1 {
		j.world.lenient = true // the read-backs before the next window may be among what was dropped
	}
	if len(l.Sig) > 0 {
		j.v.Signed = n
	}
	j.world.take(n, l, j)
}

// end judges what only the end can tell; n is the line that would come next.
func (j *judge) end(n int, o Options) {
	if j.seals.owed != "" {
		j.find(j.seals.owedAt, "chain", "the record begins here, and no signed line says that those before were dropped")
	}
	switch last := j.seals.last; {
	case j.seals.until != "" && j.seals.until != j.seals.prev:
		j.find(n, "sealed", "the record ends before the line that the bundle's head names as the last")
	case o.Running || j.seals.until != "":
	case last == nil || last.Event != "checkpoint":
		j.find(n, "sealed", "the record does not end with a checkpoint: its end may have been cut off")
	}
	if w := j.world.live; w != nil && !o.Running {
		j.find(n, "ends", "window %d never ends", w.id)
	}
	j.v.Windows, j.v.Starts, j.v.Gaps = j.world.windows, j.world.starts, j.world.gaps
}
