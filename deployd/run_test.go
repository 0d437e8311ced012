package deployd

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/deployd/release"
)

// running runs the node's courier on a socket until the test ends, and returns its client.
func (e *edge) running() (*api.Client, func()) {
	e.Helper()
	socket := filepath.Join(e.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		e.Fatal(err)
	}
	cfg := e.config()
	cfg.Listener = l
	c, err := newCourier(cfg, durable.Disk{})
	if err != nil {
		e.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			e.Errorf("Run = %v", err)
		}
		e.doors.shut()
	}
	return api.NewClient(socket), stop
}

func TestAskedOverTheSocket(t *testing.T) {
	e := newEdge(t)
	e.plan = release.Plan{Directory: "/srv/app", Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: 1}}
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	c, stop := e.running()
	defer stop()
	var said []string
	if err := c.Enrol(t.Context(), "AIRLOCK1-token", func(p api.Progress) { said = append(said, p.Text) }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(said, "\n"), "this node is plant-7") {
		t.Errorf("said %q, want the node's name in it", said)
	}
	if err := c.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	_, err := c.Deploy(t.Context(), nil)
	e.code(err, api.CodeBadSite, "no targets")
	if s, err := c.Status(t.Context()); err != nil || s.Node != "plant-7" || s.Fetched != "demo-1" || s.Phase != "idle" {
		t.Errorf("Status = %+v, %v", s, err)
	}
}

// A node that starts with a half-done deployment brings the site back by itself, before anybody asks.
func TestStartBringsTheSiteBack(t *testing.T) {
	e := newEdge(t)
	e.addTargets(1)
	e.enrolled()
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	e.must(e.do(e.deploy))
	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	e.must(e.do(job(e.fetch)))
	if where := e.die(cut{Name: "after switch web1"}); where == "" {
		t.Fatal("no boundary after a switch")
	}
	if got := e.targets[0].Current("/srv/app"); got != "releases/demo-2" {
		t.Fatalf("current before the start = %q, want the half-done demo-2", got)
	}
	c, stop := e.running()
	defer stop()
	for deadline := time.Now().Add(30 * time.Second); ; {
		s, err := c.Status(t.Context())
		if err == nil && s.Last != nil && s.Last.Release == "demo-2" && s.Phase == "idle" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status = %+v, %v; want demo-2 reverted", s, err)
		}
		if _, err := c.Watch(t.Context(), nil); err != nil {
			<-time.After(20 * time.Millisecond) // no job runs yet
		}
	}
	e.runs("demo-1")
}

func TestSiteIsChecked(t *testing.T) {
	e := newEdge(t)
	good := api.Target{Name: "web1", Address: "10.0.0.1", Port: 22, User: "root",
		HostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIvqYK2QjY05R2cOpDUAaWSlRLtiluQXV5Tft6w/BPI6"}
	for _, tt := range []struct {
		want   string
		change func(*api.Target)
	}{
		{"no name", func(t *api.Target) { t.Name = "" }},
		{"no IP address", func(t *api.Target) { t.Address = "web1.example" }},
		{"port", func(t *api.Target) { t.Port = 0 }},
		{"no user", func(t *api.Target) { t.User = "" }},
		{"host_key", func(t *api.Target) { t.HostKey = "ssh-ed25519 nonsense" }},
		{"twice", func(t *api.Target) { t.Address = "10.0.0.2" }},
	} {
		second := good
		if tt.want != "twice" {
			second.Name = "web2"
		}
		tt.change(&second)
		e.code(e.SetSite(api.Site{Targets: []api.Target{good, second}}), api.CodeBadSite, tt.want)
	}
	e.code(e.SetSite(api.Site{}), api.CodeBadSite, "0 targets")
	if e.Status().Site != nil {
		t.Error("a refused site was stored")
	}
	if err := e.SetSite(api.Site{Targets: []api.Target{good}}); err != nil {
		t.Fatal(err)
	}
	e.restart(durable.Disk{})
	if s := e.Status(); s.Site == nil || len(s.Site.Targets) != 1 {
		t.Errorf("site after a restart = %+v", s.Site)
	}
}
