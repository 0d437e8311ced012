package deploy_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/deploy"
	"airlock/deployd/deploy/sshdtest"
	"airlock/deployd/release"
)

const directory = "/srv/the app"

// dial is the way to a target without a door.
var dial = new(net.Dialer).DialContext

// content is the store of these tests.
type content map[string][]byte

// open is a deploy.Source.
func (c content) open(digest string) (io.ReadCloser, error) {
	b, ok := c[digest]
	if !ok {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// add makes an artifact.
func (c content) add(m *release.Manifest, path string, b []byte, mode uint32) {
	sum := sha256.Sum256(b)
	d := hex.EncodeToString(sum[:])
	c[d] = b
	m.Artifacts = append(m.Artifacts, release.Artifact{Path: path, Mode: mode, SHA256: d, Size: int64(len(b)), Target: "releases/x/" + d})
}

// newHost starts a target and connects to it.
func newHost(t *testing.T, o sshdtest.Options) (*sshdtest.Server, *deploy.Host) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := sshdtest.Start(t, 1, string(ssh.MarshalAuthorizedKey(signer.PublicKey())), o)[0]
	h, err := deploy.Connect(t.Context(), dial, s.Target, signer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return s, h
}

// releaseOf is a manifest with names that a shell would trip over.
func releaseOf(c content, id string) release.Manifest {
	m := release.Manifest{Format: 1, ID: id, Plan: release.Plan{Directory: directory,
		Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: time.Second}}}
	c.add(&m, "bin/app", bytes.Repeat([]byte("0123456789abcdef"), 20_000), 0o755)
	c.add(&m, "-rf", []byte("a file named like an option"), 0o644)
	c.add(&m, "it's $(touch /srv/owned) `id`; *", []byte("quoted"), 0o600)
	c.add(&m, "share/ünï/☃", []byte(id), 0o444)
	return m
}

// install does all the verbs of a deployment in their order.
func install(ctx context.Context, h *deploy.Host, m release.Manifest, c content) (sent int64, err error) {
	if _, err := h.Look(ctx, directory); err != nil {
		return 0, fmt.Errorf("look: %w", err)
	}
	var n atomic.Int64
	if err := h.Upload(ctx, m, c.open, func(b int64) { n.Add(b) }); err != nil {
		return 0, fmt.Errorf("upload: %w", err)
	}
	if err := h.Check(ctx, m); err != nil {
		return 0, fmt.Errorf("check: %w", err)
	}
	return n.Load(), h.Point(ctx, directory, deploy.LinkTo(m.ID))
}

func TestVerbsOnTargets(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    func(t *testing.T) sshdtest.Options
	}{
		{"Debian's tools", func(*testing.T) sshdtest.Options { return sshdtest.Options{} }},
		{"busybox", func(t *testing.T) sshdtest.Options { return sshdtest.Options{Path: busybox(t)} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, h := newHost(t, tt.o(t))
			verbs(t, s, h)
		})
	}
}

// busybox makes a folder of busybox' applets: the only tools of an Alpine-like target.
func busybox(t *testing.T) string {
	b, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("skipped: no busybox here; `apt-get install busybox-static`")
	}
	dir := t.TempDir()
	if out, err := exec.Command(b, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("busybox --install: %v: %s", err, out)
	}
	return dir
}

// verbs goes through a deployment, a second one, and what is left of both.
func verbs(t *testing.T, s *sshdtest.Server, h *deploy.Host) {
	ctx, c := t.Context(), content{}
	m := releaseOf(c, "demo-1")
	if sent, err := install(ctx, h, m, c); err != nil || sent != m.Bytes() {
		t.Fatalf("install = %d, %v, want all %d bytes", sent, err, m.Bytes())
	}
	root := filepath.Join(s.Srv, "the app")
	for _, a := range m.Artifacts {
		path := filepath.Join(root, "current", a.Path)
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(b, c[a.SHA256]) {
			t.Errorf("%q on the target = %d bytes, %v", a.Path, len(b), err)
		}
		if i, err := os.Stat(path); err == nil && uint32(i.Mode().Perm()) != a.Mode {
			t.Errorf("mode of %q = %o, want %o", a.Path, i.Mode().Perm(), a.Mode)
		}
	}
	if _, err := os.Stat(filepath.Join(s.Srv, "owned")); err == nil {
		t.Error("a file's name was run as a command")
	}
	// What the running release has is copied on the target: the source may lack it.
	two := releaseOf(c, "demo-2")
	big := m.Artifacts[0].SHA256
	kept := c[big]
	delete(c, big)
	if _, err := install(ctx, h, two, c); err != nil {
		t.Fatal(err)
	}
	c[big] = kept
	if link, err := h.Current(ctx, directory); err != nil || link != "releases/demo-2" {
		t.Errorf("Current = %q, %v", link, err)
	}
	for _, id := range []string{"demo-3", "demo-4", "demo-5"} {
		if _, err := install(ctx, h, releaseOf(c, id), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Prune(ctx, directory, 3, "demo-5", "demo-1"); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "releases", "*"))
	if len(left) != 3 || !strings.HasSuffix(left[0], "demo-1") || !strings.HasSuffix(left[2], "demo-5") {
		t.Errorf("releases left = %q, want demo-1, one more and demo-5", left)
	}
	if err := h.Point(ctx, directory, ""); err != nil || s.Current(directory) != "" {
		t.Errorf("Point to nothing = %v, current = %q", err, s.Current(directory))
	}
}

