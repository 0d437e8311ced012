package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A record that does not hold is 1, with the line named; one that cannot be judged is 2.
func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "record.jsonl")
	if err := os.WriteFile(bad, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args      []string
		code      int
		out, told string
	}{
		{[]string{bad}, 1, "line 1: form: its hash does not fit", ""},
		{[]string{"--json", bad}, 1, `"findings":[{"line":1,"rule":"form"`, ""},
		{[]string{"nowhere.jsonl"}, 2, "", "nowhere.jsonl"},
		{nil, 2, "", "name the record's files"},
		{[]string{"--nonsense"}, 2, "", "nonsense"},
		{[]string{"--running", os.DevNull}, 0, "0 lines, 0 windows, 0 starts, 0 gaps told, signed up to line 0: held", ""},
		{[]string{os.DevNull}, 1, "sealed", ""},
	} {
		var out, told bytes.Buffer
		if code := run(c.args, &out, &told); code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(told.String(), c.told) {
			t.Errorf("run(%q) = %d, %q, %q; want %d, %q, %q", c.args, code, out.String(), told.String(), c.code, c.out, c.told)
		}
	}
}
