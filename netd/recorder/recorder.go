package recorder

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lostKept = 4 << 10 // bytes of a torn line that its repair keeps; a line is far shorter
	// reserve is what a window's own lines may need: asked for before a door opens, so that a full disk
	// refuses the window instead of leaving its end untold.
	reserve = 256 << 10
)

// Clock gives the two times of a line.
type Clock interface {
	Now() time.Time
	Boot() time.Duration
}

// Recorder writes one record. Its methods may be called by several goroutines.
type Recorder struct {
	clock  Clock
	bootID string

	mu     sync.Mutex
	file   file   // guarded by mu
	end    int64  // offset behind the last whole line; guarded by mu
	chain  chain  // guarded by mu
	window uint64 // the highest window number seen; guarded by mu
	missed int    // events that could not be written since the last that was; guarded by mu
	why    error  // the error of the first of these; guarded by mu
}

// file is what the recorder needs of an *os.File; tests give one whose disk is full.
type file interface {
	io.ReaderAt
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Open opens the record at path, or begins one. A last line that a power cut has torn is cut off
// and kept in a line that tells so; a chain that is broken elsewhere is left as it is, told in a
// line, and carried on.
func Open(path string, clock Clock) (*Recorder, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the record: %w", err)
	}
	r := &Recorder{clock: clock, bootID: bootID(), file: f}
	found, err := r.scan(f)
	if err == nil {
		err = r.tell(found)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open the record %s: %w", path, err)
	}
	return r, nil
}

// findings is what a scan saw besides whole lines.
type findings struct {
	torn   []byte // the last line, when it is not whole
	broken *BadLine
}

// scan finds the end of the chain.
func (r *Recorder) scan(f io.Reader) (findings, error) {
	var found findings
	r.chain = chain{hash: genesis}
	lines := bufio.NewReaderSize(f, 64<<10)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return found, err
		}
		if len(line) == 0 {
			return found, nil
		}
		before := r.chain
		e, bad := r.chain.follow(bytes.TrimSuffix(line, []byte("\n")))
		_, peek := lines.Peek(1)
		last := peek != nil
		switch whole := line[len(line)-1] == '\n'; {
		case last && (!whole || errors.Is(bad, errTorn) || errors.Is(bad, errHash)):
			found.torn, r.chain = line, before // a whole line without its newline counts as torn, too
			return found, nil
		case bad != nil:
			if found.broken == nil {
				found.broken = &BadLine{n, bad}
			}
			if e.Hash != "" {
				r.chain = chain{seq: e.Seq, hash: e.Hash} // carried on from what stands there
			}
		}
		r.end += int64(len(line))
		r.window = max(r.window, e.Window)
	}
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

// Append writes one line; the clocks, the number and the chain are the recorder's to set. After an
// error the line is not in the record, whose next line tells that one is missing.
func (r *Recorder) Append(e Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed > 0 {
		gap := Entry{Event: Gap, Text: fmt.Sprintf("%d events could not be written: %v", r.missed, r.why)}
		if err := r.write(gap); err != nil {
			r.missed++
			return err
		}
		r.missed, r.why = 0, nil
	}
	if err := r.write(e); err != nil {
		r.missed, r.why = 1, err
		return err
	}
	return nil
}

// write puts a line behind the last whole one; r.mu is held. What a failed write leaves behind is
// overwritten by the next, or repaired when the file is opened again.
func (r *Recorder) write(e Entry) error {
	e.At, e.Boot, e.BootID = r.clock.Now().UTC(), r.clock.Boot(), r.bootID
	e.Seq, e.Prev = r.chain.seq+1, r.chain.hash
	line, hash, err := encode(e)
	if err != nil {
		return err
	}
	if _, err := r.file.WriteAt(line, r.end); err != nil {
		_ = r.file.Truncate(r.end) // else the next line overwrites it, and Open repairs what is left
		return fmt.Errorf("write the record: %w", err)
	}
	r.end += int64(len(line))
	r.chain = chain{seq: e.Seq, hash: hash}
	r.window = max(r.window, e.Window)
	return nil
}

// Reserve makes sure that the lines of one window will have room, and that all before it are on the disk.
func (r *Recorder) Reserve() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f, ok := r.file.(*os.File); ok {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, r.end, reserve)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("reserve room for the record: %w", err)
		}
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("bring the record to the disk: %w", err)
	}
	return nil
}

// Sync brings every line to the disk.
func (r *Recorder) Sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("bring the record to the disk: %w", err)
	}
	return nil
}

// LastWindow is the highest window number in the record, so that numbers are never used twice.
func (r *Recorder) LastWindow() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window
}

// Reader reads the lines that are in the record now.
func (r *Recorder) Reader() io.Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return io.NewSectionReader(r.file, 0, r.end)
}

// Close brings every line to the disk and closes the file.
func (r *Recorder) Close() error {
	return errors.Join(r.Sync(), r.file.Close())
}

// bootID tells boots apart; a kernel without it leaves the member out.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}
