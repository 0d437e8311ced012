package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"airlock/deployd/release"
	"airlock/publisher"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// bench is a repository with a clock that the test moves, and the folder it lies in.
type bench struct {
	*Repo
	t   *testing.T
	dir string
	now time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), now: time.Now()}
	b.reopen()
	return b
}

func (b *bench) reopen() {
	b.t.Helper()
	r, err := Open(filepath.Join(b.dir, "tuf"), filepath.Join(b.dir, "keys"), slog.New(slog.DiscardHandler), func() time.Time { return b.now })
	if err != nil {
		b.t.Fatal(err)
	}
	b.Repo = r
}

// plan is one that a node takes.
var plan = release.Plan{Directory: "/srv/shop", Health: release.Health{Port: 80, Path: "/", Status: 200, Contains: "1", Attempts: 1, Timeout: time.Second}}

// TestWhatNoNodeTakesIsNotSigned: such a release would be found out only at the site, in an open window.
func TestWhatNoNodeTakesIsNotSigned(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("x"))
	bad := plan
	bad.Directory = "/srv/../etc"
	_, err := b.Publish(t.Context(), release.Manifest{ID: "shop-1-000000000000", Plan: bad},
		[]publisher.Output{{File: file, Path: "x", Mode: 0o644, SHA256: hex.EncodeToString(sum[:]), Size: 1}})
	if publisher.CodeOf(err) != publisher.CodeInvalid || !strings.Contains(err.Error(), "plan.directory") {
		t.Errorf("Publish = %v, want a refusal that names plan.directory", err)
	}
	if len(b.Releases()) != 0 {
		t.Errorf("%d releases are published, want none", len(b.Releases()))
	}
}

// publish makes a release of one artifact with the given content.
func (b *bench) publish(version, content string) (release.Manifest, error) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "artifact")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	s := publisher.Spec{Project: "shop", Version: version}
	m := release.Manifest{ID: s.ReleaseID(commit), Project: "shop", Version: version, Commit: commit, Built: b.now, Plan: plan}
	return b.Publish(b.t.Context(), m, []publisher.Output{{File: file, Path: "bin/shop", Mode: 0o755, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))}})
}

