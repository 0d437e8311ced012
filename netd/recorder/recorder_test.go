package recorder

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tick is a clock whose every reading is one second later.
type tick struct{ n int }

func (c *tick) Now() time.Time {
	c.n++
	return time.Unix(1_700_000_000+int64(c.n), 0)
}

func (c *tick) Boot() time.Duration { return time.Duration(c.n) * time.Second }

func count(n uint64) *uint64 { return &n }

// testKey is a record key.
func testKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func options() Options { return Options{Clock: &tick{}, Key: testKey()} }

// record makes a record of one window and gives its path.
func record(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		{Event: Started},
		{Event: WindowAsked, Window: 7, Door: "outer", Purpose: "fetch", Asker: `deployd ","hash":"`},
		{Event: WindowOpened, Window: 7, Door: "outer"},
		{Event: Dialled, Window: 7, Address: "[fd41::1]:80", In: count(12), Out: count(0)},
		{Event: WindowClosed, Window: 7, Door: "outer", In: count(12), Out: count(0)},
	} {
		if err := r.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Checkpoint(7); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reopen opens what content holds, appends a line, and gives the events that are then in the record.
func reopen(t *testing.T, content []byte) (events []Event, verdict error, entries []Entry) {
	t.Helper()
	d := newCutDisk()
	d.files["record.jsonl"] = &cutFile{d: d, now: slices.Clone(content)}
	r, err := open(d, "record.jsonl", options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(Entry{Event: Stopped}); err != nil {
		t.Fatal(err)
	}
	verdict = Read(r.Reader(0), func(e Entry) error {
		events, entries = append(events, e.Event), append(entries, e)
		return nil
	})
	return events, verdict, entries
}

func TestRecordIsCarriedOn(t *testing.T) {
	path := record(t)
	r, err := Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := r.LastWindow(); got != 7 {
		t.Errorf("LastWindow() = %d, want 7", got)
	}
	if err := r.Reserve(); err != nil {
		t.Error(err)
	}
	if err := r.Append(Entry{Event: Stopped}); err != nil {
		t.Fatal(err)
	}
	if n, err := Verify(r.Reader(0)); n != 8 || err != nil {
		t.Errorf("Verify = %d, %v, want 8 lines", n, err)
	}
	if b := read(t, path); bytes.Count(b, []byte("\n")) != 8 || b[len(b)-1] != '\n' {
		t.Errorf("the file has something behind its last line: %q", b[max(0, len(b)-20):])
	}
}

// Each single bit that is changed anywhere, each line that is missing, doubled or moved, is found,
// and in the right line.
func TestChangesAreFound(t *testing.T) {
	good := read(t, record(t))
	line := 1
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		var b *BadLine
		if _, err := Verify(bytes.NewReader(bad)); !errors.As(err, &b) {
			t.Fatalf("bit of byte %d changed: Verify = %v", i, err)
		} else if b.Line != line {
			t.Fatalf("bit of byte %d changed: line %d named, want %d", i, b.Line, line)
		}
		if good[i] == '\n' {
			line++
		}
	}
	lines := slices.Collect(strings.Lines(string(good)))
	for name, c := range map[string]struct {
		lines []string
		bad   int
	}{
		"first missing":  {lines[1:], 1},
		"middle missing": {slices.Delete(slices.Clone(lines), 2, 3), 3},
		"doubled":        {slices.Insert(slices.Clone(lines), 3, lines[2]), 4},
		"swapped":        {[]string{lines[0], lines[2], lines[1], lines[3]}, 2},
		"empty line":     {slices.Insert(slices.Clone(lines), 1, "\n"), 2},
	} {
		var b *BadLine
		_, err := Verify(strings.NewReader(strings.Join(c.lines, "")))
		if !errors.As(err, &b) || b.Line != c.bad {
			t.Errorf("%s: Verify = %v, want line %d named", name, err, c.bad)
		}
	}
}

// Wherever a power cut tears the file, the whole lines stay, the torn one is told and kept, and the
// chain goes on.
func TestTornEndIsRepaired(t *testing.T) {
	good := read(t, record(t))
	whole := 0
	for i := 0; i <= len(good); i++ {
		if i > 0 && good[i-1] == '\n' {
			whole++
		}
		events, err, entries := reopen(t, good[:i])
		if err != nil {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
		torn := i > 0 && good[i-1] != '\n'
		want := whole + 1
		if torn {
			want++
		}
		if whole == 0 { // the line that names the key was cut off, too
			want++
		}
		if len(events) != want || torn != slices.Contains(events, Repaired) {
			t.Fatalf("cut at byte %d: events %v, want %d, repaired %v", i, events, want, torn)
		}
		if begin := bytes.LastIndexByte(good[:i], '\n') + 1; torn && !bytes.Equal(entries[whole].Lost, good[begin:i]) {
			t.Fatalf("cut at byte %d: kept %q of the torn line", i, entries[whole].Lost)
		}
	}
	zeros := append(slices.Clone(good), make([]byte, 5000)...) // a file system may leave these behind
	if events, err, _ := reopen(t, zeros); err != nil || !slices.Contains(events, Repaired) {
		t.Errorf("zeros at the end: %v, %v", events, err)
	}
}

// A chain that is broken in the middle is evidence: nothing of it is cut off, and nothing hidden.
func TestBrokenChainIsToldAndKept(t *testing.T) {
	good := read(t, record(t))
	bad := bytes.Replace(good, []byte(`"window":7`), []byte(`"window":8`), 1)
	path := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	after := read(t, path)
	if !bytes.HasPrefix(after, bad) {
		t.Error("the record was rewritten")
	}
	told := string(after[len(bad):])
	if !strings.Contains(told, `"event":"broken"`) || !strings.Contains(told, "line 3 of the record") {
		t.Errorf("told: %s", told)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"prev":"","hash":""}`))
	f.Add([]byte{0, '\n', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "r")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, options())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Append(Entry{Event: Stopped}); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Reader(0))
		if err != nil || !bytes.Contains(got, []byte(`"event":"stopped"`)) {
			t.Errorf("after Open of %q: %q, %v", b, got, err)
		}
	})
}
