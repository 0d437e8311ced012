package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Archive is a tar archive on disk whose members can be read by name.
type Archive struct {
	Size    int64
	file    *os.File
	members map[string]member // by clean path without a leading slash
}

// member is where a member's content lies.
type member struct {
	header *tar.Header
	offset int64
}

// OpenArchive reads the names of the members. The caller closes it.
func OpenArchive(name string) (*Archive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	a := &Archive{file: f, members: map[string]member{}}
	err = a.each(func(h *tar.Header, content io.Reader) error {
		at, err := f.Seek(0, io.SeekCurrent)
		a.members[clean(h.Name)] = member{h, at}
		return err
	})
	if err == nil {
		a.Size, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return a, nil
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

// each calls f for every member in the order of the archive. tar.Reader reads no further than the
// header, so that the file's position is then the start of the content.
func (a *Archive) each(f func(h *tar.Header, content io.Reader) error) error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := tar.NewReader(a.file)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(h, r); err != nil {
			return err
		}
	}
}

// clean makes one form of "./etc/", "/etc" and "etc". The root itself is "".
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// ReadFile returns the content of a regular file of the archive.
func (a *Archive) ReadFile(name string) ([]byte, error) {
	m, ok := a.members[name]
	if !ok || m.header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("the Debian packages brought no file /%s", name)
	}
	content := make([]byte, m.header.Size)
	if _, err := a.file.ReadAt(content, m.offset); err != nil {
		return nil, fmt.Errorf("read /%s of archive: %w", name, err)
	}
	return content, nil
}

// Glob returns the names that match a pattern, sorted.
func (a *Archive) Glob(pattern string) []string {
	var names []string
	for name := range a.members {
		if ok, _ := path.Match(pattern, name); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
