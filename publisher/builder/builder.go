// Package builder runs the build command of a project in a sandbox and takes the artifacts out. It
// never fetches a source, never judges a result and never signs. The pipeline calls it with a clean
// checkout; the gate runs its tests in the same Sandbox.
package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"airlock/publisher"
)

// Builder builds in one kind of sandbox.
type Builder struct {
	Sandbox publisher.Sandbox
}

// Build runs the build command in the checkout src and copies the artifacts to out, out of reach
// of whatever runs in src later. log gets what the command says.
func (b *Builder) Build(ctx context.Context, s *publisher.Spec, commit, src, out string, log io.Writer) ([]publisher.Output, error) {
	err := b.Sandbox.Run(ctx, publisher.Job{
		Project: s.Project, Dir: src, Command: s.Build.Command, Env: s.Env(commit),
		Network: s.Build.Network, Timeout: s.Build.Timeout, Output: log,
	})
	if err != nil {
		return nil, fmt.Errorf("the build command %w", err)
	}
	return collect(s.Artifacts, src, out)
}

// collect copies the artifacts. A link that leads out of the checkout is not followed.
func collect(artifacts []publisher.ArtifactSpec, src, out string) ([]publisher.Output, error) {
	root, err := os.OpenRoot(src)
	if err != nil {
		return nil, fmt.Errorf("collect artifacts: %w", err)
	}
	defer root.Close()
	var all []publisher.Output
	for i, a := range artifacts {
		o, err := take(root, a, filepath.Join(out, strconv.Itoa(i)))
		if err != nil {
			return nil, fmt.Errorf("artifact %s: %w", a.Path, err)
		}
		all = append(all, o)
	}
	return all, nil
}

func take(root *os.Root, a publisher.ArtifactSpec, to string) (o publisher.Output, err error) {
	info, err := root.Stat(filepath.FromSlash(a.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, errors.New("the build command did not make it; compare the path in airlock.yaml with what the command writes")
	case err != nil:
		return o, err
	case !info.Mode().IsRegular():
		return o, fmt.Errorf("it is %s, expected a regular file", info.Mode().Type())
	}
	in, err := root.Open(filepath.FromSlash(a.Path))
	if err != nil {
		return o, err
	}
	defer in.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), in)
	if err != nil {
		return o, err
	}
	return publisher.Output{File: to, Path: a.Install, Mode: a.Mode, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}, nil
}
