package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// reader walks the syntax tree of one file and gathers every problem, so that one push shows all
// of them.
type reader struct {
	lines    []string
	problems []Problem
}

// key is one key that a mapping may have.
type key struct {
	name     string
	required bool
	read     func(v ast.Node, field string)
}

// fail notes a problem at a node.
func (r *reader) fail(n ast.Node, field, found, want string) {
	p := Problem{Field: field, Found: found, Want: want}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		p.Line, p.Column = tk.Position.Line, tk.Position.Column
	}
	r.add(p)
}

func (r *reader) add(p Problem) {
	if p.Line >= 1 && p.Line <= len(r.lines) {
		p.Source = r.lines[p.Line-1]
	}
	r.problems = append(r.problems, p)
}

// object reads a mapping; a key that is not listed is a problem, and so is a required one that is missing.
func (r *reader) object(n ast.Node, field string, keys ...key) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		r.fail(n, field, describe(n), "a mapping with the keys "+names(keys))
		return
	}
	seen := map[string]bool{}
	for _, v := range values {
		name, ok := text(v.Key)
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		if !ok || i < 0 {
			r.fail(v.Key, join(field, name), fmt.Sprintf("the unknown key %q", name), "one of "+names(keys))
			continue
		}
		seen[name] = true
		keys[i].read(v.Value, join(field, name))
	}
	for _, k := range keys {
		if k.required && !seen[k.name] {
			r.fail(n, join(field, k.name), "nothing", "the key "+k.name+", which is required")
		}
	}
}

// list reads a sequence of at least one element.
func (r *reader) list(n ast.Node, field, of string, read func(v ast.Node, field string)) {
	s, ok := n.(*ast.SequenceNode)
	if !ok || len(s.Values) == 0 {
		r.fail(n, field, describe(n), "a list of at least one "+of)
		return
	}
	for i, v := range s.Values {
		read(v, fmt.Sprintf("%s[%d]", field, i))
	}
}

// text reads a text that check accepts; check returns what was expected, or nothing.
func (r *reader) text(dst *string, check func(string) (want string)) func(ast.Node, string) {
	return func(n ast.Node, field string) {
		s, ok := text(n)
		if !ok {
			r.fail(n, field, describe(n), "a text")
			return
		}
		if want := check(s); want != "" {
			r.fail(n, field, describe(n), want)
			return
		}
		*dst = s
	}
}

// boolean reads true or false.
func (r *reader) boolean(dst *bool) func(ast.Node, string) {
	return func(n ast.Node, field string) {
		b, ok := n.(*ast.BoolNode)
		if !ok {
			r.fail(n, field, describe(n), "true or false")
			return
		}
		*dst = b.Value
	}
}

// number reads a whole number between low and high.
func (r *reader) number(dst *int, low, high int) func(ast.Node, string) {
	return func(n ast.Node, field string) {
		want := fmt.Sprintf("a whole number from %d to %d", low, high)
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			r.fail(n, field, describe(n), want)
			return
		}
		v, err := strconv.Atoi(i.Token.Value)
		if err != nil || v < low || v > high {
			r.fail(n, field, describe(n), want)
			return
		}
		*dst = v
	}
}

// duration reads a time such as 90s or 10m.
func (r *reader) duration(dst *time.Duration, low, high time.Duration) func(ast.Node, string) {
	return func(n ast.Node, field string) {
		s, _ := text(n)
		d, err := time.ParseDuration(s)
		if err != nil || d < low || d > high {
			r.fail(n, field, describe(n), fmt.Sprintf("a time from %v to %v with its unit, such as 90s or 10m", low, high))
			return
		}
		*dst = d
	}
}

// text is the text of a scalar, numbers exactly as they were typed: version: 1.10 is "1.10".
func text(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return v.GetToken().Value, true
	case *ast.MergeKeyNode:
		return "<<", true
	}
	return "", false
}

// describe says what stands in the file.
func describe(n ast.Node) string {
	switch v := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		if len(v.Values) == 0 {
			return "an empty list"
		}
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return strconv.FormatBool(v.Value)
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias"
	}
	if s, ok := text(n); ok {
		return strconv.Quote(cut(s, 60))
	}
	return "a tagged value"
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func names(keys []key) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return strings.Join(all, ", ")
}
