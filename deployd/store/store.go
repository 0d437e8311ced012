// Package store keeps fetched releases on the data partition: files by the SHA-256 of their content,
// the manifests that name them, and what was fetched of files that are not whole yet. A file counts
// only after its digest was verified and the disk has it. It opens no connection and judges no
// signature; deployd/fetch fills it, deployd/deploy reads it.
//
//	files/<sha256>          one file as it will be installed
//	partial/<sha256>        what is here of a stored form (named by the stored form's digest)
//	partial/<sha256>.out    the same being unpacked; worthless after a power cut
//	releases/<id>.json      the manifest as signed; there only when every file of it is in files/
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"airlock/deployd/durable"
	"airlock/deployd/release"
)

// Reserve is what stays free for state and reports, bytes.
const Reserve = 16 << 20

// Full says that there is no room on the data partition even after what may go has gone.
type Full struct {
	Folder     string
	Need, Free int64 // bytes; Need 0: not known
}

// Error is the sentence for a person.
func (e *Full) Error() string {
	return fmt.Sprintf("the data partition (%s) is full: %d bytes needed, %d free; nothing was installed, "+
		"what was fetched is kept as far as it went; make room or assign a smaller release", e.Folder, e.Need, e.Free)
}

// Store is a folder of the data partition. Its methods may be called by one goroutine at a time,
// except Open and Has.
type Store struct {
	root string
	disk durable.Disk
	free func() (int64, error) // bytes that an unprivileged user may still write
}

// New opens the store at root, makes its folders, and sweeps what a power cut left.
func New(root string, disk durable.Disk) (*Store, error) {
	s := &Store{root: root, disk: disk}
	s.free = s.statfs
	for _, d := range []string{"files", "partial", "releases"} {
		dir := filepath.Join(root, d)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make store: %w", err)
		}
		if err := durable.Sweep(dir); err != nil {
			return nil, err
		}
	}
	outs, err := filepath.Glob(filepath.Join(root, "partial", "*.out"))
	if err != nil {
		return nil, fmt.Errorf("sweep store: %w", err)
	}
	for _, p := range outs {
		if err := os.Remove(p); err != nil {
			return nil, fmt.Errorf("sweep store: %w", err)
		}
	}
	return s, nil
}

// Has says whether the file with that content is here, whole and verified.
func (s *Store) Has(sha256 string, size int64) bool {
	i, err := os.Stat(s.file(sha256))
	return err == nil && i.Mode().IsRegular() && i.Size() == size
}

// Open opens a file by its content's digest for reading.
func (s *Store) Open(sha256 string) (*os.File, error) {
	f, err := os.Open(s.file(sha256))
	if err != nil {
		return nil, fmt.Errorf("open file in store: %w", err)
	}
	return f, nil
}

// Drop removes a file that turned out to be damaged, and the manifests that need it: the release
// has to be completed by another fetch.
func (s *Store) Drop(sha256 string) error {
	ids, err := s.Releases()
	if err != nil {
		return err
	}
	for _, id := range ids {
		m, err := s.Manifest(id)
		if err != nil || names(m, sha256) {
			if err := s.disk.Remove(s.manifest(id)); err != nil {
				return err
			}
		}
	}
	return s.disk.Remove(s.file(sha256))
}

// names says whether a manifest needs that content.
func names(m release.Manifest, sha256 string) bool {
	for _, a := range m.Artifacts {
		if a.SHA256 == sha256 {
			return true
		}
	}
	return false
}

// Complete records that the release is whole: raw is its manifest as signed. It refuses while a file is missing.
func (s *Store) Complete(m release.Manifest, raw []byte) error {
	for _, a := range m.Artifacts {
		if !s.Has(a.SHA256, a.Size) {
			return fmt.Errorf("complete release %s: %s is not in the store", m.ID, a.Path)
		}
	}
	return s.full(s.disk.Write(s.manifest(m.ID), raw, 0o600), int64(len(raw)))
}

// Manifest is the manifest of a release that is whole; fs.ErrNotExist when it is not here.
func (s *Store) Manifest(id string) (release.Manifest, error) {
	var m release.Manifest
	if !release.ValidID(id) {
		return m, fmt.Errorf("read manifest of release %q: %w", id, fs.ErrNotExist)
	}
	b, err := os.ReadFile(s.manifest(id))
	if err != nil {
		return m, fmt.Errorf("read manifest of release: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read manifest of release %s: %w", id, err)
	}
	return m, nil
}

// Releases are the IDs of the releases that are whole, sorted.
func (s *Store) Releases() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, "releases"))
	if err != nil {
		return nil, fmt.Errorf("list releases in store: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && release.ValidID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// file is where content lies.
func (s *Store) file(sha256 string) string { return filepath.Join(s.root, "files", clean(sha256)) }

// manifest is where a manifest lies; id is valid.
func (s *Store) manifest(id string) string { return filepath.Join(s.root, "releases", id+".json") }

// clean keeps a digest that is none from naming a path.
func clean(sha256 string) string { return filepath.Base(filepath.Clean("/" + sha256)) }

// full makes a *Full of an error that means that there is no room.
func (s *Store) full(err error, need int64) error {
	if err == nil || !durable.IsFull(err) {
		return err
	}
	var f *Full
	if errors.As(err, &f) {
		return err
	}
	free, _ := s.free()
	return &Full{Folder: s.root, Need: need, Free: free}
}

// statfs asks the file system.
func (s *Store) statfs() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.root, &st); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
