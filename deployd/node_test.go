package deployd

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/deploy/sshdtest"
	"airlock/deployd/durable"
	"airlock/deployd/fetch"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// TestMain is the test, the service that runs on targets, or a node that will be killed.
func TestMain(m *testing.M) {
	if address := os.Getenv("AIRLOCK_TEST_SERVICE"); address != "" {
		serve(address)
	}
	if spec := os.Getenv("AIRLOCK_TEST_VICTIM"); spec != "" {
		victim(spec)
	}
	os.Exit(m.Run())
}

// serve is the service on a target: it answers with the version that was current when it started.
func serve(address string) {
	version, _ := os.ReadFile("current/version")
	status, _ := os.ReadFile("current/status")
	var l net.Listener
	var err error
	for range 200 { // the one before may be on its way out
		if l, err = net.Listen("tcp", address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		os.Exit(1)
	}
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if string(status) != "good" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, "version %s\n", version)
	}))
	os.Exit(1)
}

// office is the publisher's API beside the repository.
type office struct {
	*repotest.Repo
	tb testing.TB

	mu      sync.Mutex
	used    bool                      // the token; guarded by mu
	node    *release.EnrolRequest     // who enrolled; guarded by mu
	reports map[string]release.Report // guarded by mu
	refuse  int                       // status for reports; 0: none; guarded by mu
	root    []byte                    // what an enrolment answers with; guarded by mu
}

// ServeHTTP serves enrolment, reports and the repository.
func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.URL.Path {
	case release.PathEnrol:
		if o.used {
			http.Error(w, `{"detail":"the token was used on Monday"}`, http.StatusConflict)
			return
		}
		o.used = true
		o.node = &release.EnrolRequest{}
		json.NewDecoder(r.Body).Decode(o.node)
		json.NewEncoder(w).Encode(release.EnrolResponse{Node: "plant-7", Address: "fd41:6972:6c6b::7", PublisherAddress: "[fd41:6972:6c6b::1]:80", Root: o.root})
	case release.PathReports:
		if o.refuse != 0 {
			w.WriteHeader(o.refuse)
			return
		}
		o.take(w, r)
	default:
		o.mu.Unlock()
		o.Repo.ServeHTTP(w, r)
		o.mu.Lock()
	}
}

