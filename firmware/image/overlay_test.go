package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// epoch is the time stamp of the archives under test; what the base has is later.
var epoch = time.Unix(1_700_000_000, 0)

// archiveOf writes a base with the headers given; regular files contain their own name.
func archiveOf(t *testing.T, headers ...*tar.Header) *Archive {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.ModTime.IsZero() {
			h.ModTime = epoch.Add(time.Hour)
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, h.Name)
		}
	}
	w.Close()
	file := filepath.Join(t.TempDir(), "base.tar")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := OpenArchive(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func dir(name string) *tar.Header {
	return &tar.Header{Name: "./" + name + "/", Typeflag: tar.TypeDir, Mode: 0o755}
}

func file(name string, mode int64, uid int) *tar.Header {
	return &tar.Header{Name: "./" + name, Typeflag: tar.TypeReg, Mode: mode, Uid: uid, Gid: uid}
}

// listing reads an archive as lines of "mode uid:gid path[ -> target][ = content]".
func listing(t *testing.T, archive []byte) (lines []string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.After(epoch) {
			t.Errorf("%s is of %s, later than %s", h.Name, h.ModTime, epoch)
		}
		line := fmt.Sprintf("%04o %d:%d %s", h.Mode, h.Uid, h.Gid, clean(h.Name))
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if content, _ := io.ReadAll(r); len(content) > 0 {
			line += " = " + string(content)
		}
		lines = append(lines, line)
	}
}

func TestMerge(t *testing.T) {
	base := archiveOf(t, dir("."), dir("etc"), file("etc/hosts", 0o644, 0), file("etc/passwd", 0o640, 42),
		dir("usr"), dir("usr/bin"), file("usr/bin/su", 0o4755, 0), dir("boot"), file("boot/vmlinuz", 0o600, 0),
		&tar.Header{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin", Mode: 0o777})
	entries, err := sortEntries([]Entry{
		{Path: "usr/lib/airlock/netd", Mode: 0o755, Content: []byte("ELF")},
		{Path: "etc/hosts", Mode: 0o644, Content: []byte("ours")},
		{Path: "etc/systemd/system/x", Mode: fs.ModeSymlink | 0o777, Target: "/dev/null"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0755 0:0 etc",
		"0640 0:0 etc/passwd = ./etc/passwd",
		"0755 0:0 usr",
		"0755 0:0 usr/bin",
		"0755 0:0 usr/bin/su = ./usr/bin/su",
		"0777 0:0 bin -> usr/bin",
		"0644 0:0 etc/hosts = ours",
		"0755 0:0 etc/systemd",
		"0755 0:0 etc/systemd/system",
		"0777 0:0 etc/systemd/system/x -> /dev/null",
		"0755 0:0 usr/lib",
		"0755 0:0 usr/lib/airlock",
		"0755 0:0 usr/lib/airlock/netd = ELF",
	}
	var out, again bytes.Buffer
	for _, w := range []io.Writer{&out, &again} {
		if err := merge(w, base, &Recipe{LeaveOut: []string{"boot"}}, entries, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if got := listing(t, out.Bytes()); !slices.Equal(got, want) {
		t.Errorf("merge:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("merging twice gives two different archives")
	}
}

func TestMergeRefusesWhatWouldBreakTheRoot(t *testing.T) {
	headers := func() []*tar.Header {
		return []*tar.Header{dir("usr"), dir("usr/bin"), file("usr/bin/perl", 0o755, 0),
			{Name: "./usr/bin/other", Typeflag: tar.TypeLink, Linkname: "./usr/bin/perl"},
			{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin"}}
	}
	for _, c := range []struct {
		name, want string
		leaveOut   []string
		entry      Entry
	}{
		{"beneath a link", "/bin is no directory in the base (usr/bin)", nil, Entry{Path: "bin/airlock"}},
		{"file over directory", "a directory in the base or in the overlay, but not in both", nil, Entry{Path: "usr/bin"}},
		{"directory over file", "but not in both", nil, Entry{Path: "usr/bin/perl", Mode: fs.ModeDir}},
		{"link without its file", "/usr/bin/other is a hard link to /usr/bin/perl", []string{"usr/bin/perl"}, Entry{Path: "x"}},
	} {
		err := merge(io.Discard, archiveOf(t, headers()...), &Recipe{LeaveOut: c.leaveOut}, []Entry{c.entry}, epoch)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: merge = %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// Who checks the repository out with another umask gets the same image.
func TestOverlayIgnoresTheUmask(t *testing.T) {
	tree := func(dirMode, fileMode, programMode fs.FileMode) []Entry {
		root := t.TempDir()
		write(t, filepath.Join(root, "etc/a"), "a")
		write(t, filepath.Join(root, "usr/b"), "b")
		if err := os.Symlink("a", filepath.Join(root, "etc/link")); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]fs.FileMode{"etc": dirMode, "etc/a": fileMode, "usr/b": programMode} {
			if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		list, err := readOverlay(root)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := "[etc drwxr-xr-x  etc/a -rw-r--r--  etc/link Lrwxrwxrwx a usr drwxr-xr-x  usr/b -rwxr-xr-x ]"
	for _, modes := range [][3]fs.FileMode{{0o755, 0o644, 0o755}, {0o700, 0o600, 0o700}, {0o777, 0o664, 0o775}} {
		var got []string
		for _, e := range tree(modes[0], modes[1], modes[2]) {
			got = append(got, fmt.Sprintf("%s %s %s", e.Path, e.Mode, e.Target))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("with modes %o: %v, want %s", modes, got, want)
		}
	}
}

func TestTwoFilesAtOnePathAreRefused(t *testing.T) {
	_, err := sortEntries([]Entry{{Path: "etc/x", Mode: 0o644}, {Path: "etc/x", Mode: fs.ModeSymlink}})
	if err == nil || !strings.Contains(err.Error(), "/etc/x") {
		t.Errorf("sortEntries = %v, want an error that names /etc/x", err)
	}
}

func TestEpochComesFromTheEnvironment(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	b := Builder{cfg: Config{Source: t.TempDir(), Version: "v"}}
	if err := b.fillFromSource(t.Context()); err != nil || !b.cfg.Epoch.Equal(epoch) {
		t.Errorf("epoch = %v, %v, want %v", b.cfg.Epoch, err, epoch)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	b = Builder{cfg: Config{Source: t.TempDir(), Version: "v"}}
	if err := b.fillFromSource(t.Context()); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("a bad SOURCE_DATE_EPOCH gives %v, want an error that names it", err)
	}
}

func TestArchiveReadsMembersByName(t *testing.T) {
	a := archiveOf(t, dir("boot"), file("boot/vmlinuz-6.12", 0o644, 0), file("boot/vmlinuz-6.13", 0o644, 0))
	if got, err := a.ReadFile("boot/vmlinuz-6.13"); err != nil || string(got) != "./boot/vmlinuz-6.13" {
		t.Errorf("ReadFile = %q, %v", got, err)
	}
	if got := a.Glob("boot/vmlinuz-*"); !slices.Equal(got, []string{"boot/vmlinuz-6.12", "boot/vmlinuz-6.13"}) {
		t.Errorf("Glob = %q", got)
	}
	for _, name := range []string{"boot", "boot/none"} {
		if _, err := a.ReadFile(name); err == nil {
			t.Errorf("ReadFile(%q) gave no error", name)
		}
	}
	cut := filepath.Join(t.TempDir(), "cut.tar")
	write(t, cut, strings.Repeat("not an archive ", 100))
	if _, err := OpenArchive(cut); err == nil {
		t.Error("a file that is no archive was opened")
	}
}
