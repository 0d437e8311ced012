// Package deployd is the courier: it fetches releases through the outer door, deploys them to the
// servers of the site through the inner one, and reports. It never touches an interface, a tty or a
// firewall rule and has no network of its own: every connection is a dial through a window of
// netd, and ends before the window does. firmware/cmd/deployd wires it.
//
//	machine.go      phases, the states of a deployment, what to do after a power cut
//	state.go        what is stored, and where
//	enrol.go        first contact
//	fetching.go     outer window: metadata, artifacts
//	deploying.go    inner window: who opens it and what happens around the transaction
//	transaction.go  all targets or none
//	recovery.go     what a crash or a power cut left
//	reporting.go    outer window: signed results
package deployd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/deployd/fetch"
	"airlock/deployd/release"
	"airlock/deployd/store"
	"airlock/netd/windows"
)

// Windows is what the courier needs of the doorkeeper.
type Windows interface {
	// Open returns when the door was read back as open. Errors that a person can act on are *windows.Problem.
	Open(ctx context.Context, r windows.Request, progress func(windows.Event)) (Window, error)
	// SetIdentity tells the doorkeeper who the node is; it is called while the enrolment's window is open.
	SetIdentity(ctx context.Context, id windows.Identity) error
}

// Window is an open window.
type Window interface {
	Event() windows.Event // the one that said that it is open
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Close(ctx context.Context) (windows.Event, error)
	Done() <-chan struct{} // closed when it no longer carries dials
}

// Netd makes Windows of netd's client.
func Netd(c *windows.Client) Windows { return netd{c} }

// netd hides the client's own type of window.
type netd struct{ *windows.Client }

// Open asks the client.
func (n netd) Open(ctx context.Context, r windows.Request, progress func(windows.Event)) (Window, error) {
	w, err := n.Client.Open(ctx, r, progress)
	if err != nil {
		return nil, err
	}
	return door{w}, nil
}

// door is a window of netd's client.
type door struct{ *windows.Window }

// Event is the event that opened it.
func (d door) Event() windows.Event { return d.Opened }

// Config is what a courier needs.
type Config struct {
	Windows Windows
	// Dir is the courier's folder on the data partition.
	Dir string
	// Listener is where the CLI and the console ask; nil: on api.SocketPath.
	Listener net.Listener
	// Network is what package isolation found at the start; it is told in the status.
	Network api.Network
	// Clock is the wall clock; nil: time.Now.
	Clock func() time.Time
	Log   *slog.Logger
	// Limits bound transfers; zero: fetch.DefaultLimits.
	Limits fetch.Limits
	// ReportAtOnce opens an outer window for the report after each deployment. Otherwise reports
	// wait for the next fetch or for api's report.
	ReportAtOnce bool
	// RetryRevert is how long the courier waits before it tries again to bring back a site that it
	// left half deployed; zero: 15 s, doubled each time, revertTries times.
	RetryRevert time.Duration
}

// Courier does one job at a time.
type Courier struct {
	cfg    Config
	log    *slog.Logger
	disk   durable.Disk
	state  *keeper
	store  *store.Store
	signer ssh.Signer
	keys   keys
	jobs   *api.Jobs
	// unsettled is sent to when a deployment ended without every target being back.
	unsettled chan struct{}
	// boundary, where set, is called at each boundary of a deployment's steps: tests cut the power there.
	boundary func(name string)
}

// New opens the courier's folder, makes its keys at the first start, and refuses a folder whose state is not readable.
func New(cfg Config) (*Courier, error) { return newCourier(cfg, durable.Disk{}) }

// newCourier is New with a disk that tests may fail.
func newCourier(cfg Config, disk durable.Disk) (*Courier, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Limits == (fetch.Limits{}) {
		cfg.Limits = fetch.DefaultLimits
	}
	if cfg.RetryRevert == 0 {
		cfg.RetryRevert = 15 * time.Second
	}
	c := &Courier{cfg: cfg, log: cfg.Log, disk: disk, jobs: api.NewJobs(cfg.Clock), unsettled: make(chan struct{}, 1)}
	for _, d := range []string{"", "tuf", "reports"} {
		dir := filepath.Join(cfg.Dir, d)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make folder of deployd: %w", err)
		}
		if err := durable.Sweep(dir); err != nil {
			return nil, err
		}
	}
	var err error
	if c.store, err = store.New(filepath.Join(cfg.Dir, "store"), disk); err != nil {
		return nil, err
	}
	if c.keys, err = loadKeys(cfg.Dir, disk); err != nil {
		return nil, err
	}
	if c.signer, err = ssh.NewSignerFromKey(c.keys.ssh); err != nil {
		return nil, fmt.Errorf("use SSH key: %w", err)
	}
	c.state, err = loadState(cfg.Dir, disk)
	return c, err
}

// Run serves the socket until ctx ends, and first brings back what a power cut left half deployed.
func (c *Courier) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := c.cfg.Listener
	if l == nil {
		var err error
		if l, err = listen(ctx, api.SocketPath); err != nil {
			return err
		}
	}
	srv := &http.Server{Handler: c.handler(ctx), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelWarn)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	reverting := make(chan struct{})
	go func() {
		defer close(reverting)
		for ctx.Err() == nil {
			c.bringBack(ctx)
			select {
			case <-c.unsettled:
			case <-ctx.Done():
			}
		}
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		cancel()
	}
	<-reverting
	c.jobs.Wait() // a job ends by ctx, and closes its window first
	srv.Close()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// listen makes the socket for the group of those who may ask.
func listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for the CLI: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("open socket to its group: %w", err), l.Close())
	}
	return l, nil
}

// handler serves the courier's jobs on the socket; a job lives as long as ctx, not as its asker.
func (c *Courier) handler(ctx context.Context) http.Handler {
	return (&api.Server{
		Jobs:    c.jobs,
		Context: func() context.Context { return ctx },
		Status:  c.Status,
		SetSite: c.SetSite,
		Work: func(kind api.Kind, token string) api.Work {
			switch kind {
			case api.KindEnrol:
				return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, c.enrol(ctx, token, say) }
			case api.KindFetch:
				return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, c.fetch(ctx, say) }
			case api.KindDeploy:
				return c.deploy
			}
			return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, c.report(ctx, say) }
		},
	}).Handler()
}

// at passes a boundary of a deployment.
func (c *Courier) at(name string) {
	if c.boundary != nil {
		c.boundary(name)
	}
}

// Status is what the courier tells of itself.
func (c *Courier) Status() api.Status {
	s := c.state.get()
	out := api.Status{Now: c.cfg.Clock(), Network: c.cfg.Network, Phase: string(phaseOf(c.jobs.Running())), SSHKey: c.keys.authorized(),
		Assignment: s.Assignment, Fetched: s.Fetched, Running: s.Running, Last: s.Last, Queued: len(c.queued())}
	if n := c.state.node(); n != nil {
		out.Enrolled, out.Node = true, n.Node
	}
	if site := c.state.site(); len(site.Targets) > 0 {
		out.Site = &site
	}
	return out
}
