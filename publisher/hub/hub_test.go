package hub

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/release"
	"airlock/netd/tunnel"
	"airlock/publisher"
)

// bench is a hub on a loopback port with its members.
type bench struct {
	*Hub
	t       *testing.T
	members *members
	key     [32]byte
	stop    func()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, members: &members{reports: map[string][]byte{}}, key: key}
	b.start("127.0.0.1:0")
	return b
}

func (b *bench) start(listen string) {
	b.t.Helper()
	root := []byte("root metadata")
	serve := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text+r.URL.Path) })
	}
	h, err := Open(b.t.Context(), Config{
		Private: b.key, Listen: listen, Members: b.members, Directory: b.members, Inbox: b.members,
		Root: root, RootDigest: sha256.Sum256(root), Metadata: serve("metadata "), Targets: serve("target "),
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	b.Hub = h
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run = %v", err)
		}
	})
	b.t.Cleanup(b.stop)
}

// node is an edge node's end, with its keys.
type node struct {
	t      *testing.T
	key    [32]byte
	report ed25519.PrivateKey
	ssh    string
	client *http.Client
}

func newNode(t *testing.T) *node {
	t.Helper()
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	_, rep, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(rep.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &node{t: t, key: key, report: rep, ssh: string(ssh.MarshalAuthorizedKey(pub))}
}

// up opens the tunnel with a private key; it fails where the hub does not answer within the time.
func (n *node) up(tok tunnel.Token, private [32]byte, within time.Duration) error {
	n.t.Helper()
	end := tunnel.NewNode(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(n.t.Context(), within)
	defer cancel()
	err := end.Up(ctx, tunnel.Peer{
		PrivateKey: private, HubKey: tok.HubKey, Hub: netip.MustParseAddrPort(tok.Hub), Address: tunnel.AddressOf(tunnel.PublicKey(private)),
	})
	if err != nil {
		return err
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return end.Dial(ctx, tunnel.PublisherAddress())
	}}
	n.client = &http.Client{Transport: tr, Timeout: 20 * time.Second}
	n.t.Cleanup(func() { tr.CloseIdleConnections(); end.Down() })
	return nil
}

func (n *node) mustUp(tok tunnel.Token, private [32]byte) {
	n.t.Helper()
	if err := n.up(tok, private, 10*time.Second); err != nil {
		n.t.Fatal(err)
	}
}

// ask sends one request and returns status and body.
func (n *node) ask(method, path string, in any) (int, string) {
	n.t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		n.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+tunnel.PublisherAddress()+path, bytes.NewReader(data))
	if err != nil {
		n.t.Fatal(err)
	}
	resp, err := n.client.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (n *node) request() release.EnrolRequest {
	return release.EnrolRequest{
		NodeKey:   tunnel.KeyText(tunnel.PublicKey(n.key)),
		ReportKey: base64.StdEncoding.EncodeToString(n.report.Public().(ed25519.PublicKey)),
		SSHKey:    n.ssh,
	}
}

func (n *node) signed(r release.Report) release.SignedReport {
	data, err := json.Marshal(r)
	if err != nil {
		n.t.Fatal(err)
	}
	return release.SignedReport{Report: data, Signature: ed25519.Sign(n.report, data)}
}

// want checks a status and a part of the answer.
func want(t *testing.T, what string, status int, body string, wantStatus int, part string) {
	t.Helper()
	if status != wantStatus || !strings.Contains(body, part) {
		t.Errorf("%s = %d %s, want %d with %q", what, status, body, wantStatus, part)
	}
}

func (b *bench) invite(name string) tunnel.Token {
	b.t.Helper()
	_, text, err := b.Invite(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	tok, err := tunnel.ParseToken(text)
	if err != nil {
		b.t.Fatal(err)
	}
	return tok
}

func TestEnrolOnce(t *testing.T) {
	b := newBench(t)
	tok := b.invite("plant-7")
	n := newNode(t)
	n.mustUp(tok, tok.Key())

	status, body := n.ask("GET", release.PathMetadata+"timestamp.json", nil)
	want(t, "metadata before enrolment", status, body, 403, "enrol first")
	status, body = n.ask("POST", release.PathEnrol, n.request())
	want(t, "enrolment", status, body, 200, `"node":"plant-7"`)
	var resp release.EnrolResponse
	if err := json.Unmarshal([]byte(body), &resp); err != nil || sha256.Sum256(resp.Root) != tok.RootDigest {
		t.Errorf("the root does not fit the token: %v", err)
	}
	if resp.Address != tunnel.AddressOf(tunnel.PublicKey(n.key)).String() || resp.PublisherAddress != tunnel.PublisherAddress() {
		t.Errorf("enrolment = %+v", resp)
	}
	// The answer was lost on the way: the same node asks again.
	status, body = n.ask("POST", release.PathEnrol, n.request())
	want(t, "the same enrolment again", status, body, 200, `"node":"plant-7"`)
	// Another node with the same token.
	thief := newNode(t)
	thief.mustUp(tok, tok.Key())
	status, body = thief.ask("POST", release.PathEnrol, thief.request())
	want(t, "a used token", status, body, 409, "this token was used already, on ")

	n.mustUp(tok, n.key)
	status, body = n.ask("GET", release.PathMetadata+"timestamp.json", nil)
	want(t, "metadata", status, body, 200, "metadata timestamp.json")
	status, body = n.ask("GET", release.PathTargets+"releases/x/y", nil)
	want(t, "target", status, body, 200, "target releases/x/y")
	status, body = n.ask("POST", release.PathEnrol, n.request())
	want(t, "enrolment under the node's own key", status, body, 403, "needs a token")
	// Now that the node has come back, the token is used up for it too.
	n.mustUp(tok, tok.Key())
	status, body = n.ask("POST", release.PathEnrol, n.request())
	want(t, "the token once more", status, body, 409, "used already")
	status, body = n.ask("GET", "/api/v1/status", nil)
	want(t, "the operator's API", status, body, 404, "")
}

func TestEnrolRefusesBadKeys(t *testing.T) {
	b := newBench(t)
	tok := b.invite("plant-7")
	n := newNode(t)
	n.mustUp(tok, tok.Key())
	good := n.request()
	tests := map[string]func(*release.EnrolRequest){
		"node_key: read key":                  func(r *release.EnrolRequest) { r.NodeKey = "short" },
		"expected one that the node made":     func(r *release.EnrolRequest) { r.NodeKey = tunnel.KeyText(tunnel.PublicKey(tok.Key())) },
		"report_key: expected the 32 bytes":   func(r *release.EnrolRequest) { r.ReportKey = "AAAA" },
		"ssh_key: expected one authorized":    func(r *release.EnrolRequest) { r.SSHKey = "none" },
		"expected one authorized_keys line\"": func(r *release.EnrolRequest) { r.SSHKey += r.SSHKey },
	}
	for part, spoil := range tests {
		bad := good
		spoil(&bad)
		status, body := n.ask("POST", release.PathEnrol, bad)
		want(t, "enrolment", status, body, 400, part)
	}
	good.SSHKey = `command="rm -rf /" ` + good.SSHKey
	status, body := n.ask("POST", release.PathEnrol, good)
	want(t, "enrolment", status, body, 200, "plant-7")
	if got, _ := b.members.find(func(publisher.Node) bool { return true }); strings.Contains(got.SSHKey, "rm") || !strings.HasSuffix(got.SSHKey, " airlock-plant-7") {
		t.Errorf("the kept ssh key is %q, want the key alone", got.SSHKey)
	}
}

func TestReports(t *testing.T) {
	b := newBench(t)
	tok := b.invite("plant-7")
	n := newNode(t)
	n.mustUp(tok, tok.Key())
	status, body := n.ask("POST", release.PathEnrol, n.request())
	want(t, "enrolment", status, body, 200, "")
	n.mustUp(tok, n.key)

	good := release.Report{Format: 1, ID: "r1", Node: "plant-7", Release: "shop-1", Outcome: release.Deployed}
	for range 2 {
		status, body = n.ask("POST", release.PathReports, n.signed(good))
		want(t, "a report", status, body, 204, "")
	}
	if len(b.members.reports) != 1 {
		t.Errorf("reports = %v, want one", b.members.reports)
	}
	forged := n.signed(good)
	forged.Report = bytes.Replace(forged.Report, []byte("deployed"), []byte("reverted"), 1)
	status, body = n.ask("POST", release.PathReports, forged)
	want(t, "a forged report", status, body, 403, "signature is not by the report key")
	other := good
	other.Node = "plant-8"
	status, body = n.ask("POST", release.PathReports, n.signed(other))
	want(t, "a report of another node", status, body, 403, `of node \"plant-8\"`)
	status, body = n.ask("POST", release.PathReports, n.signed(release.Report{Format: 1, Node: "plant-7"}))
	want(t, "a report without id", status, body, 400, "0 characters")
	status, body = n.ask("POST", release.PathReports, release.SignedReport{Report: bytes.Repeat([]byte("x"), maxReport)})
	want(t, "a huge report", status, body, 400, "too large")
	b.members.fail = publisher.Errorf(publisher.CodeDiskFull, "the disk is full")
	status, body = n.ask("POST", release.PathReports, n.signed(good))
	want(t, "a report to a full disk", status, body, 507, "the disk is full")
	if len(b.members.reports) != 1 {
		t.Errorf("reports = %v, want one", b.members.reports)
	}
}

// TestRestart: a hub that starts again knows its nodes, and a stranger still gets no answer.
func TestRestart(t *testing.T) {
	b := newBench(t)
	used, open := b.invite("plant-7"), b.invite("plant-8")
	n := newNode(t)
	n.mustUp(used, used.Key())
	status, body := n.ask("POST", release.PathEnrol, n.request())
	want(t, "enrolment", status, body, 200, "")
	address := b.Addr().String()
	b.stop()
	b.start(address)

	n.mustUp(used, n.key)
	status, body = n.ask("GET", release.PathMetadata+"1.root.json", nil)
	want(t, "metadata after a restart", status, body, 200, "metadata 1.root.json")
	m := newNode(t)
	m.mustUp(open, open.Key())
	status, body = m.ask("POST", release.PathEnrol, m.request())
	want(t, "an old token after a restart", status, body, 200, "plant-8")
	if err := newNode(t).up(open, newNode(t).key, time.Second); err == nil {
		t.Error("the hub answers a key that it does not know")
	}
}

func TestAFailedInviteIsNoPeer(t *testing.T) {
	b := newBench(t)
	b.invite("plant-7")
	if _, token, err := b.Invite(t.Context(), "plant-7"); err == nil || token != "" {
		t.Errorf("Invite of a taken name = %q, %v", token, err)
	}
}

func TestOpenRefusesABadEndpoint(t *testing.T) {
	m := &members{}
	_, err := Open(t.Context(), Config{Listen: "127.0.0.1:0", Endpoint: "nowhere", Members: m, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "--hub-endpoint") {
		t.Errorf("Open = %v", err)
	}
}

func TestLoadKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hub.key")
	one, err := LoadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := LoadKey(file); err != nil || one != two {
		t.Errorf("the key changes between starts: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(file); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
		t.Errorf("LoadKey of a damaged file = %v", err)
	}
}
