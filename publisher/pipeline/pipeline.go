// Package pipeline walks a commit from the queue to a release: check out, read airlock.yaml, build,
// gate, publish. Each step is somebody else's, reached through the interfaces declared here; the
// pipeline only keeps their order, the log, and the promise that a commit which fails anywhere
// leaves nothing but its log. publisherd starts it as one task of the server.
package pipeline

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Queue holds the builds.
type Queue interface {
	AddBuild(ctx context.Context, project, commit string) (publisher.Build, error)
	// TakeBuild marks the oldest queued build as running; publisher.CodeNotFound when none waits.
	TakeBuild(ctx context.Context) (publisher.Build, error)
	EndBuild(ctx context.Context, b publisher.Build) error
}

// Source holds the commits.
type Source interface {
	// File reads one file; fs.ErrNotExist when the commit has none of that name.
	File(ctx context.Context, project, commit, name string) ([]byte, error)
	Checkout(ctx context.Context, project, commit, dir string) error
}

// Builder builds a checkout and takes the artifacts out of it.
type Builder interface {
	Build(ctx context.Context, s *publisher.Spec, commit, src, out string, log io.Writer) ([]publisher.Output, error)
}

// Gate runs the tests.
type Gate interface {
	Pass(ctx context.Context, s *publisher.Spec, commit, src string, log io.Writer) ([]release.Test, error)
}

// Store publishes releases.
type Store interface {
	Release(id string) (publisher.ReleaseInfo, error)
	Publish(ctx context.Context, m release.Manifest, outputs []publisher.Output) (release.Manifest, error)
}

// Pipeline is the wired sequence. All fields are set before Run and not changed afterwards.
type Pipeline struct {
	Queue   Queue
	Source  Source
	Parse   func(data []byte, project string) (*publisher.Spec, error)
	Builder Builder
	Gate    Gate
	Store   Store
	Logs    *Logs
	WorkDir string // emptied at the start
	Now     func() time.Time
	Log     *slog.Logger

	wake chan struct{}
}

// New completes a pipeline.
func New(p Pipeline) *Pipeline {
	p.wake = make(chan struct{}, 1)
	return &p
}

// Enqueue queues a build and wakes the pipeline.
func (p *Pipeline) Enqueue(ctx context.Context, project, commit string) (publisher.Build, error) {
	b, err := p.Queue.AddBuild(ctx, project, commit)
	if err != nil {
		return b, err
	}
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
	return b, nil
}

// Run takes one build after the other until ctx ends. A build that is running then goes back to the queue.
func (p *Pipeline) Run(ctx context.Context) error {
	for {
		b, err := p.Queue.TakeBuild(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if err := p.finish(ctx, b); err != nil {
				return err
			}
		case publisher.CodeOf(err) == publisher.CodeNotFound:
			select {
			case <-ctx.Done():
				return nil
			case <-p.wake:
			}
		default:
			return err
		}
	}
}

// finish runs a taken build and writes down what became of it, even while the server stops. The
// log is closed last: whoever follows it then finds the build ended.
func (p *Pipeline) finish(ctx context.Context, b publisher.Build) error {
	log, err := p.Logs.Create(b.ID)
	if err != nil {
		b.State, b.Reason = publisher.Failed, err.Error()
	} else {
		defer log.Close()
		b = p.attempt(ctx, b, log)
	}
	p.Log.Info("build ended", "build", b.ID, "project", b.Project, "commit", b.Commit[:12], "state", b.State, "release", b.Release, "reason", b.Reason)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return p.Queue.EndBuild(ctx, b)
}

func (p *Pipeline) dir(b publisher.Build) string {
	return filepath.Join(p.WorkDir, b.Project+"-"+b.Commit[:12])
}
