package recorder

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"airlock/netd/recorder/chain"
)

const lostKept = 4 << 10 // bytes of a torn line that its repair keeps; a line is far shorter

// findings is what a scan saw besides whole lines.
type findings struct {
	torn   []byte // the last line, when it is not whole
	broken error  // the first line that does not follow, with its file
}

// scan reads the finished files and then the newest, which it makes if a power cut has left none, to the
// end of the chain.
func (r *Recorder) scan() (findings, error) {
	var found findings
	names, err := r.finished()
	if err != nil {
		return found, err
	}
	c := chain.NewChecker(chain.Genesis(), "")
	for _, name := range names {
		f, err := r.disk.open(name)
		if err != nil {
			return found, err
		}
		r.first = 0
		size, err := r.scanFile(f, name, c, &found, false)
		if err := errors.Join(err, f.Close()); err != nil {
			return found, err
		}
		r.old = append(r.old, segment{name, r.first, c.At(), size})
	}
	if err := r.disk.remove(r.name + newSuffix); err != nil { // a rotation that did not come to its end
		return found, err
	}
	if r.file, err = r.disk.open(r.name); err != nil {
		return found, err
	}
	r.first = 0
	if r.end, err = r.scanFile(r.file, r.name, c, &found, true); err != nil {
		return found, err
	}
	r.at = c.At()
	if err := c.End(); err != nil && found.broken == nil {
		found.broken = fmt.Errorf("line 1 of the record: %w", err)
	}
	return found, r.disk.sync()
}

// scanFile follows the lines of one file, and returns their bytes. Only the newest can have a torn end: the others
// were on the disk before they got their names.
func (r *Recorder) scanFile(f file, name string, c *chain.Checker, found *findings, newest bool) (int64, error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f, 0, math.MaxInt64), 64<<10)
	end := int64(0)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return end, err
		}
		if len(line) == 0 {
			return end, nil
		}
		_, peek := lines.Peek(1)
		whole := line[len(line)-1] == '\n'
		if newest && peek != nil && (!whole || damaged(line)) {
			found.torn = line // a whole line without its newline counts as torn, too
			return end, nil
		}
		l, bad := c.Next(bytes.TrimSuffix(line, []byte("\n")))
		if bad != nil {
			if found.broken == nil {
				found.broken = fmt.Errorf("%s: %w", name, &BadLine{n, bad})
			}
			if l.Hash == "" || !whole {
				end += int64(len(line))
				continue
			}
			c.Resume(l) // carried on from what stands there
		}
		end += int64(len(line))
		r.note(l)
	}
}

// damaged says that a line was not written to its end, or is not what was written.
func damaged(line []byte) bool {
	_, err := chain.Decode(bytes.TrimSuffix(line, []byte("\n")))
	return err != nil
}

// tell repairs a torn end and writes down what was found.
func (r *Recorder) tell(found findings) error {
	if found.torn != nil {
		if err := r.file.Truncate(r.end); err != nil {
			return fmt.Errorf("cut off the torn line: %w", err)
		}
		e := Entry{Event: Repaired, Lost: found.torn[:min(len(found.torn), lostKept)], Text: fmt.Sprintf(
			"the last line was torn, as by a power cut: %d bytes, SHA-256 %x", len(found.torn), sha256.Sum256(found.torn))}
		if err := r.Append(e); err != nil {
			return err
		}
	}
	if found.broken != nil {
		if err := r.Append(Entry{Event: Broken, Code: "chain", Text: found.broken.Error()}); err != nil {
			return err
		}
	}
	return r.Sync()
}

// bootID tells boots apart; a kernel without it leaves the member out.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}
