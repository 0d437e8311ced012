package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"airlock/deployd/release"
	"airlock/publisher"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// world is every neighbour of the pipeline in one model: it keeps builds and releases, fails at the
// step that the test names, and refuses an order of steps that cannot be.
type world struct {
	mu       sync.Mutex
	builds   []publisher.Build
	releases map[string]release.Manifest
	steps    []string
	fail     map[string]error
	hold     chan struct{} // Build waits for it, where set
	ended    chan publisher.Build
}

func newWorld() *world {
	return &world{releases: map[string]release.Manifest{}, fail: map[string]error{}, ended: make(chan publisher.Build, 10)}
}

func (w *world) step(name, after string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.steps) - 1; after != "" && (last < 0 || w.steps[last] != after) {
		return fmt.Errorf("impossible: %s after %v", name, w.steps)
	}
	w.steps = append(w.steps, name)
	return w.fail[name]
}

func (w *world) AddBuild(_ context.Context, project, commit string) (publisher.Build, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := publisher.Build{ID: int64(len(w.builds) + 1), Project: project, Commit: commit, State: publisher.Queued}
	w.builds = append(w.builds, b)
	return b, nil
}

func (w *world) TakeBuild(context.Context) (publisher.Build, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, b := range w.builds {
		if b.State == publisher.Queued {
			w.builds[i].State, w.steps = publisher.Running, nil
			return w.builds[i], nil
		}
	}
	return publisher.Build{}, publisher.Errorf(publisher.CodeNotFound, "none")
}

func (w *world) EndBuild(_ context.Context, b publisher.Build) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.builds[b.ID-1].State != publisher.Running {
		return fmt.Errorf("impossible: build %d ended twice", b.ID)
	}
	w.builds[b.ID-1] = b
	w.ended <- b
	return nil
}

func (w *world) File(context.Context, string, string, string) ([]byte, error) {
	if err := w.step("file", ""); err != nil {
		return nil, err
	}
	return []byte("1.0"), nil
}

func (w *world) Checkout(_ context.Context, _, _, dir string) error {
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		return errors.New("impossible: the checkout is not empty")
	}
	if err := os.WriteFile(filepath.Join(dir, "source"), nil, 0o644); err != nil {
		return err
	}
	return w.step("checkout", "file")
}

func (w *world) parse(data []byte, project string) (*publisher.Spec, error) {
	return &publisher.Spec{Project: project, Version: string(data), Build: publisher.BuildSpec{Command: "make\nall"}}, nil
}

func (w *world) Build(ctx context.Context, _ *publisher.Spec, _, src, _ string, log io.Writer) ([]publisher.Output, error) {
	fmt.Fprintln(log, "compiling")
	if w.hold != nil {
		select {
		case <-w.hold:
		case <-ctx.Done():
			return nil, fmt.Errorf("the build command %w", publisher.ErrStopped)
		}
	}
	return []publisher.Output{{Path: "bin/shop"}}, w.step("build", "checkout")
}

func (w *world) Pass(context.Context, *publisher.Spec, string, string, io.Writer) ([]release.Test, error) {
	return []release.Test{{Name: "t"}}, w.step("gate", "build")
}

func (w *world) Release(id string) (publisher.ReleaseInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.releases[id]
	if !ok {
		return publisher.ReleaseInfo{}, publisher.Errorf(publisher.CodeNotFound, "none")
	}
	return publisher.ReleaseInfo{Manifest: m}, nil
}

