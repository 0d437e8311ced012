// Package config reads the two files that people write for an edge node: node.yaml, what the
// appliance is made of, and site.yaml, the isolated network it serves. It opens nothing but the
// named file, and judges no more than the file itself: whether the modem or a target exists is
// found out by those who use them. The commands under firmware/cmd and the console call it.
package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize bounds a file, bytes. It is what a console takes as one paste.
const MaxSize = 64 << 10

// maxDepth bounds the nesting of a file; ours need four levels.
const maxDepth = 16

// Problem is one thing wrong in a file.
type Problem struct {
	Line int    // counted from 1; 0 where no line can be named
	Path string // the field, such as targets[1].port; empty for the whole file
	Text string // what is wrong, and what was expected
}

// FileError is everything wrong in a file, in the file's order.
type FileError struct {
	File     string
	Problems []Problem
	lines    []string // of the file, for excerpts
}

// shown bounds how many problems are printed; the rest usually follows from these.
const shown = 10

// Error lists the problems, each as file:line with an excerpt below.
func (e *FileError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i == shown {
			fmt.Fprintf(&b, "\nand %d more", len(e.Problems)-shown)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.format(p))
	}
	return b.String()
}

func (e *FileError) format(p Problem) string {
	var b strings.Builder
	b.WriteString(e.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Line > 0 && p.Line <= len(e.lines) && !secret(p.Path) {
		fmt.Fprintf(&b, "\n%6d | %s", p.Line, cut(e.lines[p.Line-1], 70))
	}
	return b.String()
}

// secret fields are not shown in excerpts, which end up in logs.
func secret(path string) bool { return path == "modem.pin" || path == "modem.password" }

// document is a file while it is being judged.
type document struct {
	file string
	data []byte
	body ast.Node       // nil for an empty file
	line map[string]int // where a field stands, by its path
	bad  []Problem
}

// decode parses data into raw, a pointer to a struct with yaml tags. Problems are collected, not
// returned: the caller goes on judging when ok is true, and asks err at the end.
func decode(file string, data []byte, raw any) (d *document, ok bool) {
	d = &document{file: file, data: data, line: map[string]int{}}
	if len(data) > MaxSize {
		d.at(0, "", "%d bytes long; expected at most %d", len(data), MaxSize)
		return d, false
	}
	if !d.parse() {
		return d, false
	}
	if d.body == nil {
		return d, true
	}
	d.walk(d.body, reflect.TypeOf(raw).Elem(), "", 0)
	if len(d.bad) > 0 {
		return d, false
	}
	if err := safely(func() error { return yaml.NodeToValue(d.body, raw, yaml.Strict()) }); err != nil {
		d.yamlError(err)
		return d, false
	}
	return d, true
}

func (d *document) parse() bool {
	var file *ast.File
	err := safely(func() (err error) {
		file, err = parser.ParseBytes(d.data, 0, parser.AllowDuplicateMapKey()) // walk refuses them, in its own words
		return err
	})
	switch {
	case err != nil:
		d.yamlError(err)
		return false
	case len(file.Docs) > 1:
		d.at(lineOf(file.Docs[1].Body), "", "a second document begins; expected one, without a line of ---")
		return false
	case len(file.Docs) == 1:
		d.body = file.Docs[0].Body
	}
	switch d.body.(type) {
	case *ast.CommentGroupNode, *ast.NullNode:
		d.body = nil
	}
	return true
}

// safely turns a panic of the YAML library into an error: the text comes from a person's paste, and
// no console must die of it.
func safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not readable as YAML (%v)", r)
		}
	}()
	return f()
}

// yamlError takes over an error of the library, in its own words where it names a line.
func (d *document) yamlError(err error) {
	if e, ok := err.(yaml.Error); ok && e.GetToken() != nil && e.GetToken().Position != nil {
		d.at(e.GetToken().Position.Line, "", "%s; expected YAML", e.GetMessage())
		return
	}
	d.at(0, "", "%s; expected YAML", strings.TrimSpace(err.Error()))
}

// wrong notes a problem at the line of path, or of the nearest field around it that the file has.
func (d *document) wrong(path, format string, args ...any) {
	for at := path; ; at = parent(at) {
		if line, ok := d.line[at]; ok || at == "" {
			d.at(line, path, format, args...)
			return
		}
	}
}

func (d *document) at(line int, path, format string, args ...any) {
	d.bad = append(d.bad, Problem{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// err is everything that was found, or nil.
func (d *document) err() error {
	if len(d.bad) == 0 {
		return nil
	}
	return &FileError{File: d.file, Problems: d.bad, lines: strings.Split(string(d.data), "\n")}
}

// parent of "targets[1].port" is "targets[1]", of that "targets", of that "".
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i > 0 {
		return path[:i]
	}
	return ""
}

// cut shortens a line of a file for an excerpt and takes out what a terminal would act upon.
func cut(s string, width int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, strings.TrimRight(s, "\r"))
	if r := []rune(s); len(r) > width {
		return string(r[:width]) + "..."
	}
	return s
}
