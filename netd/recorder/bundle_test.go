package recorder

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/netd/recorder/chain"
)

// bundled is the record of two windows as a bundle.
func bundled(t *testing.T) (bundle []byte, key string) {
	t.Helper()
	d := newCutDisk()
	if _, err := live(d, 2); err != nil {
		t.Fatal(err)
	}
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Export()
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	b, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	return b, r.State().Key
}

// A bundle tells each line that is missing, its last included, each pair that is swapped, and each byte that is changed.
func TestBundleTellsEveryChange(t *testing.T) {
	bundle, key := bundled(t)
	s, err := Check(bytes.NewReader(bundle), key, nil)
	if err != nil || s.Key != key || s.Lines != s.Last.Seq {
		t.Fatalf("Check = %+v, %v", s, err)
	}
	lines := slices.Collect(strings.Lines(string(bundle)))
	for i := range lines {
		var bad *BadLine
		cut := slices.Delete(slices.Clone(lines), i, i+1)
		_, err := Verify(strings.NewReader(strings.Join(cut, "")))
		// Without its head a bundle is a record, which holds by itself.
		if i > 0 && (!errors.As(err, &bad) || bad.Line != i+1) {
			t.Errorf("line %d taken out: %v", i+1, err)
		}
		if i == 0 {
			continue
		}
		moved := slices.Clone(lines)
		moved[i-1], moved[i] = moved[i], moved[i-1]
		if _, err := Verify(strings.NewReader(strings.Join(moved, ""))); !errors.As(err, &bad) || bad.Line != i && bad.Line != i+1 {
			t.Errorf("lines %d and %d swapped: %v", i, i+1, err)
		}
	}
	for i := 0; i < len(bundle); i += 5 {
		changed := slices.Clone(bundle)
		changed[i] ^= 4
		if _, err := Verify(bytes.NewReader(changed)); err == nil {
			t.Fatalf("byte %d changed, and it verifies", i)
		}
	}
}

// Who rewrites the record and computes every hash anew still lacks the key.
func TestForgedRecordHasAnotherKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	other := options()
	other.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	r, err := Open(path, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Append(Entry{Event: Started}), r.Checkpoint(0)); err != nil {
		t.Fatal(err)
	}
	key := chain.KeyText(testKey().Public().(ed25519.PublicKey))
	var bad *BadLine
	if _, err := Check(r.Reader(0), key, nil); !errors.As(err, &bad) || bad.Line != 3 || !errors.Is(err, chain.ErrKey) {
		t.Errorf("Check against the node's key = %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err = Open(path, options()) // the key was lost, and made anew
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Checkpoint(0); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(r.Reader(0)); !errors.As(err, &bad) || bad.Line != 5 || !errors.Is(err, chain.ErrKey) {
		t.Errorf("Verify over two keys = %v", err)
	}
}

func TestReaderBeginsAnywhere(t *testing.T) {
	d := newCutDisk()
	if _, err := live(d, 5); err != nil {
		t.Fatal(err)
	}
	r, err := open(d, "record.jsonl", on(d))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.old) == 0 {
		t.Fatal("nothing was rotated")
	}
	first, last := r.old[0].first, r.State().Last.Seq
	for from := uint64(0); from <= last+3; from++ {
		b, err := io.ReadAll(r.Reader(from))
		if err != nil {
			t.Fatal(err)
		}
		want := min(max(from, first), last)
		if got := seqOf(b); got != want || uint64(bytes.Count(b, []byte("\n"))) != last-want+1 {
			t.Errorf("Reader(%d) begins with line %d and has %d lines, want %d and %d", from, got, bytes.Count(b, []byte("\n")), want, last-want+1)
		}
	}
}

// wild is a clock that jumps years back and forth, beyond what JSON can hold.
type wild struct{ tick }

func (c *wild) Now() time.Time {
	c.n++
	years := []int{0, 30, -50, 8000, -3000}[c.n%5]
	return time.Date(2026+years, 1, 1, 0, 0, c.n, 0, time.UTC)
}

func TestClockJumpsYears(t *testing.T) {
	d := newCutDisk()
	o := on(d)
	o.Clock = &wild{}
	r, err := open(d, "record.jsonl", o)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := r.Append(Entry{Event: Dialled}); err != nil {
			t.Fatal(err)
		}
	}
	var before Entry
	backwards := 0
	_, err = Check(r.Reader(0), "", func(e Entry) error {
		if e.Boot < before.Boot || e.Seq != before.Seq+1 {
			t.Errorf("line %d at %v since boot follows line %d at %v", e.Seq, e.Boot, before.Seq, before.Boot)
		}
		if e.At.Before(before.At) {
			backwards++
		}
		before = e
		return nil
	})
	if err != nil || backwards < 5 {
		t.Errorf("%v; the clock went back %d times", err, backwards)
	}
}