func (w *world) Publish(_ context.Context, m release.Manifest, _ []publisher.Output) (release.Manifest, error) {
	if err := w.step("publish", "gate"); err != nil {
		return m, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases[m.ID] = m
	return m, nil
}

// start runs a pipeline in the world until the test ends or stop is called.
func start(t *testing.T, w *world) (p *Pipeline, stop func()) {
	t.Helper()
	logs, err := NewLogs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p = New(Pipeline{
		Queue: w, Source: w, Parse: w.parse, Builder: w, Gate: w, Store: w, Logs: logs,
		WorkDir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

func (w *world) push(t *testing.T, p *Pipeline) publisher.Build {
	t.Helper()
	if _, err := p.Enqueue(t.Context(), "shop", commit); err != nil {
		t.Fatal(err)
	}
	select {
	case b := <-w.ended:
		return b
	case <-time.After(10 * time.Second):
		t.Fatal("the build does not end")
	}
	return publisher.Build{}
}

func logOf(t *testing.T, p *Pipeline, id int64) string {
	t.Helper()
	var s strings.Builder
	if err := p.Logs.Follow(t.Context(), id, func() (bool, error) { return true, nil }, &s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func TestACommitBecomesARelease(t *testing.T) {
	w := newWorld()
	p, _ := start(t, w)
	b := w.push(t, p)
	if b.State != publisher.Released || b.Release != "shop-1.0-0123456789ab" {
		t.Fatalf("build = %+v", b)
	}
	if m := w.releases[b.Release]; m.Commit != commit || len(m.Tests) != 1 {
		t.Errorf("manifest = %+v", m)
	}
	if left, _ := os.ReadDir(p.WorkDir); len(left) != 0 {
		t.Errorf("left in the work folder: %v", left)
	}
	if log := logOf(t, p, b.ID); !strings.Contains(log, "compiling\n") || !strings.HasSuffix(log, "released shop-1.0-0123456789ab\n") {
		t.Errorf("log = %s", log)
	}
	again := w.push(t, p)
	if again.State != publisher.Released || again.Reason == "" || len(w.steps) != 1 {
		t.Errorf("the same commit again = %+v after the steps %v, want it found", again, w.steps)
	}
}

func TestAFailureIsNamed(t *testing.T) {
	for step, err := range map[string]error{
		"file": fs.ErrNotExist, "checkout": errors.New("no such object"), "build": errors.New("the build command ended with exit status 2"),
		"gate": errors.New(`the test "t" failed`), "publish": fmt.Errorf("store artifact: %w", syscall.ENOSPC),
	} {
		t.Run(step, func(t *testing.T) {
			w := newWorld()
			w.fail[step] = err
			p, _ := start(t, w)
			b := w.push(t, p)
			want := err.Error()
			switch step {
			case "file":
				want = "has no airlock.yaml"
			case "publish":
				want = "disk is full, nothing was published"
			}
			if b.State != publisher.Failed || !strings.Contains(b.Reason, want) || len(w.releases) != 0 {
				t.Errorf("build = %+v, releases %v, want it failed with %q", b, w.releases, want)
			}
			if log := logOf(t, p, b.ID); !strings.Contains(log, "airlock: failed: ") || !strings.Contains(log, want) {
				t.Errorf("log = %s", log)
			}
			if left, _ := os.ReadDir(p.WorkDir); len(left) != 0 {
				t.Errorf("left in the work folder: %v", left)
			}
			delete(w.fail, step)
			if b := w.push(t, p); b.State != publisher.Released {
				t.Errorf("the next push = %+v, want it released", b)
			}
		})
	}
}

func TestStopRequeues(t *testing.T) {
	w := newWorld()
	w.hold = make(chan struct{})
	p, stop := start(t, w)
	if _, err := p.Enqueue(t.Context(), "shop", commit); err != nil {
		t.Fatal(err)
	}
	followed := make(chan string, 1)
	go func() {
		var s strings.Builder
		_ = p.Logs.Follow(context.Background(), 1, func() (bool, error) { return false, nil }, notify{&s, stop})
		followed <- s.String()
	}()
	select {
	case b := <-w.ended:
		if b.State != publisher.Queued {
			t.Errorf("build = %+v, want it queued again", b)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the pipeline does not stop")
	}
	if log := <-followed; !strings.Contains(log, "compiling") || !strings.Contains(log, "begins anew") {
		t.Errorf("who followed the log saw %q", log)
	}
}

// notify stops the server once the build says something.
type notify struct {
	w    io.Writer
	stop func()
}

func (n notify) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "compiling") {
		go n.stop()
	}
	return n.w.Write(p)
}

func TestALogHasAnEnd(t *testing.T) {
	logs, err := NewLogs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Copy(1, io.Discard); publisher.CodeOf(err) != publisher.CodeNotFound {
		t.Errorf("Copy of no log = %v", err)
	}
	l, err := logs.Create(1)
	if err != nil {
		t.Fatal(err)
	}
	piece := []byte(strings.Repeat("x", 1<<20))
	for range 40 {
		if n, err := l.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("Write = %d, %v: a long log must not fail the build", n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	if err := logs.Copy(1, &s); err != nil || s.Len() > maxLog+100 || !strings.HasSuffix(s.String(), "could not be written\n") {
		t.Errorf("the log has %d bytes, %v", s.Len(), err)
	}
}
