package image

import (
	"io/fs"
	"os"
)

// regularOnly is a folder without its links and special files, and without what lies deeper: those
// of a systemd folder point to where a copy has nothing.
func regularOnly(dir string) fs.FS { return flat{os.DirFS(dir)} }

type flat struct{ fs.FS }

func (f flat) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	var regular []fs.DirEntry
	for _, e := range all {
		if e.Type().IsRegular() {
			regular = append(regular, e)
		}
	}
	return regular, err
}
