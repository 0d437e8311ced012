package peers

import (
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
)

// results is a table that parallel tests fill.
type results struct {
	mu   sync.Mutex // guards rows
	rows []string
}

func tableOf(head ...string) *results { return &results{rows: []string{strings.Join(head, "\t")}} }

func (r *results) add(cells ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, strings.Join(cells, "\t"))
}

func (r *results) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range r.rows {
		fmt.Fprintln(w, row)
	}
	w.Flush()
	return b.String()
}
