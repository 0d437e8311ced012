package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"airlock/netd/netdtest"
	"airlock/netd/windows"
	"airlock/tests/model"
)

const page = 4096

// disk is a small file system of its own.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T) disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this test mounts a file system of 1 MiB: run it as root")
	}
	d := disk{t, t.TempDir()}
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

// leave fills the disk up to a number of pages.
func (d disk) leave(pages int) {
	d.t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(d.dir, &s); err != nil {
		d.t.Fatal(err)
	}
	free := int(s.Bavail)*int(s.Bsize)/page - pages
	if free <= 0 {
		return
	}
	f, err := os.CreateTemp(d.dir, "ballast")
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte{1}, free*page)); err != nil {
		d.t.Fatal(err)
	}
}

// free takes the ballast away.
func (d disk) free() {
	all, err := filepath.Glob(filepath.Join(d.dir, "ballast*"))
	for _, name := range all {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func code(err error) string {
	var p *windows.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// Whatever room is left when a window is asked for, and although the room that it reserved is taken away again and filled:
// either it is refused and nothing moves, or it opens, and shuts. With room again the next window opens; what could
// not be written is a told gap, and the model finds nothing in the record.
func TestAnyRoomOnTheDisk(t *testing.T) {
	refused, opened, gaps := 0, 0, 0
	for pages := 0; pages < 72; pages += 3 {
		d, w := newDisk(t), netdtest.NewWorld()
		state := filepath.Join(d.dir, "netd")
		n := netdtest.Start(t, w, state)
		ctx := t.Context()
		if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
			t.Fatal(err)
		}
		d.leave(pages)
		win, err := n.Client.Open(ctx, fetch, nil)
		switch {
		case err == nil:
			opened++
			d.strain(t, win, filepath.Join(state, "record.jsonl"))
			<-win.Done() // what cannot be recorded ends the window
			if last, err := win.Close(ctx); code(err) != windows.CodeDiskFull || last.State != windows.Failed {
				t.Errorf("room for %d pages: Close = %+v, %v", pages, last, err)
			}
		case code(err) != windows.CodeDiskFull:
			t.Fatalf("room for %d pages: %v", pages, err)
		default:
			refused++
			if strings.Contains(strings.Join(w.Log(), "\n"), "modem up") {
				t.Errorf("room for %d pages: the window is refused, and the radio was on", pages)
			}
		}
		if err := w.Shut(); err != nil {
			t.Errorf("room for %d pages: %v", pages, err)
		}
		d.free()
		win, err = n.Client.Open(ctx, fetch, nil)
		if err != nil {
			t.Fatalf("with room again: %v", err)
		}
		if _, err := win.Close(ctx); err != nil {
			t.Error(err)
		}
		n.Stop()
		record := (&life{t: t, dir: state}).copied()
		gaps += judge(t, "after a full disk", record, model.Options{}).Gaps
	}
	if refused < 10 || opened < 2 || gaps < opened {
		t.Errorf("%d windows refused, %d opened, %d gaps: the rooms do not meet both sides", refused, opened, gaps)
	}
	t.Logf("%d windows refused, %d opened and shut on a full disk, %d gaps told", refused, opened, gaps)
}

// strain takes away the room that a window reserved, fills the disk, and dials until nothing more can be recorded.
func (d disk) strain(t *testing.T, win *windows.Window, record string) {
	t.Helper()
	info, err := os.Stat(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Truncate(record, info.Size()); err != nil {
		t.Fatal(err)
	}
	d.leave(0)
	for n := 0; ; n++ {
		_, err := win.DialContext(t.Context(), "tcp", "192.0.2.9:9")
		if code(err) == windows.CodeDiskFull {
			return
		}
		if code(err) != windows.CodeNotAllowed || n > 100 {
			t.Fatalf("dial %d of a place that is not allowed = %v", n, err)
		}
	}
}
