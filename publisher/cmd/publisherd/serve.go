package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// options are the flags of serve.
type options struct {
	data        string
	listen      string
	hubListen   string
	hubEndpoint string
	sandbox     string
	cacheFrom   string
	maxPush     int64
}

const serveAbout = `Runs the whole server side until SIGTERM: git host, builder, gate, repository, hub, API.

Everything lies below --data: the database, the repositories, the TUF repository, the keys, the logs.
When all is listening it prints a line beginning with READY and tells systemd.
The operator's API has no sign-in: keep --listen on loopback or behind one that has.`

func serveCommand(stderr io.Writer) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "serve", Short: "run the server", Long: serveAbout, Args: exactly(),
		Example: "  publisherd serve --data /var/lib/publisherd --hub-endpoint updates.example.net:51820\n" +
			"  publisherd serve --data ./data --listen 127.0.0.1:0 --cache-from \"$(go env GOMODCACHE)\"",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.data == "" {
				return usageError{errors.New("serve: --data is missing: name the folder in which everything is kept")}
			}
			if o.sandbox != "bubblewrap" && o.sandbox != "none" {
				return usageError{fmt.Errorf("--sandbox: found %q, expected bubblewrap or none", o.sandbox)}
			}
			return serve(c.Context(), o, c.OutOrStdout(), slog.New(slog.NewTextHandler(stderr, nil)))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "", "folder in which everything is kept; made when missing")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the operator's API and of git; port 0 takes a free one")
	f.StringVar(&o.hubListen, "hub-listen", ":51820", "UDP address of the hub; port 0 takes a free one")
	f.StringVar(&o.hubEndpoint, "hub-endpoint", "", "HOST:PORT under which nodes reach the hub; default: this machine's address")
	f.StringVar(&o.sandbox, "sandbox", "bubblewrap", "how builds are confined: bubblewrap, or none")
	f.StringVar(&o.cacheFrom, "cache-from", "", "Go module cache that builds may read modules from")
	f.Int64Var(&o.maxPush, "max-push", 4<<30, "largest push, bytes")
	return cmd
}

// task is something that runs as long as the server.
type task struct {
	name string
	run  func(ctx context.Context) error
}

// serve opens the house, runs its tasks, and closes it when ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer, log *slog.Logger) (err error) {
	h, err := open(ctx, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	g, ctx := errgroup.WithContext(ctx)
	for _, t := range h.tasks() {
		g.Go(func() error {
			if err := t.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	if err := h.resume(ctx); err != nil {
		log.Error("builds that wait could not be looked up", "error", err)
	}
	fmt.Fprintf(stdout, "READY http://%s hub %s endpoint %s\n", h.operators.Addr(), h.hub.Addr(), h.hub.Endpoint())
	notify(log, daemon.SdNotifyReady)
	g.Go(func() error {
		<-ctx.Done()
		notify(log, daemon.SdNotifyStopping)
		return nil
	})
	return g.Wait()
}

// notify tells systemd; off systemd it does nothing.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

// serveHTTP serves until ctx ends, then gives requests a moment to end.
func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends what follows a log
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		ended <- errors.Join(srv.Shutdown(grace), srv.Close())
	})
	err := srv.Serve(l)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-ended
	}
	return err
}

// loopback tells whether only this machine reaches an address.
func loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return nil
}
