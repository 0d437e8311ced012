package modem

import (
	"strconv"
	"strings"
)

// after returns what follows "prefix:" in line; modules differ in blanks around the colon.
func after(line, prefix string) (string, bool) {
	line = strings.TrimSpace(line)
	if len(line) <= len(prefix) || !strings.EqualFold(line[:len(prefix)], prefix) {
		return "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(line[len(prefix):]), ":")
	return strings.TrimSpace(rest), ok
}

// field is one value of a reply and whether it stood in quotes.
type field struct {
	text   string
	quoted bool
}

// fields cuts a reply at commas outside quotes.
func fields(rest string) []field {
	var out []field
	quoted, start := false, 0
	for i := 0; i <= len(rest); i++ {
		switch {
		case i == len(rest) || rest[i] == ',' && !quoted:
			piece := strings.TrimSpace(rest[start:i])
			bare := strings.Trim(piece, `"`)
			out = append(out, field{bare, bare != piece})
			start = i + 1
		case rest[i] == '"':
			quoted = !quoted
		}
	}
	return out
}

// num reads field i as a decimal number.
func num(f []field, i int) (int, bool) {
	if i >= len(f) {
		return 0, false
	}
	n, err := strconv.Atoi(f[i].text)
	return n, err == nil
}

func text(f []field, i int) string {
	if i >= len(f) {
		return ""
	}
	return f[i].text
}
