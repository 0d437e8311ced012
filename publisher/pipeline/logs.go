package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"airlock/publisher"
)

// maxLog bounds one build's log, bytes; a build that says more goes on unheard.
const maxLog = 32 << 20

// Logs keeps one file a build and lets readers follow those that grow.
type Logs struct {
	dir string

	mu    sync.Mutex
	open  map[int64]*Log // guarded by mu
	begun chan struct{}  // closed when the next log begins; guarded by mu
}

// NewLogs keeps logs in dir.
func NewLogs(dir string) (*Logs, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open build logs: %w", err)
	}
	return &Logs{dir: dir, open: map[int64]*Log{}, begun: make(chan struct{})}, nil
}

// Log is the log of a running build.
type Log struct {
	logs *Logs
	id   int64

	mu    sync.Mutex
	file  *os.File      // guarded by mu
	size  int64         // guarded by mu
	grown chan struct{} // closed at the next write; guarded by mu
	ended bool          // guarded by mu
}

func (l *Logs) name(id int64) string { return filepath.Join(l.dir, fmt.Sprintf("%d.log", id)) }

// Create begins the log of a build; a build that begins anew begins its log anew.
func (l *Logs) Create(id int64) (*Log, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.Create(l.name(id))
	if err != nil {
		return nil, fmt.Errorf("begin log of build %d: %w", id, err)
	}
	log := &Log{logs: l, id: id, file: f, grown: make(chan struct{})}
	l.open[id] = log
	close(l.begun)
	l.begun = make(chan struct{})
	return log, nil
}

// Write appends to the log. It reports no error to the build's command: a log that cannot be
// written must not fail a build.
func (g *Log) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if room := maxLog - g.size; room > 0 {
		n, err := g.file.Write(p[:min(int64(len(p)), room)])
		g.size += int64(n)
		if err != nil || g.size == maxLog {
			_, _ = g.file.WriteString("\nairlock: the log ends here; it grew too long or could not be written\n")
			g.size = maxLog
		}
	}
	close(g.grown)
	g.grown = make(chan struct{})
	return len(p), nil
}

// Close ends the log and lets its followers go.
func (g *Log) Close() error {
	g.logs.mu.Lock()
	delete(g.logs.open, g.id)
	g.logs.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	close(g.grown)
	return g.file.Close()
}

// Copy writes what the log of a build holds now; publisher.CodeNotFound while there is none.
func (l *Logs) Copy(id int64, w io.Writer) error {
	f, err := l.read(id)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// Follow writes the log of a build as it grows, from its beginning, and returns when the build has
// ended or ctx ends. It waits for a build that has not begun. final tells whether the build has
// ended for good; a build's end is written down before its log is closed, so one of the two is
// always true.
func (l *Logs) Follow(ctx context.Context, id int64, final func() (bool, error), w io.Writer) error {
	for {
		l.mu.Lock()
		live, begun := l.open[id], l.begun
		l.mu.Unlock()
		if live != nil {
			return live.follow(ctx, w)
		}
		if over, err := final(); err != nil {
			return err
		} else if over {
			return l.Copy(id, w)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-begun:
		}
	}
}

func (l *Logs) read(id int64) (*os.File, error) {
	f, err := os.Open(l.name(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, publisher.Errorf(publisher.CodeNotFound, "build %d has no log: it has not begun", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read log of build %d: %w", id, err)
	}
	return f, nil
}

func (g *Log) follow(ctx context.Context, w io.Writer) error {
	f, err := g.logs.read(g.id)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		grown, ended := g.state()
		if _, err := io.Copy(w, f); err != nil || ended {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// state is taken before reading, so that what is written meanwhile is not missed.
func (g *Log) state() (grown <-chan struct{}, ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.grown, g.ended
}