// take takes a report that is signed by the key of the enrolment.
func (o *office) take(w http.ResponseWriter, r *http.Request) {
	var s release.SignedReport
	var report release.Report
	b, _ := io.ReadAll(r.Body)
	key, _ := base64.StdEncoding.DecodeString(o.node.ReportKey)
	if json.Unmarshal(b, &s) != nil || !ed25519.Verify(key, s.Report, s.Signature) || json.Unmarshal(s.Report, &report) != nil {
		o.tb.Errorf("report is not signed by the node: %s", b)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.reports[report.ID] = report
	w.WriteHeader(http.StatusNoContent)
}

// edge is a node with its publisher and its site.
type edge struct {
	testing.TB
	*Courier
	dir     string
	doors   *doors
	office  *office
	targets []*sshdtest.Server
	plan    release.Plan
	lines   []string // what the last job said
}

// newEdge makes a node that is not enrolled, with a publisher that has no release.
func newEdge(t testing.TB) *edge {
	e := &edge{TB: t, dir: sshdtest.Memory(t)}
	repo := repotest.New(t)
	e.office = &office{Repo: repo, tb: t, reports: map[string]release.Report{}, root: repo.Root()}
	srv := httptest.NewServer(e.office)
	t.Cleanup(srv.Close)
	e.doors = &doors{tb: t, publisher: strings.TrimPrefix(srv.URL, "http://"),
		opened: windows.Event{NodeKey: "wg", RootDigest: repo.RootDigest()}}
	e.restart(durable.Disk{})
	return e
}

// restart is what a power cut and a boot do to the process.
func (e *edge) restart(d durable.Disk) {
	e.Helper()
	c, err := newCourier(e.config(), d)
	if err != nil {
		e.Fatal(err)
	}
	e.Courier = c
}

// config is quick where production is patient.
func (e *edge) config() Config {
	return Config{Windows: e.doors, Dir: e.dir, Log: slog.New(slog.DiscardHandler), RetryRevert: 10 * time.Millisecond,
		Limits: fetch.Limits{MinRate: 1, Period: 5 * time.Second, Deadline: 5 * time.Second, Tries: 2, Pause: time.Millisecond}}
}

// addTargets gives the site n real targets that run nothing yet.
func (e *edge) addTargets(n int) {
	e.Helper()
	e.targets = sshdtest.Start(e, n, e.keys.authorized(), sshdtest.Options{})
	var site api.Site
	for _, s := range e.targets {
		site.Targets = append(site.Targets, s.Target)
		s.KillOnCleanup("app/pid")
	}
	if err := e.SetSite(site); err != nil {
		e.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		e.Fatal(err)
	}
	defer l.Close()
	self, err := os.Executable()
	if err != nil {
		e.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	e.plan = release.Plan{Directory: "/srv/app",
		Restart: fmt.Sprintf(`[ ! -e pid ] || kill -9 "$(cat pid)" 2>/dev/null
AIRLOCK_TEST_SERVICE="$(cat /srv/address):%d" setsid '%s' >/dev/null 2>&1 & echo $! >pid`, port, self),
		Health: release.Health{Port: port, Path: "/health", Status: 200, Attempts: 60, Interval: 50 * time.Millisecond, Timeout: 2 * time.Second}}
}

// publish makes a release; status "good" makes it healthy.
func (e *edge) publish(id, status string) {
	plan := e.plan
	plan.Health.Contains = "version " + id + "\n"
	if status != "good" {
		plan.Health.Attempts = 2
	}
	e.office.AddRelease(id, plan, map[string][]byte{"version": []byte(id), "status": []byte(status), "bin/app": []byte(strings.Repeat(id, 1000))})
}

// assign assigns a release and publishes.
func (e *edge) assign(id string, serial int64) {
	e.office.Assign("plant-7", id, serial)
	e.office.Publish()
}

// do runs one job to its end.
func (e *edge) do(work api.Work) (*release.Report, error) {
	e.Helper()
	e.lines = nil
	var mu sync.Mutex
	r, err := work(context.Background(), func(p api.Progress) {
		mu.Lock()
		defer mu.Unlock()
		e.lines = append(e.lines, p.Text)
	})
	e.doors.shut()
	return r, err
}

// job makes an api.Work of a job without a report.
func job(f func(context.Context, api.Say) error) api.Work {
	return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, f(ctx, say) }
}

// enrolled enrols.
func (e *edge) enrolled() {
	e.Helper()
	e.must(e.do(job(func(ctx context.Context, say api.Say) error { return e.enrol(ctx, "AIRLOCK1-token", say) })))
}

// must ends the test on an error.
func (e *edge) must(r *release.Report, err error) *release.Report {
	e.Helper()
	if err != nil {
		e.Fatalf("%v\nsaid: %s", err, strings.Join(e.lines, "\n  "))
	}
	return r
}

// code asserts an error's code and a part of its sentence.
func (e *edge) code(err error, code, part string) {
	e.Helper()
	var a *api.Error
	if !errors.As(err, &a) || a.Code != code || !strings.Contains(a.Text, part) {
		e.Errorf("error = %#v (%v), want code %q and %q in its text", err, err, code, part)
	}
}

// runs asserts that every target points to a release and that its service answers so.
func (e *edge) runs(id string) {
	e.Helper()
	for _, s := range e.targets {
		if got, want := s.Current("/srv/app"), "releases/"+id; got != want {
			e.Errorf("%s: current = %q, want %q", s.Target.Name, got, want)
		}
		if got := e.answer(s); got != "version "+id {
			e.Errorf("%s answers %q, want version %s", s.Target.Name, got, id)
		}
	}
}

// answer is what the service of a target says.
func (e *edge) answer(s *sshdtest.Server) string {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(fmt.Sprintf("http://%s:%d/health", s.Target.Address, e.plan.Health.Port))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return strings.TrimSpace(string(b))
}

// stored says whether a file of the node's folder is there.
func (e *edge) stored(name string) bool {
	_, err := os.Stat(filepath.Join(e.dir, name))
	return err == nil
}
