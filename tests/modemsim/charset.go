package modemsim

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// charsets are those of +CSCS (27.007 §5.5), as of an Option iCON 225.
func charsets() []string { return []string{"IRA", "GSM", "UCS2"} }

// cscs chooses the characters of names. ModemManager chooses UCS2 where it can, and leaves it so.
func cscs(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say(`+CSCS: ("` + strings.Join(charsets(), `","`) + `")`)
	case read:
		return say(fmt.Sprintf("+CSCS: %q", s.charset))
	}
	for _, known := range charsets() {
		if c.arg(0) == known {
			s.charset = known
			return reply{}
		}
	}
	return refuse(50)
}

// spelled is a name in the characters that the host has chosen.
func (s *Sim) spelled(name string) string {
	if s.charset != "UCS2" {
		return name
	}
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(name)) {
		fmt.Fprintf(&b, "%04X", unit)
	}
	return b.String()
}
