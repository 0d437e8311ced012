package console

import (
	"context"
	"errors"
	"io"
	"time"
	"unicode/utf8"
)

// lineLimit bounds a command line, bytes. A token has some 150.
const lineLimit = 1024

// Ends of a line other than Enter.
var (
	errInterrupt = errors.New("Ctrl-C")
	errLogout    = errors.New("Ctrl-D")
	errIdle      = errors.New("idle")
	errTooLong   = errors.New("line too long")
)

// editor reads lines from a terminal that may be anything: it sends nothing but the characters
// typed, backspaces and line ends.
type editor struct {
	in   *input
	out  *output
	echo bool
	idle time.Duration

	afterCR bool // the last byte was CR: an LF or NUL now belongs to it
	escape  escape
}

// escape is where in a key's escape sequence the input is.
type escape int

const (
	noEscape escape = iota
	afterESC        // ESC came
	inCSI           // ESC [ came: everything up to a byte from 0x40 to 0x7e belongs to it (ECMA-48, 5.4)
	inSS3           // ESC O came: one more byte
)

// read prompts and reads one line of at most limit bytes. tab, which may be nil, gives the text that
// Tab prints; without it a tab is a character like others.
func (e *editor) read(ctx context.Context, prompt string, limit int, tab func(string) string) (string, error) {
	e.out.prompt(prompt)
	var line []byte
	tooLong := false
	idle := e.timer()
	for {
		var b byte
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-idle:
			return "", errIdle
		case next, ok := <-e.in.bytes:
			if !ok {
				return "", io.EOF // half a line, cut off with the line itself, is nothing
			}
			b = next
		}
		idle = e.timer()
		switch act := e.sort(b); {
		case act == actEnd:
			if e.echo || prompt != "" {
				e.out.printf("\n")
			}
			if tooLong {
				return "", errTooLong
			}
			return string(line), nil
		case act == actInterrupt:
			return "", errInterrupt
		case act == actEOF && len(line) == 0 && !tooLong:
			return "", errLogout
		case act == actErase:
			line = e.erase(line)
		case act == actKill:
			for len(line) > 0 {
				line = e.erase(line)
			}
			tooLong = false
		case act == actTab && tab != nil:
			e.show("\n" + tab(string(line)) + "\n")
			e.out.prompt(prompt)
			e.show(string(line))
		case act == actChar || act == actTab:
			if tooLong = tooLong || len(line) == limit; !tooLong {
				line = append(line, b)
				e.showByte(b)
			}
		}
	}
}

// timer starts the idle time anew; a nil channel never fires.
func (e *editor) timer() <-chan time.Time {
	if e.idle <= 0 {
		return nil
	}
	return time.After(e.idle)
}

// action is what a byte asks for.
type action int

const (
	actNone action = iota
	actChar
	actEnd
	actErase
	actKill
	actTab
	actInterrupt
	actEOF
)

// sort says what a byte asks for. Cursor keys and other sequences ask for nothing.
func (e *editor) sort(b byte) action {
	belongs := e.afterCR && (b == '\n' || b == 0)
	e.afterCR = b == '\r'
	if belongs || e.escaped(b) {
		return actNone
	}
	switch b {
	case '\r', '\n':
		return actEnd
	case 0x08, 0x7f:
		return actErase
	case 0x15: // Ctrl-U
		return actKill
	case '\t':
		return actTab
	case ctrlC:
		return actInterrupt
	case 0x04: // Ctrl-D
		return actEOF
	}
	if b < ' ' {
		return actNone
	}
	return actChar
}

// escaped follows escape sequences and reports whether b is part of one.
func (e *editor) escaped(b byte) bool {
	switch e.escape {
	case afterESC:
		e.escape = noEscape
		switch b {
		case '[':
			e.escape = inCSI
			return true
		case 'O':
			e.escape = inSS3
			return true
		}
	case inSS3:
		e.escape = noEscape
		return b >= ' '
	case inCSI:
		if b >= ' ' {
			if b >= 0x40 {
				e.escape = noEscape
			}
			return true
		}
		e.escape = noEscape // a control character ends a sequence that was cut off
	}
	if b == 0x1b {
		e.escape = afterESC
		return true
	}
	return false
}

// erase takes the last character away, here and on the screen.
func (e *editor) erase(line []byte) []byte {
	if len(line) == 0 {
		return line
	}
	_, n := utf8.DecodeLastRune(line)
	if line[len(line)-1] != '\t' {
		e.show("\b \b")
	}
	return line[:len(line)-n]
}

func (e *editor) show(s string) {
	if e.echo {
		e.out.printf("%s", s)
	}
}

// showByte echoes one character in ASCII; of one beyond ASCII its first byte shows as a question mark.
func (e *editor) showByte(b byte) {
	switch {
	case b < 0x80:
		e.show(string(rune(b)))
	case b >= 0xc0:
		e.show("?")
	}
}
