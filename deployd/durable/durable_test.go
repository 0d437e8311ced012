package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A write that fails before any of its changes leaves the old content and nothing beside it.
func TestWriteIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := (Disk{}).Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for at := 1; ; at++ {
		n := 0
		d := Disk{Before: func(op, p string) error {
			if n++; n == at {
				return broken
			}
			return nil
		}}
		err := d.Write(path, []byte("new"), 0o600)
		b, rerr := os.ReadFile(path)
		if rerr != nil {
			t.Fatal(rerr)
		}
		if err == nil {
			if string(b) != "new" || at < 3 {
				t.Errorf("content = %q after %d changes", b, at-1)
			}
			break
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); !errors.Is(err, broken) || string(b) != "old" || len(left) != 1 {
			t.Errorf("failure at change %d: %v, content %q, files %v", at, err, b, left)
		}
	}
}

func TestSweepTakesUnfinishedWritesOnly(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{".new-123", "state.json"} {
		os.WriteFile(filepath.Join(dir, n), nil, 0o600)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "state.json" {
		t.Errorf("left = %v", left)
	}
}

func TestRemoveOfNothing(t *testing.T) {
	if err := (Disk{}).Remove(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("Remove = %v", err)
	}
}
