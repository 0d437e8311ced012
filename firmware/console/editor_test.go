package console

import (
	"errors"
	"strings"
	"testing"
)

// FuzzEditor types anything: a line that is read is bounded and free of control characters, and what
// is echoed cannot move a cursor.
func FuzzEditor(f *testing.F) {
	f.Add([]byte("status\r\n4\rdeploy\x08\x7f\x15\t\x1b[A\x1b[200~x\x1bOP\x00\r"))
	f.Add([]byte("\x1b[\x1b[\x1bO\x03\x04\xff\xc3\xa4\x7f\r"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		var out strings.Builder
		in := &input{bytes: make(chan byte, len(keys))}
		for _, b := range keys {
			in.bytes <- b
		}
		close(in.bytes)
		e := &editor{in: in, out: newOutput(&out, true), echo: true}
		for n := 0; ; n++ {
			line, err := e.read(t.Context(), "> ", 40, func(s string) string { return "tab " + s })
			if len(line) > 40 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("read %q of %q", line, keys)
			}
			if err != nil && !errors.Is(err, errInterrupt) && !errors.Is(err, errLogout) && !errors.Is(err, errTooLong) {
				break
			}
			if n > len(keys) {
				t.Fatalf("more lines than keys in %q", keys)
			}
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r > '~' || r < ' ' && r != '\r' && r != '\n' && r != '\b' }); i >= 0 {
			t.Fatalf("echoed %q for %q", out.String()[i:], keys)
		}
	})
}
