package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// table is lined up in columns when it is printed.
type table struct{ w *tabwriter.Writer }

// row adds one line. Control characters, which a node or a project may have sent, never reach the terminal.
func (t *table) row(cells ...any) {
	all := make([]string, len(cells))
	for i, c := range cells {
		all[i] = strings.Map(printable, fmt.Sprint(c))
	}
	fmt.Fprintln(t.w, strings.Join(all, "\t"))
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
		return '·'
	}
	return r
}

// print shows v as JSON, or the table that fill makes of it.
func (sh *shell) print(v any, fill func(*table)) error {
	if sh.json {
		enc := json.NewEncoder(sh.out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	t := &table{tabwriter.NewWriter(sh.out, 0, 4, 2, ' ', 0)}
	fill(t)
	return t.w.Flush()
}

// moment is a time for a person, in the zone of the terminal.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// line is the first line of a text, in brackets behind something else.
func line(s string, behind bool) string {
	first, rest, _ := strings.Cut(s, "\n")
	if rest != "" {
		first += " …"
	}
	if behind && first != "" {
		return " (" + first + ")"
	}
	return first
}
