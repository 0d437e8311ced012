package reply

import (
	"fmt"
	"strconv"
	"strings"
)

// after returns what follows "prefix:" in line; modules differ in blanks around the colon, and in capitals.
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
			out = append(out, field{strings.TrimSpace(bare), bare != piece})
			start = i + 1
		case rest[i] == '"':
			quoted = !quoted
		}
	}
	return out
}

// num reads field i as a decimal number.
func num(f []field, i int) (int, bool) {
	if i < 0 || i >= len(f) {
		return 0, false
	}
	n, err := strconv.Atoi(f[i].text)
	return n, err == nil
}

// within reads field i as a number from low to high.
func within(f []field, i, low, high int) (int, bool) {
	n, ok := num(f, i)
	return n, ok && n >= low && n <= high
}

func text(f []field, i int) string {
	if i < 0 || i >= len(f) {
		return ""
	}
	return f[i].text
}

// some gives nil for an empty text, so that JSON tells "not told" from "empty".
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// rows gives the fields of every line with the prefix; none is an error.
func rows(lines []string, prefix string) ([][]field, error) {
	var out [][]field
	for _, line := range lines {
		if rest, ok := after(line, prefix); ok {
			out = append(out, fields(rest))
		}
	}
	if len(out) == 0 {
		return nil, unreadable(prefix, lines)
	}
	return out, nil
}

// first gives the fields of the first line with the prefix.
func first(lines []string, prefix string) ([]field, error) {
	all, err := rows(lines, prefix)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// unreadable is the error of every reader; what was read is shown, shortened, since it is all a support case has.
func unreadable(prefix string, lines []string) error {
	seen := strings.Join(lines, " | ")
	if r := []rune(seen); len(r) > 120 {
		seen = string(r[:120]) + "…"
	}
	if seen == "" {
		return fmt.Errorf("read %s: the reply is empty", prefix)
	}
	return fmt.Errorf("read %s: cannot read %q", prefix, seen)
}

// groups cuts the reply to a test command at commas outside parentheses and quotes, and takes the parentheses off:
// (0,1),(2-4),"x" becomes 0,1 and 2-4 and "x".
func groups(rest string) []string {
	var out []string
	depth, start, quoted := 0, 0, false
	for i := 0; i <= len(rest); i++ {
		switch {
		case i == len(rest) || rest[i] == ',' && depth == 0 && !quoted:
			piece := strings.TrimSpace(rest[start:i])
			if strings.HasPrefix(piece, "(") {
				piece = strings.TrimSuffix(piece[1:], ")")
			}
			out = append(out, piece)
			start = i + 1
		case rest[i] == '"':
			quoted = !quoted
		case rest[i] == '(' && !quoted:
			depth++
		case rest[i] == ')' && !quoted && depth > 0:
			depth--
		}
	}
	return out
}

// numbers reads a list of values and ranges: 9-11,7. A range that is written backwards has no values, as in
// "(1-0)"; one beyond 0…4095 is refused.
func numbers(list string) ([]int, error) {
	out := []int{}
	for _, piece := range strings.Split(list, ",") {
		piece = strings.TrimSpace(piece)
		if piece == "" {
			continue
		}
		low, high, isRange := strings.Cut(piece, "-")
		a, err := strconv.Atoi(strings.TrimSpace(low))
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(strings.TrimSpace(high))
		}
		if err != nil || a < 0 || b > 4095 {
			return nil, fmt.Errorf("read list of values: cannot read %q", piece)
		}
		for n := a; n <= b; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}

// decimal reads a number with a point; nil for anything else.
func decimal(s string) *float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || v != v || v > 1e6 || v < -1e6 {
		return nil
	}
	return &v
}
