package image

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is one file that is laid over the base. Everything laid over belongs to root.
type Entry struct {
	Path    string      // clean, without a leading slash
	Mode    fs.FileMode // permissions, and the type: regular, directory or symbolic link
	Target  string      // of a symbolic link
	Content []byte      // of a regular file
}

// entries collects what is laid over the base, sorted by path.
func (b *Builder) entries(base *Archive, binaries map[string]string) ([]Entry, error) {
	list, err := readOverlay(filepath.Join(b.recipe.Dir, "overlay"))
	if err != nil {
		return nil, err
	}
	for _, l := range b.recipe.Units {
		list = append(list, Entry{Path: l.Path, Mode: fs.ModeSymlink | 0o777, Target: l.Target})
	}
	for name, file := range binaries {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read binary %s: %w", name, err)
		}
		list = append(list, Entry{Path: binaryPaths[name], Mode: 0o755, Content: content})
	}
	node, err := os.ReadFile(filepath.Join(b.cfg.Source, "firmware", "config", "node.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read reference configuration: %w", err)
	}
	list = append(list, Entry{Path: "etc/airlock/node.yaml", Mode: 0o644, Content: node})
	release, err := base.ReadFile("usr/lib/os-release")
	if err != nil {
		return nil, err
	}
	release = fmt.Appendf(release, "IMAGE_ID=airlock\nIMAGE_VERSION=%q\n", b.cfg.Version)
	list = append(list, Entry{Path: "usr/lib/os-release", Mode: 0o644, Content: release})
	return sortEntries(list)
}

// readOverlay reads a folder. Of the permissions only "executable" is taken, so that the umask of
// who checked the repository out makes no difference.
func readOverlay(dir string) ([]Entry, error) {
	var list []Entry
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		e := Entry{Path: filepath.ToSlash(rel)}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			e.Mode = fs.ModeDir | 0o755
		case fs.ModeSymlink:
			e.Mode = fs.ModeSymlink | 0o777
			e.Target, err = os.Readlink(name)
		case 0:
			e.Mode = 0o644
			if info.Mode()&0o111 != 0 {
				e.Mode = 0o755
			}
			e.Content, err = os.ReadFile(name)
		default:
			err = fmt.Errorf("%s is no file, directory or symbolic link", name)
		}
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read overlay: %w", err)
	}
	return list, nil
}

// sortEntries orders by path, so that a directory comes before what is in it, adds the directories
// above, and refuses two different things at one path.
func sortEntries(list []Entry) ([]Entry, error) {
	have := map[string]bool{}
	for _, e := range list {
		if have[e.Path] && !e.Mode.IsDir() {
			return nil, fmt.Errorf("lay over: two files claim /%s (rootfs/overlay, rootfs/units or a binary)", e.Path)
		}
		have[e.Path] = true
	}
	for _, e := range slices.Clone(list) {
		for dir := path.Dir(e.Path); dir != "." && !have[dir]; dir = path.Dir(dir) {
			have[dir] = true
			list = append(list, Entry{Path: dir, Mode: fs.ModeDir | 0o755})
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// write puts the entry into an archive.
func (e Entry) write(w *tar.Writer, at time.Time) error {
	h := &tar.Header{Name: e.Path, Mode: int64(e.Mode.Perm()), ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatPAX}
	switch e.Mode.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case fs.ModeSymlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(e.Content))
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(e.Content)
	return err
}

// merge writes the root file system as one archive: of the base what is neither left out nor laid
// over, then the entries. No time stamp is later than at, everything belongs to root, and no program
// runs with rights that its caller has not: nothing on the appliance needs set-uid.
func merge(out io.Writer, base *Archive, recipe *Recipe, entries []Entry, at time.Time) error {
	over := map[string]bool{}
	for _, e := range entries {
		if err := checkPlace(base, e); err != nil {
			return err
		}
		// A directory that the base has keeps its owner and mode.
		over[e.Path] = !e.Mode.IsDir()
	}
	w := tar.NewWriter(out)
	err := base.each(func(h *tar.Header, content io.Reader) error {
		name := clean(h.Name)
		if name == "" || over[name] || recipe.leavesOut(name) {
			return nil
		}
		if h.Typeflag == tar.TypeLink && (recipe.leavesOut(clean(h.Linkname)) || over[clean(h.Linkname)]) {
			return fmt.Errorf("/%s is a hard link to /%s, which is left out or laid over; do the same with both", name, clean(h.Linkname))
		}
		tidy(h, at)
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy base: %w", err)
	}
	for _, e := range entries {
		if _, exists := base.members[e.Path]; exists && e.Mode.IsDir() && !recipe.leavesOut(e.Path) {
			continue
		}
		if err := e.write(w, at); err != nil {
			return fmt.Errorf("write /%s: %w", e.Path, err)
		}
	}
	return w.Close()
}

// tidy makes a header of the base fit for the image.
func tidy(h *tar.Header, at time.Time) {
	if h.ModTime.After(at) {
		h.ModTime = at
	}
	if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeLink {
		h.Mode &^= 0o6000
	}
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "root", "root"
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	h.Format = tar.FormatPAX
}

// checkPlace refuses an entry beneath something that is no directory in the base (/bin is a link to
// usr/bin), and a file in the place of a directory or the other way round.
func checkPlace(base *Archive, e Entry) error {
	for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
		if m, ok := base.members[dir]; ok && m.header.Typeflag != tar.TypeDir {
			return fmt.Errorf("lay over /%s: /%s is no directory in the base (%s); use the real path", e.Path, dir, m.header.Linkname)
		}
	}
	if m, ok := base.members[e.Path]; ok && (m.header.Typeflag == tar.TypeDir) != e.Mode.IsDir() {
		return fmt.Errorf("lay over /%s: it is a directory in the base or in the overlay, but not in both", e.Path)
	}
	return nil
}
