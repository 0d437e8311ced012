// Package nodetest is an edge node without doors, for tests of those who ask it: both daemons'
// sockets in a folder, served by their real servers, and behind them a model that refuses what the
// daemons refuse. Tests of the CLI and of the console use it.
package nodetest

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// Token is the one that the model's publisher gave out.
const Token = "AIRLOCK1-" + tokenBody

// Node is a model of one edge node.
type Node struct {
	Netd, Deployd string // sockets
	jobs          *api.Jobs
	record        *recorder.Recorder

	mu sync.Mutex // guards all below
	// Knobs, to be set through Set.
	fault    string
	modem    windows.ModemStatus
	assigned string // release that the publisher wants; fetch takes it
	unwell   bool   // deployments fail their health check
	hold     chan struct{}
	card     card    // the SIM
	answer   []error // of the next questions to the module, in order; nil lets one pass

	identity *windows.Identity
	locked   *windows.Lockdown
	approved []windows.Approval
	lan      *windows.Site
	status   api.Status
	window   uint64
	serial   int64
	service  *service // the window for service that is open; nil: none
}

// Start serves a node until the test ends: with a modem, never enrolled, without a site.
func Start(t testing.TB, dir string) *Node {
	t.Helper()
	n := &Node{
		Netd: filepath.Join(dir, "netd.sock"), Deployd: filepath.Join(dir, "deployd.sock"),
		jobs:   api.NewJobs(time.Now),
		modem:  windows.ModemStatus{Present: true, Model: "Quectel EC25", SIM: "ready", Radio: "off", Operator: "K\u00f6ln Mobil\x1b[2J", Access: "LTE", SignalDBm: new(-71)},
		status: api.Status{Phase: "idle", SSHKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5WYCBgDrMG6CEf9OZUzZFfhfvaY6EQyJ7JWmYWrn0K airlock"},
	}
	var err error
	if n.record, err = recorder.Open(filepath.Join(dir, "record.jsonl"), recorder.Options{Clock: clock{}, Key: recordKey()}); err != nil {
		t.Fatal(err)
	}
	n.write(recorder.Entry{Event: recorder.Started})
	ctx, cancel := context.WithCancel(context.Background())
	deployd := &api.Server{Jobs: n.jobs, Context: func() context.Context { return ctx }, Status: n.courierStatus, SetSite: n.setTargets, Work: n.work}
	stopNetd, stopDeployd := serve(t, n.Netd, windows.NewServer(doors{n}, slog.New(slog.DiscardHandler))), serve(t, n.Deployd, deployd.Handler())
	t.Cleanup(func() {
		cancel()
		n.jobs.Wait()
		stopNetd()
		stopDeployd()
		n.record.Close()
	})
	return n
}

func serve(t testing.TB, path string, h http.Handler) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	return func() { srv.Close(); <-done }
}

// recordKey signs the record; it is the same in every test.
func recordKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

type clock struct{}

// Now is the wall clock.
func (clock) Now() time.Time { return time.Now() }

// Boot counts from any moment; the tests read none of it.
func (clock) Boot() time.Duration { return time.Duration(time.Now().UnixNano()) }

// Config writes a node.yaml that names the sockets, and returns its path.
func (n *Node) Config(t testing.TB) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(n.Netd), "node.yaml")
	text := fmt.Sprintf("sockets:\n  netd: %s\n  deployd: %s\n", n.Netd, n.Deployd)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Assign makes the publisher want a release on the node; unwell: its health check fails there.
func (n *Node) Assign(id string, unwell bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.assigned, n.unwell = id, unwell
}

// Fault latches a fault.
func (n *Node) Fault(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = text
}

// Modem sets what the module is.
func (n *Node) Modem(m windows.ModemStatus) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.modem = m
}

// Hold makes every job, and every question to the module, wait after its first line until release is called or it is
// cancelled.
func (n *Node) Hold() (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	gate := make(chan struct{})
	n.hold = gate
	return sync.OnceFunc(func() {
		n.mu.Lock()
		n.hold = nil
		n.mu.Unlock()
		close(gate)
	})
}

// Running is the release on the targets, and Phase what the courier does.
func (n *Node) Running() (release, phase string) {
	s := n.courierStatus()
	return s.Running, s.Phase
}

func (n *Node) courierStatus() api.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.status
	s.Now = time.Now()
	s.Phase = map[api.Kind]string{"": "idle", api.KindEnrol: "enrolling", api.KindFetch: "fetching",
		api.KindDeploy: "deploying", api.KindReport: "reporting"}[n.jobs.Running()]
	return s
}

func (n *Node) setTargets(s api.Site) error {
	if len(s.Targets) == 0 {
		return &api.Error{Code: api.CodeBadSite, Text: "the site has no targets"}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status.Site = &s
	return nil
}

func (n *Node) write(e recorder.Entry) {
	if err := n.record.Append(e); err != nil {
		panic("nodetest: write the record: " + err.Error()) // a folder of the test that cannot be written
	}
}

// inWindow records a window around f.
func (n *Node) inWindow(door windows.Door, p windows.Purpose, f func() error) error {
	n.mu.Lock()
	n.window++
	id := n.window
	n.mu.Unlock()
	opened := recorder.MomentOf(clock{})
	n.write(recorder.Entry{Event: recorder.WindowOpened, Window: id, Door: door, Purpose: p, Asker: "deployd"})
	defer func() {
		n.write(recorder.Entry{Event: recorder.WindowClosed, Window: id, Door: door, Purpose: p, Asker: "deployd", In: new(uint64(15_400_000)), Out: new(uint64(900)),
			Account: &recorder.Account{Asked: opened, Opened: &opened, Interface: "wan0", Capture: &recorder.Capture{FramesIn: 11, FramesOut: 7}}})
		if err := n.record.Checkpoint(id); err != nil {
			panic("nodetest: sign the record: " + err.Error())
		}
	}()
	return f()
}

// refuse is an error of the courier.
func refuse(code, format string, args ...any) error {
	return &api.Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// cleanToken is a token without the white space of a paste.
func cleanToken(s string) string { return strings.Join(strings.Fields(s), "") }
