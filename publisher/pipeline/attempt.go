package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"airlock/deployd/release"
	"airlock/publisher"
)

// attempt runs one build and says in the returned build what became of it.
func (p *Pipeline) attempt(ctx context.Context, b publisher.Build, log io.Writer) publisher.Build {
	id, note, err := p.steps(ctx, b, log)
	switch {
	case err == nil:
		b.State, b.Release, b.Reason = publisher.Released, id, note
		fmt.Fprintf(log, "airlock: released %s\n", id)
	case ctx.Err() != nil:
		b.State = publisher.Queued
		fmt.Fprintln(log, "airlock: the server stops; this build begins anew when it starts")
	default:
		b.State, b.Reason = publisher.Failed, explain(err)
		fmt.Fprintf(log, "airlock: failed: %s\n", b.Reason)
	}
	return b
}

// explain makes an error a sentence for the build's list; a full disk is named with what to do.
func explain(err error) string {
	if publisher.CodeOf(err) == publisher.CodeDiskFull {
		return "the publisher's disk is full, nothing was published: free some space and push again (" + err.Error() + ")"
	}
	return err.Error()
}

// steps are the way from a commit to a release; a note comes with a release that was there already.
func (p *Pipeline) steps(ctx context.Context, b publisher.Build, log io.Writer) (id, note string, err error) {
	fmt.Fprintf(log, "airlock: build %d of %s, commit %s\n", b.ID, b.Project, b.Commit)
	spec, err := p.spec(ctx, b)
	if err != nil {
		return "", "", err
	}
	id = spec.ReleaseID(b.Commit)
	if _, err := p.Store.Release(id); err == nil {
		return id, "it was released before", nil
	}
	src, out := filepath.Join(p.dir(b), "src"), filepath.Join(p.dir(b), "out")
	if err := fresh(p.dir(b), src, out); err != nil {
		return "", "", fmt.Errorf("prepare build: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.dir(b))) }()
	if err := p.Source.Checkout(ctx, b.Project, b.Commit, src); err != nil {
		return "", "", err
	}
	fmt.Fprintf(log, "airlock: building version %s: %s\n", spec.Version, firstLine(spec.Build.Command))
	outputs, err := p.Builder.Build(ctx, spec, b.Commit, src, out, log)
	if err != nil {
		return "", "", err
	}
	for _, o := range outputs {
		fmt.Fprintf(log, "airlock: artifact %s, %d bytes, sha256 %s\n", o.Path, o.Size, o.SHA256)
	}
	proof, err := p.Gate.Pass(ctx, spec, b.Commit, src, log)
	if err != nil {
		return "", "", err
	}
	m := release.Manifest{
		ID: id, Project: spec.Project, Version: spec.Version, Commit: b.Commit, Built: p.Now().UTC(), Plan: spec.Plan, Tests: proof,
	}
	fmt.Fprintln(log, "airlock: compressing and signing")
	_, err = p.Store.Publish(ctx, m, outputs)
	return id, "", err
}

func (p *Pipeline) spec(ctx context.Context, b publisher.Build) (*publisher.Spec, error) {
	data, err := p.Source.File(ctx, b.Project, b.Commit, publisher.SpecFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, publisher.Errorf(publisher.CodeInvalid, "commit %s has no %s", b.Commit, publisher.SpecFile)
	}
	if err != nil {
		return nil, err
	}
	return p.Parse(data, b.Project)
}

// fresh makes the build's folders, without what a killed build left in them.
func fresh(dir string, inside ...string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, d := range inside {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func firstLine(s string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if rest != "" {
		line += " …"
	}
	return line
}
