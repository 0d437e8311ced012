package hub

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"airlock/deployd/release"
	"airlock/netd/tunnel"
)

const project = `project: shop
version: "1.0"
build: {command: "mkdir -p bin && yes the shop | head -n 100000 > bin/shop"}
artifacts: [{path: bin/shop, mode: "0755"}]
tests: [{name: is there, command: test -s bin/shop}]
deploy:
  directory: /srv/shop
  health: {port: 80, contains: "shop {version}"}
`

// operator is a real publisherd in a process of its own, with its command line.
type operator struct {
	t      *testing.T
	binary string
	data   string
	url    string
	server *exec.Cmd
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{t: t, binary: filepath.Join(t.TempDir(), "publisherd"), data: t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", o.binary, "airlock/publisher/cmd/publisherd").CombinedOutput(); err != nil {
		t.Fatalf("build publisherd: %v: %s", err, out)
	}
	o.start()
	return o
}

// start starts the server. The sandbox has tests of its own; this one is about the way to the node.
func (o *operator) start() {
	o.t.Helper()
	o.server = exec.Command(o.binary, "serve", "--data", o.data, "--listen", "127.0.0.1:0", "--hub-listen", "127.0.0.1:0", "--sandbox=none")
	var log bytes.Buffer
	o.server.Stderr = &log
	out, err := o.server.StdoutPipe()
	if err == nil {
		err = o.server.Start()
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = o.server.Process.Kill(); _ = o.server.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "READY ") {
		_ = o.server.Wait()
		o.t.Fatalf("publisherd says %q (%v); its log:\n%s", line, err, log.String())
	}
	o.url = strings.Fields(line)[1]
}

func (o *operator) run(args ...string) string {
	o.t.Helper()
	cmd := exec.Command(o.binary, append([]string{"--server", o.url}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("publisherd %v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// push makes a release of the project and returns its ID.
func (o *operator) push() string {
	o.t.Helper()
	dir := o.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "airlock.yaml"), []byte(project), 0o644); err != nil {
		o.t.Fatal(err)
	}
	o.run("project", "add", "shop")
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=Ada", "-c", "user.email=ada@example.net", "commit", "--quiet", "-m", "one"},
		{"push", "--quiet", o.url + "/git/shop.git", "main"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			o.t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	o.run("build", "log", "1", "--follow")
	var all []release.Manifest
	if err := json.Unmarshal([]byte(o.run("release", "list", "--json")), &all); err != nil || len(all) != 1 {
		o.t.Fatalf("releases = %+v, %v", all, err)
	}
	return all[0].ID
}

// tuf is a TUF client through the node's tunnel that trusts nothing but the root it enrolled with.
func (n *node) tuf(root []byte) *updater.Updater {
	n.t.Helper()
	base := "http://" + tunnel.PublisherAddress()
	c, err := config.New(base+release.PathMetadata, root)
	if err != nil {
		n.t.Fatal(err)
	}
	c.RemoteTargetsURL, c.LocalMetadataDir, c.LocalTargetsDir = base+release.PathTargets, n.t.TempDir(), n.t.TempDir()
	if err := c.SetDefaultFetcherHTTPClient(n.client); err != nil {
		n.t.Fatal(err)
	}
	u, err := updater.New(c)
	if err != nil {
		n.t.Fatal(err)
	}
	return u
}

// fetch gets and verifies a target.
func (n *node) fetch(u *updater.Updater, target string) []byte {
	n.t.Helper()
	info, err := u.GetTargetInfo(target)
	if err != nil {
		n.t.Fatalf("find %s: %v", target, err)
	}
	_, data, err := u.DownloadTarget(info, "", "")
	if err != nil {
		n.t.Fatalf("fetch %s: %v", target, err)
	}
	return data
}

// TestTheWholeWay takes one release from git push to a node's report, through the real program.
func TestTheWholeWay(t *testing.T) {
	o := newOperator(t)
	id := o.push()
	tok, err := tunnel.ParseToken(o.run("node", "add", "plant-7"))
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	n.mustUp(tok, tok.Key())
	status, body := n.ask("POST", release.PathEnrol, n.request())
	want(t, "enrolment", status, body, 200, "plant-7")
	var resp release.EnrolResponse
	if err := json.Unmarshal([]byte(body), &resp); err != nil || sha256.Sum256(resp.Root) != tok.RootDigest {
		t.Fatalf("the root does not fit the token: %v", err)
	}
	o.run("assign", id, "plant-7")

	n.mustUp(tok, n.key)
	u := n.tuf(resp.Root)
	var a release.Assignment
	if err := json.Unmarshal(n.fetch(u, release.AssignmentPath(resp.Node)), &a); err != nil || a.Release != id || a.Serial != 1 {
		t.Fatalf("assignment = %+v, %v", a, err)
	}
	var m release.Manifest
	if err := json.Unmarshal(n.fetch(u, release.ManifestPath(a.Release)), &m); err != nil || len(m.Artifacts) != 1 || m.Plan.Health.Contains != "shop 1.0" {
		t.Fatalf("manifest = %+v, %v", m, err)
	}
	artifact := m.Artifacts[0]
	dec, err := zstd.NewReader(bytes.NewReader(n.fetch(u, artifact.Target)))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	plain, err := io.ReadAll(dec)
	sum := sha256.Sum256(plain)
	if err != nil || hex.EncodeToString(sum[:]) != artifact.SHA256 || int64(len(plain)) != artifact.Size || artifact.Mode != 0o755 {
		t.Errorf("artifact = %d bytes, %v, want %+v", len(plain), err, artifact)
	}

	rep := release.Report{Format: 1, ID: "r1", Node: "plant-7", Serial: a.Serial, Release: id, Outcome: release.Deployed, Started: time.Now(), Ended: time.Now(),
		Targets: []release.TargetResult{{Target: "web-1\x1b[2J", Outcome: release.Deployed}}}
	status, body = n.ask("POST", release.PathReports, n.signed(rep))
	want(t, "the report", status, body, 204, "")
	if out := o.run("report", "list"); !strings.Contains(out, id) || !strings.Contains(out, "web-1·[2J") || strings.Contains(out, "\x1b") {
		t.Errorf("reports:\n%q", out)
	}

	n.mustUp(tok, tok.Key())
	status, body = n.ask("POST", release.PathEnrol, n.request())
	want(t, "the used token", status, body, 409, "this token was used already, on ")
	o.stop()
}

// stop asks the server to end, which it must do cleanly and soon.
func (o *operator) stop() {
	o.t.Helper()
	if err := o.server.Process.Signal(syscall.SIGTERM); err != nil {
		o.t.Fatal(err)
	}
	start := time.Now()
	if err := o.server.Wait(); err != nil || time.Since(start) > 5*time.Second {
		o.t.Errorf("publisherd ended with %v after %v", err, time.Since(start))
	}
}
