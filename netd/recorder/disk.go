package recorder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is the folder that a record lies in; tests give one whose power is cut, or which is full.
type disk interface {
	open(name string) (file, error) // for reading and writing; made if it is not there
	names() ([]string, error)
	rename(from, to string) error
	remove(name string) error
	sync() error // of the names
}

// file is what the recorder needs of an *os.File.
type file interface {
	io.ReaderAt
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// reserver is what a file may be besides: one that can be promised room.
type reserver interface {
	reserve(off, n int64) error
}

// folder is a disk of the operating system.
type folder string

func (d folder) open(name string) (file, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d folder) names() ([]string, error) {
	all, err := os.ReadDir(string(d))
	var names []string
	for _, e := range all {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d folder) rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

func (d folder) remove(name string) error {
	if err := os.Remove(filepath.Join(string(d), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d folder) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// osFile is a file of the operating system.
type osFile struct{ *os.File }

// reserve gets blocks without changing the length. A file system that cannot promise any is taken as it is.
func (f osFile) reserve(off, n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

var (
	_ disk     = folder("")
	_ file     = osFile{}
	_ reserver = osFile{}
)
