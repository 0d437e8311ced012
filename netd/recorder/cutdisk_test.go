package recorder

import (
	"errors"
	"io"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// errCut is what every operation meets once the power is gone.
var errCut = errors.New("the power is gone")

// cutDisk is a folder in memory that keeps apart what was synced and what was only written. Its operations are counted:
// the one numbered cutAt and all behind it fail with errCut, or only that one with fault.
type cutDisk struct {
	files  map[string]*cutFile // as the running system sees it
	stable map[string]*cutFile // the names that are on the disk
	ops    int
	cutAt  int // 0: never
	fault  error
	room   int // bytes of all files together; 0: without end
	stuck  bool
}

// cutFile is one file: its content, and the part of its history that is on the disk.
type cutFile struct {
	d      *cutDisk
	now    []byte
	synced []byte
}

func newCutDisk() *cutDisk {
	return &cutDisk{files: map[string]*cutFile{}, stable: map[string]*cutFile{}}
}

// survival says what a power cut leaves of what was not synced.
type survival string

const (
	nothingKept survival = "nothing" // neither names nor content
	allKept     survival = "all"     // as if it had been synced
	halfKept    survival = "half"    // the names, and half of the content that was written last
	namesKept   survival = "names"   // the names, and nothing of the content
)

// after is the disk that the next start finds.
func (d *cutDisk) after(s survival) *cutDisk {
	next := newCutDisk()
	names := d.files
	if s == nothingKept {
		names = d.stable
	}
	for name, f := range names {
		content := f.synced
		switch s {
		case allKept:
			content = f.now
		case halfKept:
			if len(f.now) > len(f.synced) {
				content = f.now[:len(f.synced)+(len(f.now)-len(f.synced))/2]
			}
		}
		g := &cutFile{d: next, now: slices.Clone(content), synced: slices.Clone(content)}
		next.files[name], next.stable[name] = g, g
	}
	return next
}

// step counts an operation, and says whether it fails.
func (d *cutDisk) step() error {
	d.ops++
	if d.cutAt == 0 || d.ops < d.cutAt {
		return nil
	}
	if d.fault != nil {
		if d.ops == d.cutAt || d.stuck {
			return d.fault
		}
		return nil
	}
	return errCut
}

func (d *cutDisk) open(name string) (file, error) {
	f := d.files[name]
	if f != nil {
		return f, nil
	}
	if err := d.step(); err != nil {
		return nil, err
	}
	f = &cutFile{d: d}
	d.files[name] = f
	return f, nil
}

func (d *cutDisk) names() ([]string, error) { return slices.Collect(maps.Keys(d.files)), nil }

func (d *cutDisk) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *cutDisk) remove(name string) error {
	if d.files[name] == nil {
		return nil
	}
	if err := d.step(); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *cutDisk) sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.stable = maps.Clone(d.files)
	return nil
}

// used is what all files take.
func (d *cutDisk) used() int {
	n := 0
	for _, f := range d.files {
		n += len(f.now)
	}
	return n
}

// WriteAt writes whole, or half where it fails.
func (f *cutFile) WriteAt(b []byte, off int64) (int, error) {
	err := f.d.step()
	keep := len(b)
	if err != nil {
		keep /= 2
	}
	if f.d.room > 0 {
		if left := f.d.room - f.d.used() + len(f.now) - int(off); left < keep {
			keep, err = max(0, left), unix.ENOSPC
		}
	}
	f.now = append(f.now[:min(len(f.now), int(off)):int(off)], b[:keep]...)
	return keep, err
}

// ReadAt reads.
func (f *cutFile) ReadAt(b []byte, off int64) (int, error) {
	if off >= int64(len(f.now)) {
		return 0, io.EOF
	}
	n := copy(b, f.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Truncate cuts; that a file shrinks is on the disk with the next Sync only.
func (f *cutFile) Truncate(size int64) error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.now = f.now[:min(len(f.now), int(size))]
	return nil
}

// Sync brings the content to the disk.
func (f *cutFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.synced = slices.Clone(f.now)
	return nil
}

// Close changes nothing.
func (f *cutFile) Close() error { return nil }

// reserve takes a place in the count, and no room.
func (f *cutFile) reserve(off, n int64) error {
	if f.d.room > 0 && f.d.room-f.d.used() < 1000 {
		return unix.ENOSPC
	}
	return f.d.step()
}

var (
	_ disk     = (*cutDisk)(nil)
	_ file     = (*cutFile)(nil)
	_ reserver = (*cutFile)(nil)
)
