// Package spec reads airlock.yaml, strictly: an unknown key, a wrong type, a path that leaves its
// folder or a health check that proves nothing is refused with its line, what was found and what
// was expected. It never opens a file and never runs anything. The pre-receive hook calls it to
// refuse a push, the pipeline calls it again for the commit that it builds.
package spec

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"airlock/publisher"
)

// MaxBytes bounds the file. The YAML parser takes seconds for deeply nested files of a few times this size.
const MaxBytes = 16 << 10

// A message shows this much at most.
const (
	maxProblems = 20
	maxSource   = 160 // characters of a line
)

// Problem is one thing wrong in the file.
type Problem struct {
	Line, Column int    // from 1; 0 when the file as a whole is meant
	Field        string // "deploy.health.port"
	Found, Want  string
	Source       string // the line itself
}

// String is the problem in the form that editors understand, with the line beneath it.
func (p Problem) String() string {
	where := publisher.SpecFile
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", where, p.Line, p.Column)
	}
	if p.Field != "" {
		where += ": " + p.Field
	}
	s := fmt.Sprintf("%s: found %s, expected %s", where, p.Found, p.Want)
	if p.Source != "" {
		s += fmt.Sprintf("\n%6d | %s", p.Line, cut(p.Source, maxSource))
	}
	return s
}

// Error is every problem of one file.
type Error struct{ Problems []Problem }

// Error lists the problems, each with its line.
func (e *Error) Error() string {
	var all []string
	for i, p := range e.Problems {
		if i == maxProblems {
			all = append(all, fmt.Sprintf("%s: and %d more", publisher.SpecFile, len(e.Problems)-i))
			break
		}
		all = append(all, p.String())
	}
	return strings.Join(all, "\n")
}

// Parse reads the file of the repository named project; the error is an *Error.
func Parse(data []byte, project string) (*publisher.Spec, error) {
	if len(data) > MaxBytes {
		return nil, refuse(Problem{Found: fmt.Sprintf("%d bytes", len(data)), Want: fmt.Sprintf("at most %d", MaxBytes)})
	}
	r := &reader{lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.syntax(err)
		return nil, refuse(r.problems...)
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, refuse(Problem{Found: "an empty file", Want: "the keys project, version, build, artifacts, tests and deploy"})
	case 1:
	default:
		r.fail(bodies[1], "", "a second document", "one document")
		return nil, refuse(r.problems...)
	}
	s := r.spec(bodies[0], project)
	if len(r.problems) > 0 {
		return nil, refuse(r.problems...)
	}
	return s, nil
}

// Missing is the error for a commit without the file.
func Missing(commit string) error {
	return refuse(Problem{Found: "no such file in commit " + commit, Want: "the file at the top of the repository"})
}

func refuse(p ...Problem) error { return &Error{Problems: p} }

// syntax notes what the YAML parser met.
func (r *reader) syntax(err error) {
	p := Problem{Found: strings.TrimSpace(err.Error()), Want: "YAML"}
	var se *yaml.SyntaxError
	if errors.As(err, &se) && se.Token != nil && se.Token.Position != nil {
		p.Found = se.Message
		p.Line, p.Column = se.Token.Position.Line, se.Token.Position.Column
	}
	r.add(p)
}

// spec reads the whole file.
func (r *reader) spec(n ast.Node, project string) *publisher.Spec {
	s := &publisher.Spec{}
	var deploy deployNodes
	r.object(n, "",
		key{"project", true, r.text(&s.Project, func(v string) string { return checkProject(v, project) })},
		key{"version", true, r.text(&s.Version, checkVersion)},
		key{"build", true, func(n ast.Node, f string) { r.build(&s.Build, n, f) }},
		key{"artifacts", true, func(n ast.Node, f string) { r.artifacts(&s.Artifacts, n, f) }},
		key{"tests", true, func(n ast.Node, f string) { r.tests(&s.Tests, n, f) }},
		key{"deploy", true, func(n ast.Node, f string) { r.deploy(&s.Plan, &deploy, n, f) }},
	)
	r.version(s, &deploy)
	return s
}

func (r *reader) build(b *publisher.BuildSpec, n ast.Node, field string) {
	b.Timeout = 10 * time.Minute
	r.object(n, field,
		key{"command", true, r.text(&b.Command, checkCommand)},
		key{"network", false, r.boolean(&b.Network)},
		key{"timeout", false, r.duration(&b.Timeout, time.Second, 6*time.Hour)},
	)
}

func (r *reader) tests(all *[]publisher.TestSpec, n ast.Node, field string) {
	seen := map[string]bool{}
	r.list(n, field, "test: a release carries the proof of its tests", func(n ast.Node, field string) {
		t := publisher.TestSpec{Timeout: 5 * time.Minute}
		r.object(n, field,
			key{"name", true, r.text(&t.Name, checkTestName)},
			key{"command", true, r.text(&t.Command, checkCommand)},
			key{"timeout", false, r.duration(&t.Timeout, time.Second, 6*time.Hour)},
		)
		if t.Name != "" && seen[t.Name] {
			r.fail(n, field+".name", fmt.Sprintf("%q a second time", t.Name), "a name of its own for each test")
		}
		seen[t.Name] = true
		*all = append(*all, t)
	})
}
