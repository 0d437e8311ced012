// Package courier joins the two daemons of a node: the real courier asks the real doorkeeper on its
// socket for windows and dials, and deploys to real OpenSSH servers. Only the hardware below the
// doorkeeper is a model, which notes any moment in which both doors are open.
package courier

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"airlock/deployd"
	"airlock/deployd/api"
	"airlock/deployd/deploy/sshdtest"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
	"airlock/netd/netdtest"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// TestMain is the test, or the service that a restart command starts on a target.
func TestMain(m *testing.M) {
	if address := os.Getenv("AIRLOCK_TEST_SERVICE"); address != "" {
		version, _ := os.ReadFile("current/version")
		http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "version %s\n", version)
		}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// publisher serves a repository, enrols anybody and counts reports.
func publisher(t *testing.T, repo *repotest.Repo) (address string, reports *atomic.Int32, record *archive) {
	reports, record = new(atomic.Int32), &archive{}
	mux := http.NewServeMux()
	mux.Handle("/", repo)
	record.routes(mux)
	mux.HandleFunc("POST "+release.PathEnrol, func(w http.ResponseWriter, r *http.Request) {
		var req release.EnrolRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		record.key = req.RecordKey
		json.NewEncoder(w).Encode(release.EnrolResponse{Node: "plant-7", Address: "fd41:6972:6c6b::7",
			PublisherAddress: "[fd41:6972:6c6b::1]:80", Root: repo.Root()})
	})
	mux.HandleFunc("POST "+release.PathReports, func(w http.ResponseWriter, _ *http.Request) {
		reports.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), reports, record
}

// courier runs the real one until the test ends.
func courier(t *testing.T, doors *windows.Client) *api.Client {
	socket := filepath.Join(t.TempDir(), "deployd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	c, err := deployd.New(deployd.Config{Windows: deployd.Netd(doors), Dir: sshdtest.Memory(t), Listener: l, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return api.NewClient(socket)
}

// plan runs this program as the service.
func plan(t *testing.T) release.Plan {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	return release.Plan{Directory: "/srv/app",
		Restart: fmt.Sprintf(`AIRLOCK_TEST_SERVICE="$(cat /srv/address):%d" setsid '%s' >/dev/null 2>&1 & echo $! >pid`, port, self),
		Health:  release.Health{Port: port, Path: "/", Status: 200, Attempts: 60, Interval: 50 * time.Millisecond, Timeout: 2 * time.Second}}
}

// hub is where tokens say that the hub is.
const hub = "192.0.2.1:51820"

// token is one of the publisher that serves the repository.
func token(t *testing.T, repo *repotest.Repo) string {
	t.Helper()
	root, err := hex.DecodeString(repo.RootDigest())
	if err != nil {
		t.Fatal(err)
	}
	return tunnel.Token{RootDigest: [32]byte(root), Hub: hub, HubKey: [32]byte{1, 2, 3}}.String()
}

// wantCode asserts an *api.Error with that code and a part of its sentence.
func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Text, part) {
		t.Errorf("error = %v, want code %q and %q in it", err, code, part)
	}
}

func TestCourierAndDoorkeeper(t *testing.T) {
	repo := repotest.New(t)
	w := netdtest.NewWorld()
	var reports *atomic.Int32
	var record *archive
	w.Publisher, reports, record = publisher(t, repo)
	n := netdtest.Start(t, w, "")
	c := courier(t, n.Client)
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	targets := sshdtest.Start(t, 2, status.SSHKey, sshdtest.Options{})
	p := plan(t)
	var inner windows.Site
	var site api.Site
	inner.Address = "127.0.0.9/8"
	for _, s := range targets {
		s.KillOnCleanup("app/pid")
		site.Targets = append(site.Targets, s.Target)
		inner.Allow = append(inner.Allow, net.JoinHostPort(s.Target.Address, strconv.Itoa(s.Target.Port)))
	}
	ports := len(inner.Allow)
	for _, s := range targets {
		inner.Allow = append(inner.Allow, net.JoinHostPort(s.Target.Address, strconv.Itoa(p.Health.Port)))
	}
	if err := errors.Join(n.Client.SetSite(t.Context(), inner), c.SetSite(t.Context(), site)); err != nil {
		t.Fatal(err)
	}

	wantCode(t, c.Enrol(t.Context(), "AIRLOCK1-nonsense", nil), api.CodeBadToken, "token")
	if err := c.Enrol(t.Context(), token(t, repo), nil); err != nil {
		t.Fatal(err)
	}
	p.Health.Contains = "version demo-1\n"
	repo.AddRelease("demo-1", p, map[string][]byte{"version": []byte("demo-1")})
	repo.Assign("plant-7", "demo-1", 1)
	repo.Publish()
	if err := c.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Deploy(t.Context(), nil); err != nil || r.Outcome != release.Deployed {
		t.Fatalf("Deploy = %+v, %v", r, err)
	}
	if err := c.Report(t.Context(), nil); err != nil || reports.Load() != 1 {
		t.Errorf("Report = %v, %d reports arrived", err, reports.Load())
	}
	before := record.verify(t)
	if doors, err := n.Client.Status(t.Context()); err != nil || doors.Record.Acknowledged != before.Last.Seq {
		t.Errorf("netd = %+v, %v; want line %d acknowledged", doors.Record, err, before.Last.Seq)
	}

	// A health check at a port which the site does not allow is refused before anything is switched.
	inner.Allow = inner.Allow[:ports]
	if err := n.Client.SetSite(t.Context(), inner); err != nil {
		t.Fatal(err)
	}
	p.Health.Contains = "version demo-2\n"
	repo.AddRelease("demo-2", p, map[string][]byte{"version": []byte("demo-2")})
	repo.Assign("plant-7", "demo-2", 2)
	repo.Publish()
	if err := c.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if after := record.verify(t); after.Last.Seq <= before.Last.Seq {
		t.Errorf("the fetch brought no more of the record than line %d", after.Last.Seq)
	}
	_, err = c.Deploy(t.Context(), nil)
	wantCode(t, err, windows.CodeNotAllowed, "nothing was switched on any target")
	for _, s := range targets {
		if got := s.Current("/srv/app"); got != "releases/demo-1" {
			t.Errorf("%s: current = %q, want releases/demo-1", s.Target.Name, got)
		}
	}
	doors, err := n.Client.Status(t.Context())
	if err != nil || doors.Outer.State != "shut" || doors.Inner.State != "shut" || doors.Identity == nil || doors.Identity.Hub != hub {
		t.Errorf("netd = %+v, %v; want both doors shut, enrolled", doors, err)
	}
}
