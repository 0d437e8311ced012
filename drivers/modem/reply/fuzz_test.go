package reply

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the replies beside the profiles.
func seeds(f *testing.F, add func(command, answer string)) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no replies in testdata: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		command, answer := "", ""
		for _, line := range append(strings.Split(string(b), "\n"), "> ") {
			if next, ok := strings.CutPrefix(line, "> "); ok {
				if command != "" {
					add(command, answer)
				}
				command, answer = next, ""
			} else if part, ok := strings.CutPrefix(line, "< "); ok {
				answer += part + "\r\n"
			}
		}
	}
}

// FuzzReaders gives the same bytes to every reader there is: bytes from a broken line must never bring the doorkeeper
// down, and what was read can always be written.
func FuzzReaders(f *testing.F) {
	seeds(f, func(_, answer string) { f.Add(answer) })
	all := table()
	f.Fuzz(func(t *testing.T, answer string) {
		lines, _ := cut("AT", answer)
		for _, e := range all {
			for _, form := range []Form{e.form, Read, Set} {
				got, err := e.read(Reply{Name: e.name, Form: form, Lines: lines})
				check(t, e.name, got, err)
			}
		}
	})
}

// FuzzPrefixed puts each reader's own prefix before the bytes, so that it gets past the first look.
func FuzzPrefixed(f *testing.F) {
	all := table()
	seeds(f, func(_, answer string) {
		_, rest, _ := strings.Cut(answer, ":")
		f.Add(rest)
	})
	f.Fuzz(func(t *testing.T, rest string) {
		for _, e := range all {
			got, err := Parse(e.name+string(e.form), Dialect{DeviceByCID: len(rest)%2 == 0}, []byte(e.name+":"+rest))
			check(t, e.name, got, err)
		}
	})
}

// FuzzParse mutates commands as well.
func FuzzParse(f *testing.F) {
	seeds(f, func(command, answer string) { f.Add(command, answer) })
	f.Fuzz(func(t *testing.T, command, answer string) {
		got, err := Parse(command, Dialect{}, []byte(answer))
		check(t, command, got, err)
		_ = SameAPN(command, answer)
		_, _ = ParseNumber(answer)
		_ = Unhex(answer)
		_ = IsIMEI(answer)
	})
}

// check holds what is true of every reading.
func check(t *testing.T, name string, got any, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if _, err := json.Marshal(got); err != nil {
		t.Errorf("%s: %+v cannot be written: %v", name, got, err)
	}
	switch v := got.(type) {
	case nil:
		t.Errorf("%s: read nothing, and said nothing", name)
	case Retries:
		for _, n := range []*int{v.PIN, v.PIN2, v.PUK, v.PUK2, v.Current} {
			if n != nil && (*n < 0 || *n > 15) {
				t.Errorf("%s: %d tries left", name, *n)
			}
		}
	case Registration:
		if v.Registered() && v.Denied() || v.Stat == nil && v.Registered() {
			t.Errorf("%s: %+v is registered and is not", name, v)
		}
	case Card:
		if !strings.HasPrefix(v.ICCID, "89") {
			t.Errorf("%s: ICCID %q", name, v.ICCID)
		}
	}
}