// Each thing that can be wrong with a target is told in a sentence that names it.
func TestRefusals(t *testing.T) {
	s, h := newHost(t, sshdtest.Options{})
	ctx, c := t.Context(), content{}
	m := releaseOf(c, "demo-1")
	root := filepath.Join(s.Srv, "the app")
	for _, tt := range []struct {
		name, want string
		do         func() error
	}{
		{"current is a folder", "is not a symbolic link", func() error {
			os.MkdirAll(filepath.Join(root, "current"), 0o755)
			defer os.RemoveAll(filepath.Join(root, "current"))
			_, err := h.Look(ctx, directory)
			return err
		}},
		{"directory is a file", "Not a directory", func() error {
			os.WriteFile(filepath.Join(s.Srv, "file"), nil, 0o600)
			_, err := h.Look(ctx, "/srv/file")
			return err
		}},
		{"link to nothing", "is not on the target", func() error { return h.Point(ctx, directory, "releases/none") }},
		{"restart fails", "no such service", func() error {
			return h.Restart(ctx, release.Plan{Directory: directory, Restart: "echo no such service >&2; exit 3"})
		}},
		{"damaged store", "fetch again", func() error {
			bad := content{}
			for d, b := range c {
				bad[d] = append([]byte("x"), b...)
			}
			return h.Upload(ctx, m, bad.open, func(int64) {})
		}},
		{"changed after the upload", "has not the digest", func() error {
			os.RemoveAll(filepath.Join(root, "releases"))
			if err := h.Upload(ctx, m, c.open, func(int64) {}); err != nil {
				return err
			}
			os.WriteFile(filepath.Join(root, "releases/demo-1.part/bin/app"), []byte("changed"), 0o755)
			return h.Check(ctx, m)
		}},
	} {
		if err := tt.do(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q in it", tt.name, err, tt.want)
		}
	}
	if link := s.Current(directory); link != "" {
		t.Errorf("current = %q after refusals, want none", link)
	}
}

func TestFullDiskOfATarget(t *testing.T) {
	_, h := newHost(t, sshdtest.Options{Size: "128k"})
	c := content{}
	_, err := install(t.Context(), h, releaseOf(c, "demo-1"), c)
	if err == nil || !strings.Contains(err.Error(), "No space left on device") || !strings.Contains(err.Error(), "bin/app") {
		t.Errorf("install on a full disk = %v, want it to say so and name the file", err)
	}
}

// What a restart command leaves running in the background does not hold the deployment up.
func TestRestartDoesNotWaitForDaemons(t *testing.T) {
	s, h := newHost(t, sshdtest.Options{})
	s.KillOnCleanup("pid")
	began := time.Now()
	err := h.Restart(t.Context(), release.Plan{Directory: "/srv", Restart: "sleep 60 & echo $! >pid"})
	if err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("Restart = %v after %v, want at once", err, time.Since(began))
	}
}

func TestConnectRefusals(t *testing.T) {
	s, _ := newHost(t, sshdtest.Options{})
	_, key, _ := ed25519.GenerateKey(nil)
	stranger, _ := ssh.NewSignerFromKey(key)
	if _, err := deploy.Connect(t.Context(), dial, s.Target, stranger); err == nil || !strings.Contains(err.Error(), "authorized_keys") {
		t.Errorf("Connect with an unknown key = %v", err)
	}
	wrong := s.Target
	wrong.HostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(stranger.PublicKey())))
	if _, err := deploy.Connect(t.Context(), dial, wrong, stranger); err == nil || !strings.Contains(err.Error(), "another host key") {
		t.Errorf("Connect to another host key = %v", err)
	}
	s.Stop()
	if _, err := deploy.Connect(t.Context(), dial, s.Target, stranger); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("Connect to a stopped sshd = %v", err)
	}
}

// A command on a connection that died ends with its context, not never.
func TestCommandEndsWithItsContext(t *testing.T) {
	_, h := newHost(t, sshdtest.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := h.Restart(ctx, release.Plan{Directory: "/srv", Restart: "sleep 5"})
	if err == nil || time.Since(began) > 4*time.Second {
		t.Errorf("Restart = %v after %v, want an end with its context", err, time.Since(began))
	}
}

// Close leaves no connection behind: the target has ended it too when Close returns.
func TestCloseIsSeenByTheTarget(t *testing.T) {
	s, h := newHost(t, sshdtest.Options{})
	began := time.Now()
	h.Close()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Close took %v: the target did not end the connection by itself", took)
	}
	local := fmt.Sprintf("%s:%d", s.Target.Address, s.Target.Port)
	out, err := exec.Command("ss", "-Htn", "state", "established", "src", local).Output()
	if err != nil {
		t.Skipf("skipped: no ss here: %v", err)
	}
	if len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("connections left: %s", out)
	}
}
