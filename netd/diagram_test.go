package netd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the machine's diagram into ARCHITECTURE.md")

// The diagram stands between these two lines.
const (
	diagramBegins = "<!-- The machine, made of its table by: go test ./netd -run Diagram -update -->\n"
	diagramEnds   = "<!-- end of the machine -->\n"
)

// diagram draws the table in Mermaid's language, which the pages of git hosts show as a picture. Rows between the same
// two states share an arrow; a dash says that nothing is done.
func diagram(rows []row) string {
	type arrow struct{ from, to state }
	words, order := map[arrow][]string{}, []arrow{}
	for _, r := range rows {
		a := arrow{r.from, r.to}
		if words[a] == nil {
			order = append(order, a)
		}
		word := string(r.on)
		if r.act != nothing {
			word += " / " + string(r.act)
		}
		words[a] = append(words[a], word)
	}
	name := func(s state) string { return strings.ReplaceAll(string(s), "-", "_") }
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> lowering: start / lower-both\n")
	for _, a := range order {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", name(a.from), name(a.to), strings.Join(words[a], "<br>"))
	}
	b.WriteString("```\n")
	return b.String()
}

// TestDiagram: what ARCHITECTURE.md shows of the machine is its table, and nothing that somebody drew.
func TestDiagram(t *testing.T) {
	path := filepath.Join("..", "ARCHITECTURE.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), diagramBegins)
	shown, after, ended := strings.Cut(rest, diagramEnds)
	if !ok || !ended {
		t.Fatalf("%s has no place for the diagram, between %q and %q", path, diagramBegins, diagramEnds)
	}
	want := "\n" + diagram(rules()) + "\n"
	if shown == want {
		return
	}
	if !*update {
		t.Fatalf("%s shows another machine than the table's: run go test ./netd -run Diagram -update\n-%s\n+%s", path, shown, want)
	}
	if err := os.WriteFile(path, []byte(before+diagramBegins+want+diagramEnds+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
