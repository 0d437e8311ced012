package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCaptureIsReadableAtAnyTime(t *testing.T) {
	c, path := newTestCapture(t)
	before := time.Now()
	for i := range 3 {
		if err := c.Frame(make([]byte, 60+i)); err != nil {
			t.Fatal(err)
		}
		if got := len(readCapture(t, path)); got != i+1 { // while it is still being written
			t.Fatalf("capture has %d frames, want %d", got, i+1)
		}
	}
	if frames, bytes := c.Count(); frames != 3 || bytes != 60+61+62 {
		t.Errorf("Count() = %d, %d, want 3, 183", frames, bytes)
	}
	info, err := os.Stat(path)
	if err != nil || info.ModTime().Before(before.Add(-time.Second)) {
		t.Errorf("file time %v, %v", info.ModTime(), err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Frame(make([]byte, 60)); err == nil {
		t.Error("Frame on a closed capture = nil, want an error")
	}
}

func TestCaptureTellsThatItCannotWrite(t *testing.T) {
	if _, err := NewCapture("/dev/full"); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("NewCapture on a full disk = %v, want an error", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCapture(filepath.Join(file, "x.pcap")); err == nil {
		t.Error("NewCapture below a file = nil, want an error")
	}
	c, _ := newTestCapture(t)
	c.file.Close() // the disk went away
	first := c.Frame(make([]byte, 60))
	if first == nil || c.Err() == nil {
		t.Errorf("Frame = %v, Err = %v, want an error that stays", first, c.Err())
	}
	if frames, _ := c.Count(); frames != 0 {
		t.Errorf("%d frames are counted and none is written", frames)
	}
}
