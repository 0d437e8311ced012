package recorder

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"airlock/netd/recorder/chain"
)

const document = "../../docs/record.md"

// section gives the names in the first column of a section's table.
func section(t *testing.T, title string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, text2, ok := strings.Cut(string(text), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", document, title)
	}
	text2, _, _ = strings.Cut(text2, "\n## ")
	var names []string
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(text2) {
		if first, ok := strings.CutPrefix(line, "| `"); ok {
			cell, _, _ := strings.Cut("`"+first, " | ")
			for _, name := range quoted.FindAllStringSubmatch(cell, -1) {
				names = append(names, name[1])
			}
		}
	}
	slices.Sort(names)
	return names
}

// declaredEvents reads the constants of type Event out of the package's sources.
func declaredEvents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	aliases := map[string]string{"Checkpoint": chain.Checkpoint, "Dropped": chain.Dropped}
	found := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Event" || v.Names[0].Name == "Exported" {
				return true
			}
			name := aliases[v.Names[0].Name]
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				name, _ = strconv.Unquote(text.Value)
			}
			if name == "" {
				t.Errorf("the value of %s is not known here", v.Names[0].Name)
			}
			found[name] = true
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// members lists the JSON members of a type, those of its parts with a dot.
func members(kind reflect.Type, prefix string) []string {
	var names []string
	for i := range kind.NumField() {
		f := kind.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, prefix+name)
		part := f.Type
		if part.Kind() == reflect.Pointer {
			part = part.Elem()
		}
		if part.Kind() == reflect.Struct && part != reflect.TypeFor[time.Time]() && part != reflect.TypeFor[Moment]() && part != reflect.TypeFor[Account]() {
			names = append(names, members(part, prefix+name+".")...)
		}
	}
	slices.Sort(names)
	return names
}

// What docs/record.md tells of the lines is what the code writes: each event, each member, and no other.
func TestDocumentAgrees(t *testing.T) {
	for title, want := range map[string][]string{
		"Events":                  declaredEvents(t),
		"Members of a line":       members(reflect.TypeFor[Entry](), ""),
		"The account of a window": members(reflect.TypeFor[Account](), "account."),
	} {
		got := section(t, title)
		if len(want) < 20 {
			t.Errorf("%s: only %v were found in the code", title, want)
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("%s: %s is documented, and not in the code", title, name)
			}
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %s is not documented in %s", title, name, document)
			}
		}
	}
}

// The document's numbers are the code's.
func TestDocumentedLimits(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, bytes := range []int64{DefaultLimits.Segment, DefaultLimits.Keep, DefaultLimits.Most} {
		if want := strconv.FormatInt(bytes>>20, 10) + " MiB"; !strings.Contains(string(text), want) {
			t.Errorf("%s does not name %s", document, want)
		}
	}
}
