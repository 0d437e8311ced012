package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"airlock/publisher"
	"airlock/publisher/api"
	"airlock/publisher/builder"
	"airlock/publisher/db"
	"airlock/publisher/gate"
	"airlock/publisher/githost"
	"airlock/publisher/hub"
	"airlock/publisher/pipeline"
	"airlock/publisher/repo"
	"airlock/publisher/spec"
)

// house is every room, opened.
type house struct {
	log       *slog.Logger
	closers   []func() error // last opened first closed
	db        *db.DB
	git       *githost.Host
	repo      *repo.Repo
	hub       *hub.Hub
	pipeline  *pipeline.Pipeline
	operators net.Listener
	queue     net.Listener
	handler   http.Handler
}

// open opens the rooms in the order in which they need each other; what fails closes all again.
func open(ctx context.Context, o options, log *slog.Logger) (_ *house, err error) {
	h := &house{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if o.data, err = filepath.Abs(o.data); err != nil {
		return nil, err
	}
	if err := h.lock(o.data); err != nil {
		return nil, err
	}
	box, err := sandbox(ctx, o, log)
	if err != nil {
		return nil, err
	}
	if h.db, err = db.Open(ctx, filepath.Join(o.data, "publisher.db")); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.db.Close)
	if h.repo, err = repo.Open(filepath.Join(o.data, "tuf"), filepath.Join(o.data, "keys"), log, time.Now); err != nil {
		return nil, err
	}
	if err := h.openGit(ctx, o); err != nil {
		return nil, err
	}
	if err := h.openPipeline(ctx, o, box); err != nil {
		return nil, err
	}
	if h.operators, err = net.Listen("tcp", o.listen); err != nil {
		return nil, fmt.Errorf("listen for operators: %w; choose another address with --listen", err)
	}
	h.closers = append(h.closers, closeListener(h.operators))
	if !loopback(h.operators) {
		log.Warn("the operator's API has no sign-in and is reachable from other machines", "address", h.operators.Addr())
	}
	return h, h.openDoors(ctx, o)
}

// lock makes the data folder and keeps a second server out of it.
func (h *house) lock(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	h.closers = append(h.closers, f.Close)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another publisherd runs on %s: stop it, or name another folder with --data", dir)
	}
	return nil
}

func sandbox(ctx context.Context, o options, log *slog.Logger) (publisher.Sandbox, error) {
	if err := builder.CheckSeed(o.cacheFrom); err != nil {
		return nil, usageError{err}
	}
	if o.cacheFrom != "" {
		var err error
		if o.cacheFrom, err = filepath.Abs(o.cacheFrom); err != nil {
			return nil, err
		}
	}
	toolchain, err := builder.FindGo(ctx, o.data)
	if err != nil {
		log.Warn("builds get no Go toolchain of this machine", "error", err)
	}
	c := builder.Config{CacheDir: filepath.Join(o.data, "cache"), Seed: o.cacheFrom, Go: toolchain, Log: log}
	if err := makeDir(c.CacheDir); err != nil {
		return nil, err
	}
	if o.sandbox == "none" {
		log.Warn("builds run without a sandbox: whoever may push may do on this machine what publisherd may")
		return &builder.Bare{Config: c}, nil
	}
	return builder.NewBubblewrap(ctx, c)
}

// openGit opens the git host with the socket on which its hooks ask for builds.
func (h *house) openGit(ctx context.Context, o options) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find my own program, which git's hooks call: %w", err)
	}
	socket, err := h.socket(o.data)
	if err != nil {
		return err
	}
	if h.queue, err = net.Listen("unix", socket); err != nil {
		return fmt.Errorf("listen for hooks: %w", err)
	}
	h.closers = append(h.closers, closeListener(h.queue))
	h.git, err = githost.New(ctx, githost.Config{
		Dir: filepath.Join(o.data, "git"), HooksDir: filepath.Join(o.data, "hooks"),
		Hook: []string{self, "hook"}, HookEnv: []string{queueVariable + "=" + socket},
		Known:   func(ctx context.Context, project string) error { _, err := h.db.Project(ctx, project); return err },
		MaxPush: o.maxPush, Log: h.log,
	})
	return err
}

