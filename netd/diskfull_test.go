package netd_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// smallDisk is a file system that can be filled up.
func smallDisk(t *testing.T) (dir string, fill func(), free func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this test mounts a file system of 1 MiB: run it as root")
	}
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	fill = func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for err == nil {
			_, err = f.Write(bytes.Repeat([]byte{1}, 4096))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	return dir, fill, func() { os.Remove(ballast) }
}

// What cannot be recorded does not open; with room again everything goes on, and the record is whole.
func TestFullDiskOpensNoDoor(t *testing.T) {
	dir, fill, free := smallDisk(t)
	w := publisher(t)
	n := netdtest.Start(t, w, filepath.Join(dir, "netd"))
	ctx := t.Context()
	if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
		t.Fatal(err)
	}
	fill()
	_, err := n.Client.Open(ctx, fetch, nil)
	wantCode(t, "a window", err, windows.CodeDiskFull)
	if !strings.Contains(err.Error(), "no space left") {
		t.Errorf("the sentence is %q", err)
	}
	wantCode(t, "a site", n.Client.SetSite(ctx, netdtest.Site("127.0.0.1:22")), windows.CodeDiskFull)
	if strings.Contains(strings.Join(w.Log(), "\n"), "modem up") {
		t.Error("the radio was switched on")
	}
	free()
	win, err := n.Client.Open(ctx, fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	fill() // inside the window: its own lines were given room before
	if last, err := win.Close(ctx); err != nil || last.State != windows.Closed {
		t.Errorf("Close = %+v, %v", last, err)
	}
	if err := w.Shut(); err != nil {
		t.Error(err)
	}
	all := events(t, n)
	if last := all[len(all)-2:]; last[0].Event != recorder.WindowClosed || last[1].Event != recorder.Checkpoint {
		t.Errorf("the record ends with %+v", last)
	}
	free()
	if s, err := n.Client.Status(ctx); err != nil || s.Site != nil {
		t.Errorf("a site that was not kept is in use: %+v, %v", s.Site, err)
	}
}

// What cannot be recorded is not asked: the room that a window was given is used up, and the module hears no more.
func TestFullDiskAsksNoModule(t *testing.T) {
	dir, fill, _ := smallDisk(t)
	w := netdtest.NewWorld()
	n := netdtest.Start(t, w, filepath.Join(dir, "netd"))
	ctx := t.Context()
	win, err := n.Client.Open(ctx, service, nil)
	if err != nil {
		t.Fatal(err)
	}
	fill()
	q := windows.ModuleRequest{Do: windows.RawCommand, Command: "AT" + strings.Repeat("X", 398)}
	for range 1000 {
		if _, err = win.Ask(ctx, q); err != nil {
			break
		}
	}
	wantCode(t, "the question that is one too many", err, windows.CodeDiskFull)
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	put, recorded := 0, 0
	for _, line := range w.Log() {
		if line == "attend" {
			put++
		}
	}
	for _, e := range events(t, n) {
		if e.Event == recorder.ModuleAsked {
			recorded++
		}
	}
	if put != recorded || put < 100 {
		t.Errorf("%d questions were put, %d are recorded; want as many, and the reserved room used", put, recorded)
	}
}

// A disk that fills up while a window is open leaves the door's end told as far as there was room, shuts the door, and
// refuses the next window until the checkpoint that is owed could be written.
func TestFullDiskOwesACheckpoint(t *testing.T) {
	dir, fill, free := smallDisk(t)
	w := publisher(t)
	n := netdtest.Start(t, w, filepath.Join(dir, "netd"))
	ctx := t.Context()
	if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
		t.Fatal(err)
	}
	win, err := n.Client.Open(ctx, fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The room that was reserved is given back, as no file system does by itself: the lines of the end find none.
	record := filepath.Join(dir, "netd", "record.jsonl")
	info, err := os.Stat(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Truncate(record, info.Size()); err != nil {
		t.Fatal(err)
	}
	fill()
	for n := 0; err == nil || code(err) == windows.CodeNotAllowed; n++ { // each refusal is a line, in what the last page has left
		if _, err = win.DialContext(ctx, "tcp", "192.0.2.9:9"); n > 100 {
			t.Fatal("the disk does not get full")
		}
	}
	wantCode(t, "a dial that cannot be recorded", err, windows.CodeDiskFull)
	<-win.Done() // it ends the window
	last, err := win.Close(ctx)
	if wantCode(t, "the window", err, windows.CodeDiskFull); last.State != windows.Failed {
		t.Errorf("Close = %+v", last)
	}
	if err := w.Shut(); err != nil {
		t.Error(err)
	}
	before := len(events(t, n))
	_, err = n.Client.Open(ctx, fetch, nil)
	wantCode(t, "the next window", err, windows.CodeDiskFull)
	if strings.Count(strings.Join(w.Log(), "\n"), "modem up") != 1 {
		t.Error("the radio was switched on with a checkpoint owed")
	}
	free()
	win, err = n.Client.Open(ctx, fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	told := false
	for _, e := range events(t, n)[before:] {
		told = told || e.Event == recorder.Gap
	}
	if !told {
		t.Error("the gap is not told")
	}
}

// Whatever the state folder holds, netd starts with it or says which file to look at.
func TestDamagedStateIsNamed(t *testing.T) {
	for file, content := range map[string]string{
		"key": "not a key\n", "identity.json": `{"node":`, "site.json": "[]",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w := netdtest.NewWorld()
		_, err := netd.New(netd.Config{
			Modem: w.Modem(), Outer: w.Outer(), Inner: w.Inner(), Interlock: w.Interlock(), Tunnel: w.Tunnel(), StateDir: dir,
		})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, file)) {
			t.Errorf("with a damaged %s: New = %v", file, err)
		}
	}
}

func TestUnreadableFaultIsOneAllTheSame(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fault.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := publisher(t)
	n := netdtest.Start(t, w, dir)
	if err := n.Client.SetIdentity(t.Context(), netdtest.Identity()); err != nil {
		t.Fatal(err)
	}
	_, err := n.Client.Open(t.Context(), fetch, nil)
	wantCode(t, "a window", err, windows.CodeFault)
	wait(t, w, "the doors to be read back", func() bool { return n.Client.ClearFault(t.Context()) == nil })
	wait(t, w, "the fault to be gone", func() bool {
		s, err := n.Client.Status(t.Context())
		return err == nil && s.Machine == "shut" && s.Fault == ""
	})
}
