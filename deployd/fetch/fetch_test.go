package fetch_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"airlock/deployd/durable"
	"airlock/deployd/fetch"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
	"airlock/deployd/store"
)

const node = "plant-7"

// site is a node and its publisher.
type site struct {
	*testing.T
	repo  *repotest.Repo
	cfg   fetch.Config
	store *store.Store
	dir   string
	big   []byte // content of the release's bin/app
}

// plan is one that Validate takes.
var plan = release.Plan{Directory: "/opt/app", Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: time.Second}}

// newSite makes a publisher with a release "demo-1" that is assigned.
func newSite(t *testing.T) *site {
	s := &site{T: t, repo: repotest.New(t), dir: t.TempDir(), big: make([]byte, 300_000)}
	rand.Read(s.big)
	var err error
	if s.store, err = store.New(filepath.Join(s.dir, "store"), durable.Disk{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "tuf"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.repo.AddRelease("demo-1", plan, map[string][]byte{"bin/app": s.big, "etc/app.conf": []byte("listen 80\n")})
	s.repo.Assign(node, "demo-1", 1)
	s.repo.Publish()
	s.cfg = fetch.Config{HTTP: http.DefaultClient, Publisher: s.repo.Start(), Dir: filepath.Join(s.dir, "tuf"),
		Anchor: s.repo.Root(), Now: time.Now(),
		Limits: fetch.Limits{MinRate: 1000, Period: 150 * time.Millisecond, Deadline: 5 * time.Second, Tries: 2, Pause: time.Millisecond}}
	return s
}

// fetch does one whole cycle.
func (s *site) fetch() error {
	s.Helper()
	ctx := context.Background()
	session, err := fetch.Begin(ctx, s.cfg)
	if err != nil {
		return err
	}
	a, err := session.Assignment(node)
	if err != nil {
		return err
	}
	m, raw, err := session.Manifest(a.Release)
	if err != nil {
		return err
	}
	p, err := session.Plan(m, s.store)
	if err != nil {
		return err
	}
	if err := session.Artifacts(ctx, p, s.store, nil); err != nil {
		return err
	}
	return s.store.Complete(m, raw)
}

// refused asserts a refusal for that reason of a file whose name contains part, and that no release counts.
func (s *site) refused(err error, reason fetch.Reason, part string) {
	s.Helper()
	var r *fetch.Refused
	if !errors.As(err, &r) || r.Reason != reason || !strings.Contains(r.File, part) {
		s.Fatalf("fetch = %v, want %q of a file with %q in its name", err, reason, part)
	}
	if ids, _ := s.store.Releases(); len(ids) != 0 {
		s.Errorf("releases in store = %v, want none", ids)
	}
}

func TestFetchBringsAReleaseOnce(t *testing.T) {
	s := newSite(t)
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
	m, err := s.store.Manifest("demo-1")
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.store.Open(m.Artifacts[0].SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got bytes.Buffer
	if got.ReadFrom(f); !bytes.Equal(got.Bytes(), s.big) {
		t.Error("bin/app in the store is not what was published")
	}
	// A second release that shares a file fetches the other one only.
	s.repo.AddRelease("demo-2", plan, map[string][]byte{"bin/app": s.big, "etc/app.conf": []byte("listen 81\n")})
	s.repo.Assign(node, "demo-2", 2)
	s.repo.Publish()
	before := len(s.repo.Asked(".zst"))
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.repo.Asked(".zst")) - before; n != 1 {
		t.Errorf("artifacts asked for = %d, want 1: the other one is here", n)
	}
}

func TestNothingAssigned(t *testing.T) {
	s := newSite(t)
	session, err := fetch.Begin(context.Background(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Assignment("another"); !errors.Is(err, fetch.ErrNothing) {
		t.Errorf("Assignment of a node without one = %v, want ErrNothing", err)
	}
}

func TestResumeAfterADrop(t *testing.T) {
	s := newSite(t)
	drops := 0
	s.repo.Attack(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".zst") || drops == 3 {
			return false
		}
		content := s.repo.File(r.URL.Path)
		from, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-"))
		if len(content) < 200_000 {
			return false
		}
		drops++
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
		if from > 0 {
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(len(content)-1)+"/"+strconv.Itoa(len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(content[from : from+50_000])
		panic(http.ErrAbortHandler)
	})
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
	asked := s.repo.Asked(".zst")
	if drops != 3 || !strings.HasSuffix(asked[len(asked)-2], "-") {
		t.Errorf("drops = %d, requests = %q; want 3 drops, and ranges after them", drops, asked)
	}
}

func TestResumeInAnotherWindow(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(context.Background())
	session, err := fetch.Begin(ctx, s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := session.Manifest("demo-1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := session.Plan(m, s.store)
	if err != nil {
		t.Fatal(err)
	}
	onArtifact(s, func(w http.ResponseWriter, r *http.Request, content []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content[:100_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	if err := session.Artifacts(ctx, p, s.store, func(done int64) {
		if done >= 100_000 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Artifacts after cancel = %v", err)
	}
	s.repo.Attack(nil)
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
	var ranges int
	for _, a := range s.repo.Asked(".zst") {
		if strings.HasSuffix(a, "bytes=100000-") {
			ranges++
		}
	}
	if ranges != 1 {
		t.Errorf("requests with a range = %d, want 1: %q", ranges, s.repo.Asked(".zst"))
	}
}

// A partial file that the disk spoiled costs one more download and never a wrong file.
func TestDamagedPartialStartsAnew(t *testing.T) {
	s := newSite(t)
	session, err := fetch.Begin(context.Background(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := session.Manifest("demo-1")
	if err != nil {
		t.Fatal(err)
	}
	stored, _, _ := strings.Cut(filepath.Base(m.Artifacts[0].Target), ".")
	if err := os.WriteFile(filepath.Join(s.dir, "store", "partial", stored), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
}

func TestRootRotation(t *testing.T) {
	s := newSite(t)
	if err := s.fetch(); err != nil {
		t.Fatal(err)
	}
	// A root torn by a power cut falls back to the anchor.
	if err := os.WriteFile(filepath.Join(s.cfg.Dir, "root.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch.Begin(context.Background(), s.cfg); err != nil {
		t.Errorf("Begin with a torn root.json = %v", err)
	}
}

func TestForeignRoot(t *testing.T) {
	s := newSite(t)
	s.cfg.Anchor = repotest.New(t).Root()
	s.refused(s.fetch(), fetch.BadSignature, "timestamp.json")
}
