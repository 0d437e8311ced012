package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// walk holds the tree of a file against the Go type it is meant for, and notes the line of each
// field. The library's strict mode would find the same faults, but one at a time and in words for
// programmers ("cannot unmarshal string into Go struct field").
func (d *document) walk(n ast.Node, t reflect.Type, path string, depth int) {
	if depth > maxDepth {
		d.at(lineOf(n), path, "nested %d levels deep; expected fewer", depth)
		return
	}
	if _, seen := d.line[path]; !seen {
		d.line[path] = lineOf(n)
	}
	if _, null := n.(*ast.NullNode); null || n == nil {
		return // a key without a value is as good as absent
	}
	switch t.Kind() {
	case reflect.Pointer:
		d.walk(n, t.Elem(), path, depth)
	case reflect.Struct:
		d.walkMapping(n, t, path, depth)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			d.mismatch(n, path, "a list: lines that begin with a dash")
			return
		}
		for i, item := range seq.Values {
			d.walk(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	case reflect.String:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			d.mismatch(n, path, "text; put quotes around it if it looks like a number")
		}
	case reflect.Int:
		if _, ok := n.(*ast.IntegerNode); !ok {
			d.mismatch(n, path, "a whole number")
		}
	default:
		panic("config: no rule for fields of type " + t.String()) // a mistake in our own raw types; every test meets it
	}
}

func (d *document) walkMapping(n ast.Node, t reflect.Type, path string, depth int) {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		d.mismatch(n, path, "keys and values: "+strings.Join(keysOf(t), ", "))
		return
	}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		at := strings.TrimPrefix(path+"."+key, ".")
		line := lineOf(pair.Key)
		field, ok := fieldOf(t, key)
		if !ok {
			d.at(line, at, "unknown key; expected one of: %s", strings.Join(keysOf(t), ", "))
			continue
		}
		if first, seen := d.line[at]; seen {
			d.at(line, at, "given twice; expected once, as in line %d", first)
			continue
		}
		d.line[at] = line
		d.walk(pair.Value, field.Type, at, depth+1)
	}
}

func (d *document) mismatch(n ast.Node, path, expected string) {
	d.at(lineOf(n), path, "is %s; expected %s", describe(n), expected)
}

// describe names what stands there, in the words of the file's writer.
func describe(n ast.Node) string {
	switch v := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias (& or *)"
	case *ast.TagNode:
		return "a tag (!)"
	case *ast.StringNode:
		return fmt.Sprintf("text %q", cut(v.Value, 40))
	default:
		return fmt.Sprintf("%q", cut(n.String(), 40))
	}
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return lineOf(m.Values[0])
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return lineOf(m.Key) // its own token is the colon
	}
	return n.GetToken().Position.Line
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, keyOf(t.Field(i)))
	}
	return keys
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	i := slices.Index(keysOf(t), key)
	if i < 0 {
		return reflect.StructField{}, false
	}
	return t.Field(i), true
}
