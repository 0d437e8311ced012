package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// output writes to the line: ASCII, with the line ends that it needs. What a terminal would act
// upon never passes, whoever wrote it. A write that fails is not reported: the same line is read,
// and its end shows there.
type output struct {
	mu   sync.Mutex
	to   io.Writer
	raw  bool
	asis bool   // JSON passes: characters beyond ASCII too, since a record is checked byte by byte
	part []byte // of a character whose other bytes come with the next Write
	col  int    // characters since the last line end
}

func newOutput(line io.Writer, raw bool) *output { return &output{to: line, raw: raw} }

// Write takes UTF-8 text.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := append(o.part, p...)
	o.part = nil
	var b strings.Builder
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			o.part = append([]byte(nil), text...)
			break
		}
		r, n := utf8.DecodeRune(text)
		o.put(&b, r, text[:n])
		text = text[n:]
	}
	if _, err := io.WriteString(o.to, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *output) put(b *strings.Builder, r rune, encoded []byte) {
	switch {
	case r == '\n':
		if o.raw {
			b.WriteByte('\r')
		}
		b.WriteByte('\n')
		o.col = 0
		return
	case r == '\t' || r == '\b' || r >= ' ' && r < 0x7f:
		b.WriteRune(r)
	case o.asis && r >= 0xa0:
		b.Write(encoded)
	default:
		b.WriteString(ascii(r))
	}
	o.col++
}

// ascii is how a character looks in ASCII.
func ascii(r rune) string {
	switch r {
	case '\u2013', '\u2014', '\u2212': // dashes, minus
		return "-"
	case '\u2018', '\u2019':
		return "'"
	case '\u201c', '\u201d':
		return `"`
	case '\u2026':
		return "..."
	case '\u2192':
		return "->"
	case '\u00a0':
		return " "
	}
	return "?"
}

// json says whether what comes is JSON.
func (o *output) json(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asis = on
}

func (o *output) printf(format string, args ...any) {
	fmt.Fprintf(o, format, args...)
}

// line prints a line of its own.
func (o *output) line(s string) {
	o.fresh()
	o.printf("%s\n", s)
}

// prompt prints what is asked, at the start of a line.
func (o *output) prompt(s string) {
	o.fresh()
	o.printf("%s", s)
}

// fresh ends a line that has begun.
func (o *output) fresh() {
	o.mu.Lock()
	begun := o.col > 0
	o.mu.Unlock()
	if begun {
		o.printf("\n")
	}
}
