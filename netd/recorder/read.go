package recorder

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"airlock/netd/recorder/chain"
)

// Exported is no event of the record but the first line of a bundle, see Export.
const Exported Event = chain.Exported

// Reader reads the lines that are in the record now, from the one numbered from on, and at least the last.
// It holds the files open until it is closed.
func (r *Recorder) Reader(from uint64) io.ReadCloser {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reader(from)
}

// reader is Reader; r.mu is held.
func (r *Recorder) reader(from uint64) io.ReadCloser {
	from = min(from, r.at.Seq)
	all := &reader{}
	var parts []io.Reader
	for _, s := range append(r.old[:len(r.old):len(r.old)], segment{r.name, r.first, r.at, r.end}) {
		if s.last.Seq < from && s.name != r.name {
			continue
		}
		f, err := r.disk.open(s.name)
		if err != nil {
			parts = append(parts, broken{fmt.Errorf("read the record: %w", err)})
			break
		}
		all.files = append(all.files, f)
		parts = append(parts, io.NewSectionReader(f, 0, s.size))
	}
	all.Reader = io.MultiReader(parts...)
	if from > 1 {
		all.Reader = &tail{lines: bufio.NewReader(all.Reader), from: from}
	}
	return all
}

// reader reads several files as one.
type reader struct {
	io.Reader
	files []file
}

// Close closes the files.
func (r *reader) Close() error {
	var all []error
	for _, f := range r.files {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}

// broken is a part that could not be opened.
type broken struct{ err error }

// Read fails.
func (b broken) Read([]byte) (int, error) { return 0, b.err }

// tail passes over the lines before one.
type tail struct {
	lines *bufio.Reader
	from  uint64
	found bool
}

// Read reads from the first line that is numbered from or more.
func (t *tail) Read(b []byte) (int, error) {
	for !t.found {
		start, err := t.lines.Peek(len(seqMark) + 20)
		if len(start) == 0 {
			return 0, err
		}
		if t.found = seqOf(start) >= t.from; t.found {
			break
		}
		if _, err := t.lines.ReadBytes('\n'); err != nil {
			return 0, err
		}
	}
	return t.lines.Read(b)
}

const seqMark = `{"seq":`

// seqOf reads a line's number off its beginning; 0 when it has none.
func seqOf(line []byte) uint64 {
	digits, ok := bytes.CutPrefix(line, []byte(seqMark))
	if i := bytes.IndexByte(digits, ','); !ok || i < 0 {
		return 0
	} else {
		n, _ := strconv.ParseUint(string(digits[:i]), 10, 64) // none is 0, too
		return n
	}
}

// Export reads the record as a bundle: before its lines stands a signed one which names the last, so that not even the
// end of it can be cut off unnoticed. The chain's checker knows it, on any machine.
func (r *Recorder) Export() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Entry{At: r.Clock.Now().UTC(), Boot: r.Clock.Boot(), BootID: r.bootID, Event: Exported,
		Key: r.key, Through: r.at.Seq, ThroughHash: r.at.Hash, Prev: chain.Genesis().Hash}
	head, _, err := encode(e, r.Key)
	if err != nil {
		return nil, err
	}
	lines := r.reader(0)
	return &bundle{io.MultiReader(bytes.NewReader(head), lines), lines}, nil
}

// bundle is a head and the lines behind it.
type bundle struct {
	io.Reader
	io.Closer
}

// ErrUnknown refuses an acknowledgement of what is not in the record.
var ErrUnknown = errors.New("it names a line that this record does not have")

// Acknowledge takes the publisher's word, carried by deployd, that it has the lines up to p; only then may they be
// dropped untold. Who does not know the hash of the line does not know the line.
func (r *Recorder) Acknowledge(p chain.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Seq <= r.acked {
		return nil
	}
	if p.Seq > r.at.Seq {
		return ErrUnknown
	}
	lines := r.reader(p.Seq)
	defer lines.Close()
	line, err := bufio.NewReader(lines).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read line %d of the record: %w", p.Seq, err)
	}
	if l, err := chain.Decode(bytes.TrimSuffix(line, []byte("\n"))); err != nil || l.Position() != p {
		return ErrUnknown
	}
	return r.append(Entry{Event: Acknowledged, Through: p.Seq, ThroughHash: p.Hash}, nil)
}
