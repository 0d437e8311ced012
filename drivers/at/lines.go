package at

// maxLine bounds one line, bytes. The longest real one (a +COPS=? list) stays under 2 KiB.
const maxLine = 8192

// splitter turns received bytes into lines. It keeps what is incomplete for the next call.
type splitter struct {
	line     []byte
	skipping bool // an overlong line is thrown away up to its end
	Overlong int  // how many were
}

// Feed returns the lines that p completes. CR, LF, and any mixture of them (CR CR LF of some modules) end a
// line; empty lines, leading and trailing blanks and control characters are removed.
func (s *splitter) Feed(p []byte) []string {
	var lines []string
	for _, b := range p {
		switch {
		case b == '\r' || b == '\n':
			if text := trimBlanks(s.line); text != "" && !s.skipping {
				lines = append(lines, text)
			}
			s.line, s.skipping = s.line[:0], false
		case b < ' ' && b != '\t' || b == 0x7f:
			// NULs come from ports that are no AT ports and from drivers at start-up.
		case len(s.line) >= maxLine:
			if !s.skipping {
				s.Overlong++
			}
			s.skipping = true
		default:
			s.line = append(s.line, b)
		}
	}
	return lines
}

func trimBlanks(b []byte) string {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return string(b)
}
