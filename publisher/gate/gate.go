// Package gate runs the tests of a project; what does not pass them all never becomes a release. It
// never builds, never signs, and gives tests no network. The pipeline calls it between build and
// publication; what passed travels inside the release as its proof.
package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Gate runs tests in a sandbox.
type Gate struct {
	Sandbox publisher.Sandbox
	Now     func() time.Time
}

// Pass runs the tests one after the other in the built checkout src and stops at the first that
// fails; the error names it. It returns the proof of those that passed.
func (g *Gate) Pass(ctx context.Context, s *publisher.Spec, commit, src string, log io.Writer) ([]release.Test, error) {
	var proof []release.Test
	for i, t := range s.Tests {
		fmt.Fprintf(log, "airlock: test %d of %d, %s\n", i+1, len(s.Tests), t.Name)
		start := g.Now()
		err := g.Sandbox.Run(ctx, publisher.Job{
			Project: s.Project, Dir: src, Command: t.Command, Env: s.Env(commit), Timeout: t.Timeout, Output: log,
		})
		seconds := g.Now().Sub(start).Seconds()
		if errors.Is(err, publisher.ErrStopped) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("the test %q failed: its command %w", t.Name, err)
		}
		fmt.Fprintf(log, "airlock: test %s passed in %.1f s\n", t.Name, seconds)
		proof = append(proof, release.Test{Name: t.Name, Command: t.Command, Seconds: seconds})
	}
	return proof, nil
}
