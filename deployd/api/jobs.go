package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"airlock/deployd/release"
)

// Kind names a job.
type Kind string

// Kinds of jobs. Nobody asks for KindRevert: the courier does, after a power cut.
const (
	KindEnrol  Kind = "enrol"
	KindFetch  Kind = "fetch"
	KindDeploy Kind = "deploy"
	KindReport Kind = "report"
	KindRevert Kind = "revert"
)

// Say tells those who follow a job how it goes.
type Say func(Progress)

// Work is what a job does. Its error becomes the last line's; an *Error keeps its code.
type Work func(ctx context.Context, say Say) (*release.Report, error)

// maxLines is how many lines of a job are kept for those who begin to follow it later.
const maxLines = 500

// errCancelled is the cause with which Cancel ends a job.
var errCancelled = errors.New("somebody ended the job")

// Jobs runs one job at a time.
type Jobs struct {
	clock   func() time.Time
	running sync.WaitGroup

	mu  sync.Mutex
	job *Job // nil: idle; guarded by mu
}

// Job is a job that runs or has ended, with its lines for those who follow it.
type Job struct {
	Kind   Kind
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	lines   []Progress    // the newest maxLines; guarded by mu
	dropped int           // lines that were before those; guarded by mu
	changed chan struct{} // closed with the next line; guarded by mu
}

// NewJobs makes an idle one; clock stamps the lines.
func NewJobs(clock func() time.Time) *Jobs { return &Jobs{clock: clock} }

// Running is the kind of the job that runs; empty: none.
func (j *Jobs) Running() Kind {
	if job := j.Current(); job != nil {
		return job.Kind
	}
	return ""
}

// Current is the job that runs; nil: none.
func (j *Jobs) Current() *Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.job
}

// Wait waits until no job runs.
func (j *Jobs) Wait() { j.running.Wait() }

// Start begins a job, or refuses with CodeBusy while another runs. It goes on when nobody follows it.
func (j *Jobs) Start(ctx context.Context, kind Kind, work Work) (*Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.job != nil {
		return nil, &Error{Code: CodeBusy, Text: fmt.Sprintf(
			"deployd is busy: the job %s runs; follow it, or wait for its end", j.job.Kind)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	job := &Job{Kind: kind, cancel: cancel, changed: make(chan struct{})}
	j.job = job
	j.running.Go(func() {
		defer cancel(nil)
		report, err := work(ctx, func(p Progress) { job.add(p, j.clock()) })
		last := Progress{Text: "done", Done: true, Report: report}
		if err != nil {
			last.Text, last.Error, last.Code = "failed", err.Error(), codeOf(err, ctx)
		}
		// Idle before the last line is told: who has read it may ask for the next job.
		j.mu.Lock()
		j.job = nil
		j.mu.Unlock()
		job.add(last, j.clock())
	})
	return job, nil
}

// codeOf is the code of an error of a job.
func codeOf(err error, ctx context.Context) string {
	code := CodeInternal
	var e *Error
	if errors.As(err, &e) {
		code = e.Code
	}
	if code == CodeInternal && errors.Is(context.Cause(ctx), errCancelled) {
		return CodeCancelled
	}
	return code
}

// Cancel asks the job to end; it returns at once.
func (j *Job) Cancel() { j.cancel(errCancelled) }

// add appends a line.
func (j *Job) add(p Progress, at time.Time) {
	p.At = at
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, p)
	if len(j.lines) > maxLines {
		j.lines = j.lines[1:]
		j.dropped++
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// from are the lines from the nth on, the number of the line after them, and a channel that is
// closed when there are more.
func (j *Job) from(n int) ([]Progress, int, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n = max(n, j.dropped)
	lines := append([]Progress(nil), j.lines[n-j.dropped:]...)
	return lines, n + len(lines), j.changed
}

// Follow calls say for each line from the first on, until the last one, or until ctx ends.
func (j *Job) Follow(ctx context.Context, say func(Progress) error) error {
	for n := 0; ; {
		lines, after, changed := j.from(n)
		n = after
		for _, p := range lines {
			if err := say(p); err != nil || p.Done {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
