package recorder

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"airlock/netd/recorder/chain"
)

// segment is a finished file of the record.
type segment struct {
	name  string
	first uint64         // Seq of its first line
	last  chain.Position // its last line
	size  int64
}

// newSuffix marks the next file before it takes the place of the newest.
const newSuffix = ".new"

// segmentName is that of a finished file by the number of its first line: record.jsonl becomes
// record-00000000000000000042.jsonl, so that names sort as the lines do.
func (r *Recorder) segmentName(first uint64) string {
	stem, ok := strings.CutSuffix(r.name, ".jsonl")
	if !ok {
		return fmt.Sprintf("%s-%020d", r.name, first)
	}
	return fmt.Sprintf("%s-%020d.jsonl", stem, first)
}

// finished lists the finished files, the oldest first.
func (r *Recorder) finished() ([]string, error) {
	names, err := r.disk.names()
	if err != nil {
		return nil, err
	}
	stem, _ := strings.CutSuffix(r.name, ".jsonl")
	names = slices.DeleteFunc(names, func(name string) bool {
		digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ".jsonl"), stem+"-")
		first, err := strconv.ParseUint(digits, 10, 64)
		return !ok || err != nil || name != r.segmentName(first)
	})
	slices.Sort(names)
	return names, nil
}

// rotate finishes the newest file and begins the next, whose first line will follow its last; r.mu is held. The next
// is there before the newest is renamed, so that a full disk leaves everything as it was. A power cut
// in between leaves no newest file, or two names not yet on the disk: Open finds its way from each.
func (r *Recorder) rotate() error {
	if err := r.file.Sync(); err != nil {
		return err
	}
	next, err := r.disk.open(r.name + newSuffix)
	if err != nil {
		return err
	}
	err = next.Truncate(0)
	if err == nil {
		err = next.Sync()
	}
	name := r.segmentName(r.first)
	if err == nil {
		err = r.disk.rename(r.name, name)
	}
	if err != nil {
		return errors.Join(err, next.Close())
	}
	if err := r.disk.rename(r.name+newSuffix, r.name); err != nil {
		return errors.Join(err, next.Close(), r.disk.rename(name, r.name))
	}
	_ = r.file.Close() // synced above; nothing is left to be lost
	r.old = append(r.old, segment{name, r.first, r.at, r.end})
	r.file, r.end, r.first = next, 0, 0
	return r.disk.sync()
}

// trim drops the oldest files beyond the limits; r.mu is held. The signed line that tells it is on the disk before the
// file goes, so that a power cut leaves more than was told, never less.
func (r *Recorder) trim() error {
	for len(r.old) > 0 {
		total := int64(0)
		for _, s := range r.old {
			total += s.size
		}
		oldest := r.old[0]
		has := oldest.last.Seq <= r.acked
		if total <= r.Limits.Keep || !has && total <= r.Limits.Most {
			return nil
		}
		e := Entry{Event: Dropped, Key: r.key, Through: oldest.last.Seq, ThroughHash: oldest.last.Hash,
			Text: fmt.Sprintf("lines %d to %d, which the publisher has", oldest.first, oldest.last.Seq)}
		if !has {
			e.Code = Unacknowledged
			e.Text = fmt.Sprintf("lines %d to %d; the publisher has those up to %d only", oldest.first, oldest.last.Seq, r.acked)
		}
		if err := r.append(e, r.Key); err != nil {
			return err
		}
		if err := r.disk.remove(oldest.name); err != nil {
			return err
		}
		r.old = r.old[1:]
		if err := r.disk.sync(); err != nil {
			return err
		}
	}
	return nil
}
