package soak

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Table is what came of all windows.
type Table struct {
	rows    map[[2]string]*row // by fault and module
	broken  []Result
	slowest Result
	windows int
}

type row struct {
	ends    map[string]int
	windows int
	struck  int
	radioOn int
	broken  int
	longest time.Duration
}

// NewTable is an empty one.
func NewTable() *Table { return &Table{rows: map[[2]string]*row{}} }

// Add counts a window.
func (t *Table) Add(r Result) {
	t.windows++
	for _, key := range [][2]string{{r.Fault.Name, r.Module.Name}, {r.Fault.Name, ""}} {
		at := t.rows[key]
		if at == nil {
			at = &row{ends: map[string]int{}}
			t.rows[key] = at
		}
		at.add(r)
	}
	if r.Took > t.slowest.Took {
		t.slowest = r
	}
	if len(r.Broken) > 0 {
		t.broken = append(t.broken, r)
	}
}

func (at *row) add(r Result) {
	at.windows++
	at.ends[r.End]++
	at.longest = max(at.longest, r.Took)
	if r.Struck {
		at.struck++
	}
	if r.RadioOn {
		at.radioOn++
	}
	if len(r.Broken) > 0 {
		at.broken++
	}
}

// Broken are the windows that broke a rule.
func (t *Table) Broken() []Result { return t.broken }

// Windows is how many there were.
func (t *Table) Windows() int { return t.windows }

// Ends counts the windows by their end.
func (t *Table) Ends() map[string]int {
	all := map[string]int{}
	for key, at := range t.rows {
		if key[1] == "" {
			for end, n := range at.ends {
				all[end] += n
			}
		}
	}
	return all
}

// columns are the ends in the order of the table.
func columns() []string {
	return []string{Proven, Mended, NoTraffic, "no-network", "no-sim", "no-modem", "radio-on"}
}

// Print writes a line for each fault, and with each a line for each module below it; then the slowest, and what broke.
func (t *Table) Print(out io.Writer, each bool) {
	fmt.Fprintf(out, "%-20s %-17s %7s %7s", "fault", "module", "windows", "struck")
	for _, end := range columns() {
		fmt.Fprintf(out, " %10s", end)
	}
	fmt.Fprintf(out, " %8s %6s %9s\n", "stays on", "broken", "longest s")
	for _, key := range t.keys() {
		if each || key[1] == "" {
			t.rows[key].print(out, key)
		}
	}
	fmt.Fprintf(out, "%d windows; ends: %s\n", t.windows, t.summary())
	if t.windows > 0 {
		fmt.Fprintf(out, "slowest: %s simulated (its longest step %s took %s), %s\n", t.slowest.Took.Round(time.Millisecond),
			t.slowest.Slowest, t.slowest.longest.Round(time.Millisecond), t.slowest.Case)
	}
	for _, r := range t.broken {
		fmt.Fprintf(out, "BROKEN %s: %s\n", r.Case, strings.Join(r.Broken, "; "))
	}
}

// keys are the rows in order: the faults as they are listed, the sum of each before its modules.
func (t *Table) keys() [][2]string {
	place := map[string]int{}
	for i, f := range Faults() {
		place[f.Name] = i
	}
	return slices.SortedFunc(maps.Keys(t.rows), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(place[a[0]], place[b[0]]), cmp.Compare(a[1], b[1]))
	})
}

func (at *row) print(out io.Writer, key [2]string) {
	fault := key[0]
	if key[1] == "" {
		key[1] = "all"
	} else {
		fault = ""
	}
	fmt.Fprintf(out, "%-20s %-17s %7d %7d", fault, key[1], at.windows, at.struck)
	for _, end := range columns() {
		fmt.Fprintf(out, " %10s", count(at.ends[end]))
	}
	fmt.Fprintf(out, " %8s %6s %9.1f\n", count(at.radioOn), count(at.broken), at.longest.Seconds())
}

// count leaves the eye to what happened.
func count(n int) string {
	if n == 0 {
		return "."
	}
	return fmt.Sprint(n)
}

func (t *Table) summary() string {
	var parts []string
	ends := t.Ends()
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		parts = append(parts, fmt.Sprintf("%s %d", end, ends[end]))
	}
	return strings.Join(parts, ", ")
}