// socket is where hooks ask for builds: in the data folder, which only the server's user may enter,
// or in a folder of its own where that path is longer than a socket's may be (108 bytes, unix(7)).
func (h *house) socket(data string) (string, error) {
	name := filepath.Join(data, "queue.sock")
	if len(name) < 108 {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) { // of a server that was killed
			return "", fmt.Errorf("remove the old socket for hooks: %w", err)
		}
		return name, nil
	}
	dir, err := os.MkdirTemp("", "publisherd-*")
	if err != nil {
		return "", fmt.Errorf("make folder for the hooks' socket: %w", err)
	}
	h.closers = append(h.closers, func() error { return os.RemoveAll(dir) })
	return filepath.Join(dir, "queue.sock"), nil
}

func (h *house) openPipeline(ctx context.Context, o options, box publisher.Sandbox) error {
	logs, err := pipeline.NewLogs(filepath.Join(o.data, "logs"))
	if err != nil {
		return err
	}
	work := filepath.Join(o.data, "work")
	if err := errors.Join(os.RemoveAll(work), makeDir(work)); err != nil {
		return fmt.Errorf("empty the work folder: %w", err)
	}
	n, err := h.db.RequeueBuilds(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		h.log.Info("builds that ran when the server died begin anew", "builds", n)
	}
	h.pipeline = pipeline.New(pipeline.Pipeline{
		Queue: h.db, Source: h.git, Parse: spec.Parse, Store: h.repo, Logs: logs,
		Builder: &builder.Builder{Sandbox: box}, Gate: &gate.Gate{Sandbox: box, Now: time.Now},
		WorkDir: work, Now: time.Now, Log: h.log,
	})
	return nil
}

// openDoors opens what others reach: the hub, and the operator's API with git beside it.
func (h *house) openDoors(ctx context.Context, o options) error {
	root, digest, err := h.repo.Root()
	if err != nil {
		return err
	}
	key, err := hub.LoadKey(filepath.Join(o.data, "keys", "online", "hub.key"))
	if err != nil {
		return err
	}
	h.hub, err = hub.Open(ctx, hub.Config{
		Private: key, Listen: o.hubListen, Endpoint: o.hubEndpoint, Members: h.db, Directory: h.db, Inbox: h.db,
		Root: root, RootDigest: digest, Metadata: h.repo.Metadata(), Targets: h.repo.Targets(), Now: time.Now, Log: h.log,
	})
	if err != nil {
		return err
	}
	if o.hubEndpoint == "" {
		h.log.Warn("--hub-endpoint is not given; tokens name the address that was found", "endpoint", h.hub.Endpoint())
	}
	operators := &api.Server{
		Projects: h.db, Repositories: h.git, GitPrefix: githost.Prefix, Nodes: h.db, Inviter: h.hub, Builds: h.db, Logs: h.pipeline.Logs,
		Releases: h.repo, Reports: h.db, Records: h.db, Now: time.Now, Log: h.log,
		Status: api.Status{
			Started: time.Now().UTC(), Version: buildVersion(), Sandbox: o.sandbox, HubListen: h.hub.Addr().String(),
			HubEndpoint: h.hub.Endpoint(), HubKey: h.hub.Key(), RootDigest: hex.EncodeToString(digest[:]),
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", operators.Handler())
	mux.Handle(githost.Prefix, h.git)
	h.handler = mux
	return nil
}

// tasks are what runs until the server stops.
func (h *house) tasks() []task {
	return []task{
		{"operators", func(ctx context.Context) error { return serveHTTP(ctx, h.operators, h.handler, h.log) }},
		{"hooks", func(ctx context.Context) error {
			return serveHTTP(ctx, h.queue, githost.QueueHandler(h.pipeline.Enqueue), h.log)
		}},
		{"hub", h.hub.Run},
		{"repository", h.repo.Run},
		{"pipeline", h.pipeline.Run},
	}
}

// resume queues pushes whose hook could not queue a build, since the server died under it.
func (h *house) resume(ctx context.Context) error {
	projects, err := h.db.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		if err := h.git.Ensure(ctx, p.Name); err != nil {
			return err
		}
		head, err := h.git.Head(ctx, p.Name)
		if err != nil {
			return err
		}
		built, err := h.db.HasBuild(ctx, p.Name, head)
		if err != nil {
			return err
		}
		if head != "" && !built {
			if _, err := h.pipeline.Enqueue(ctx, p.Name, head); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *house) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	return errors.Join(errs...)
}

// closeListener closes a listener that its server may have closed before.
func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
