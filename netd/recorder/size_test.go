package recorder

import (
	"path/filepath"
	"testing"
	"time"
)

// A record that fills its limits is opened in seconds, since both doors are lowered only then. The first window after it
// drops what is beyond.
func TestLargestRecordOpens(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 70 MB: not with -short")
	}
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	for window := uint64(1); ; window++ {
		if err := r.Reserve(); err != nil {
			t.Fatal(err)
		}
		for range 4000 { // more than any window has: the fewer signatures, the faster the test
			if err := r.Append(Entry{Event: Dialled, Window: window, Door: "inner", Address: "10.90.0.11:22", In: count(1), Out: count(2)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Checkpoint(window); err != nil {
			t.Fatal(err)
		}
		if r.old != nil && r.old[0].first > 1 {
			break
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	again, err := Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	took := time.Since(begun)
	size := again.end
	for _, s := range again.old {
		size += s.size
	}
	t.Logf("%d lines in %d files, %.1f MB, opened in %v", again.State().Last.Seq-again.old[0].first+1, len(again.old)+1, float64(size)/1e6, took)
	if most := DefaultLimits.Most + 2*DefaultLimits.Segment; size > most || took > 20*time.Second {
		t.Errorf("%d bytes, opened in %v; want %d bytes at most", size, took, most)
	}
}
