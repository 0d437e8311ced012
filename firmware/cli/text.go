package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// plain takes out of a text from elsewhere (an operator's name, an error of a target) whatever a
// terminal would act upon.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd:
			return '?'
		}
		return r
	}, s)
}

// cut shortens a text, and makes it one line.
func cut(s string, width int) string {
	s = plain(strings.Join(strings.Fields(s), " "))
	if r := []rune(s); len(r) > width {
		return string(r[:width-3]) + "..."
	}
	return s
}

// print writes data, which is what the command was asked for, to stdout.
func (c *command) print(format string, args ...any) error {
	c.line.Lock()
	defer c.line.Unlock()
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// say writes a message to a person to stderr; with --json there is nobody to read it.
func (c *command) say(format string, args ...any) {
	if !c.json {
		c.line.Lock()
		defer c.line.Unlock()
		fmt.Fprintf(c.Stderr, format, args...)
	}
}

// done tells that a command without an answer of its own succeeded, and what one may do next.
func (c *command) done(text, next string) error {
	if c.json {
		return c.printJSON(map[string]any{"text": text, "done": true})
	}
	if err := c.print("%s\n", text); err != nil {
		return err
	}
	c.next(next)
	return nil
}

// next suggests a command.
func (c *command) next(line string) {
	if line != "" {
		c.say("next: %s%s\n", c.Name, line)
	}
}

// printJSON writes one object in one line, in ASCII: the line may go over a serial port.
func (c *command) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.line.Lock()
	defer c.line.Unlock()
	_, err := c.Stdout.Write(asciiJSON(b.Bytes()))
	return err
}

// asciiJSON writes what is beyond ASCII as \u escapes; JSON allows such runes within strings only.
func asciiJSON(b []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r == 0x7f:
			out.WriteString(`\u007f`)
		case r < 0x80:
			out.WriteByte(byte(r))
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

// size is a number of bytes for a person; decimal, as carriers bill.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// moment is a time as the tables print it: UTC, since a site's people and its publisher may be far apart.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