func (b *bench) mustPublish(version, content string) release.Manifest {
	b.t.Helper()
	m, err := b.publish(version, content)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// node is a TUF client that knows nothing but the first root.
func (b *bench) node() *updater.Updater {
	b.t.Helper()
	mux := http.NewServeMux()
	mux.Handle(release.PathMetadata, http.StripPrefix(release.PathMetadata, b.Metadata()))
	mux.Handle(release.PathTargets, http.StripPrefix(release.PathTargets, b.Targets()))
	srv := httptest.NewServer(mux)
	b.t.Cleanup(srv.Close)
	root, _, err := b.Root()
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := config.New(srv.URL+release.PathMetadata, root)
	if err != nil {
		b.t.Fatal(err)
	}
	c.RemoteTargetsURL, c.LocalMetadataDir, c.LocalTargetsDir = srv.URL+release.PathTargets, b.t.TempDir(), b.t.TempDir()
	u, err := updater.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	u.UnsafeSetRefTime(b.now)
	return u
}

// fetch gets and verifies one target.
func (b *bench) fetch(u *updater.Updater, target string) ([]byte, error) {
	info, err := u.GetTargetInfo(target)
	if err != nil {
		return nil, err
	}
	_, data, err := u.DownloadTarget(info, "", "")
	return data, err
}

func TestANodeVerifiesARelease(t *testing.T) {
	b := newBench(t)
	content := strings.Repeat("a real server, more or less\n", 10000)
	m := b.mustPublish("1.0", content)
	if _, err := b.Assign("plant-7", m.ID, b.now); err != nil {
		t.Fatal(err)
	}
	u := b.node()
	var a release.Assignment
	data, err := b.fetch(u, release.AssignmentPath("plant-7"))
	if err != nil || json.Unmarshal(data, &a) != nil || a.Release != m.ID || a.Serial != 1 {
		t.Fatalf("assignment = %s, %v", data, err)
	}
	var got release.Manifest
	if data, err = b.fetch(u, release.ManifestPath(a.Release)); err != nil || json.Unmarshal(data, &got) != nil {
		t.Fatalf("manifest = %s, %v", data, err)
	}
	if data, err = b.fetch(u, got.Artifacts[0].Target); err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	plain, err := io.ReadAll(dec)
	if err != nil || string(plain) != content || int64(len(plain)) != got.Artifacts[0].Size {
		t.Errorf("artifact = %d bytes, %v, want the %d of the build", len(plain), err, len(content))
	}
	if info, _ := b.Release(m.ID); info.StoredBytes <= 0 || info.StoredBytes > 2000 {
		t.Errorf("stored bytes = %d, want the compressed size", info.StoredBytes)
	}
}

func TestAReleaseNeverChanges(t *testing.T) {
	b := newBench(t)
	m := b.mustPublish("1.0", "first")
	if _, err := b.publish("1.0", "second"); publisher.CodeOf(err) != publisher.CodeConflict {
		t.Fatalf("publishing %s again = %v, want a conflict", m.ID, err)
	}
	if data, err := b.fetch(b.node(), m.Artifacts[0].Target); err != nil || len(data) == 0 {
		t.Errorf("after the refused attempt the first is %d bytes, %v", len(data), err)
	}
	b.reopen()
	if len(b.Releases()) != 1 {
		t.Errorf("releases after reopening = %+v", b.Releases())
	}
}

func TestAssign(t *testing.T) {
	b := newBench(t)
	if _, err := b.Assign("plant-7", "shop-9-000000000000", b.now); publisher.CodeOf(err) != publisher.CodeNotFound {
		t.Errorf("assigning an unknown release = %v, want not-found", err)
	}
	one, two := b.mustPublish("1.0", "one"), b.mustPublish("2.0", "two")
	for i, id := range []string{one.ID, two.ID, one.ID} {
		if i == 1 {
			b.reopen() // the serial grows over a restart
		}
		a, err := b.Assign("plant-7", id, b.now)
		if err != nil || a.Serial != int64(i+1) {
			t.Fatalf("assignment %d = %+v, %v", i, a, err)
		}
	}
	if _, err := b.Assign("../x", one.ID, b.now); publisher.CodeOf(err) != publisher.CodeInvalid {
		t.Errorf("assigning to ../x = %v, want invalid", err)
	}
	if got := b.Assignments(); len(got) != 1 || got[0].Serial != 3 {
		t.Errorf("assignments = %+v", got)
	}
}

// TestAFailureShowsNothing lets each step of a publication fail in turn: nodes go on seeing the old
// state, no file stays, and the next attempt succeeds.
func TestAFailureShowsNothing(t *testing.T) {
	for _, blocked := range []string{"keys/offline/releases.pem", "keys/online/snapshot.pem", "keys/online/timestamp.pem", "tuf/metadata"} {
		t.Run(blocked, func(t *testing.T) {
			b := newBench(t)
			b.mustPublish("1.0", "one")
			place := filepath.Join(b.dir, blocked)
			if blocked == "tuf/metadata" {
				// A folder in the place of the file refuses the write for root too.
				place = filepath.Join(place, fileName(release.RoleReleases, b.state.targets[release.RoleReleases].Signed.Version+1))
				if err := os.Mkdir(place, 0o755); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Rename(place, place+".away"); err != nil {
				t.Fatal(err)
			}
			if _, err := b.publish("2.0", "two"); err == nil {
				t.Fatal("Publish = nil, want an error")
			} else if strings.HasPrefix(blocked, "keys") && !strings.Contains(err.Error(), "put it at "+place) {
				t.Errorf("Publish says %q, want where the key belongs", err)
			}
			if got := b.Releases(); len(got) != 1 {
				t.Errorf("releases = %+v, want only the first", got)
			}
			if _, err := b.fetch(b.node(), release.ManifestPath("shop-2.0-"+commit[:12])); err == nil {
				t.Error("a node sees the release that failed")
			}
			if left, _ := filepath.Glob(filepath.Join(b.dir, "tuf/targets/releases/shop-2.0*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if err := os.Remove(place); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if strings.HasPrefix(blocked, "keys") {
				if err := os.Rename(place+".away", place); err != nil {
					t.Fatal(err)
				}
			}
			m := b.mustPublish("2.0", "two")
			if _, err := b.fetch(b.node(), m.Artifacts[0].Target); err != nil {
				t.Errorf("the second attempt: %v", err)
			}
		})
	}
}

func TestAForeignKeyIsRefused(t *testing.T) {
	b := newBench(t)
	place := filepath.Join(b.dir, "keys/offline/releases.pem")
	if _, err := generate(place); err != nil {
		t.Fatal(err)
	}
	if _, err := b.publish("1.0", "one"); err == nil || !strings.Contains(err.Error(), "is not the one that nodes trust") {
		t.Errorf("Publish with another key = %v, want a refusal", err)
	}
}

func TestAChangedFileIsNotPublished(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Publish(t.Context(), release.Manifest{ID: "shop-1-000000000000"}, []publisher.Output{{File: file, Path: "x", SHA256: strings.Repeat("0", 64)}})
	if err == nil || !strings.Contains(err.Error(), "changed after the build") {
		t.Errorf("Publish = %v, want a refusal", err)
	}
}

func TestRenew(t *testing.T) {
	b := newBench(t)
	b.mustPublish("1.0", "one")
	for _, later := range []time.Duration{25 * time.Hour, 8 * 24 * time.Hour, 50 * 24 * time.Hour} {
		b.now = b.now.Add(later)
		if err := b.Renew(); err != nil {
			t.Fatal(err)
		}
		if later > 9*24*time.Hour {
			if err := b.Renew(); err != nil { // one role a turn
				t.Fatal(err)
			}
		}
		if err := b.node().Refresh(); err != nil {
			t.Errorf("a node %v later: %v", later, err)
		}
		b.reopen()
	}
	version := b.state.timestamp.Signed.Version
	if err := b.Renew(); err != nil || b.state.timestamp.Signed.Version != version {
		t.Errorf("Renew signs again what is fresh: %d, %v", b.state.timestamp.Signed.Version, err)
	}
}

// TestLeftoversGo puts what a power cut leaves, and looks that a start removes it and nothing else.
func TestLeftoversGo(t *testing.T) {
	b := newBench(t)
	m := b.mustPublish("1.0", "one")
	if _, err := b.Assign("plant-7", m.ID, b.now); err != nil {
		t.Fatal(err)
	}
	targets := filepath.Join(b.dir, "tuf/targets")
	for _, name := range []string{"tuf/metadata/.tmp-1", "tuf/metadata/99.releases.json", "tuf/targets/releases/shop-9-0/x", "tuf/targets/releases/" + m.ID + "/.tmp-2", "tuf/targets/assignments/00.plant-7.json"} {
		file := filepath.Join(b.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.reopen()
	for _, gone := range []string{"tuf/metadata/.tmp-1", "tuf/metadata/99.releases.json", "tuf/targets/releases/shop-9-0", "tuf/targets/assignments/00.plant-7.json"} {
		if _, err := os.Stat(filepath.Join(b.dir, gone)); !os.IsNotExist(err) {
			t.Errorf("%s is still there", gone)
		}
	}
	if n, _ := filepath.Glob(filepath.Join(targets, "releases", m.ID, "*")); len(n) != 2 {
		t.Errorf("the release has the files %v, want manifest and artifact", n)
	}
	if _, err := b.fetch(b.node(), m.Artifacts[0].Target); err != nil {
		t.Error(err)
	}
}

func TestDamageIsFoundAtTheStart(t *testing.T) {
	b := newBench(t)
	m := b.mustPublish("1.0", "one")
	names, _ := filepath.Glob(filepath.Join(b.dir, "tuf/targets/releases", m.ID, "*.release.json"))
	if err := os.WriteFile(names[0], []byte(`{"id":"other"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(b.dir, "tuf"), filepath.Join(b.dir, "keys"), slog.New(slog.DiscardHandler), time.Now)
	if err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
		t.Errorf("Open = %v", err)
	}
	c := newBench(t)
	c.mustPublish("1.0", "one")
	if err := os.Remove(filepath.Join(c.dir, "tuf/metadata/timestamp.json")); err != nil {
		t.Fatal(err)
	}
	_, err = Open(filepath.Join(c.dir, "tuf"), filepath.Join(c.dir, "keys"), slog.New(slog.DiscardHandler), time.Now)
	if err == nil || !strings.Contains(err.Error(), "no timestamp.json") {
		t.Errorf("Open without a timestamp = %v", err)
	}
}

func TestServe(t *testing.T) {
	b := newBench(t)
	m := b.mustPublish("1.0", "one")
	names, _ := filepath.Glob(filepath.Join(b.dir, "tuf/targets/releases", m.ID, "*.zst"))
	name := "releases/" + m.ID + "/" + filepath.Base(names[0])
	if err := os.Symlink("/etc/passwd", filepath.Join(b.dir, "tuf/targets/link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, byteRange string
		want            int
	}{
		{"/" + name, "", 200}, {"/" + name, "bytes=3-", 206}, {"/" + name, "bytes=9999-", 416},
		{"/", "", 404}, {"/releases", "", 404}, {"/../../keys/offline/root.pem", "", 404}, {"/link", "", 404}, {"/.tmp-1", "", 404},
	}
	for _, tt := range tests {
		req := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		req.URL.Path = tt.path
		if tt.byteRange != "" {
			req.Header.Set("Range", tt.byteRange)
		}
		w := httptest.NewRecorder()
		b.Targets().ServeHTTP(w, req)
		if w.Code != tt.want {
			t.Errorf("GET %s (%s) = %d, want %d", tt.path, tt.byteRange, w.Code, tt.want)
		}
	}
}

// TestInterruptedCreation: a first start that died after any of its files is taken up again.
func TestInterruptedCreation(t *testing.T) {
	whole := newBench(t)
	for _, missing := range [][]string{{"timestamp.json"}, {"timestamp.json", "1.snapshot.json"}, {"timestamp.json", "1.snapshot.json", "1.releases.json", "1.assignments.json", "1.targets.json"}} {
		for _, name := range missing {
			if err := os.Remove(filepath.Join(whole.metadata, name)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		before, _, _ := whole.Root()
		whole.reopen()
		if after, _, _ := whole.Root(); string(before) != string(after) {
			t.Error("the root was made anew")
		}
		if err := whole.node().Refresh(); err != nil {
			t.Error(err)
		}
	}
}
