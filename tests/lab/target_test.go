package lab

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// testTargetTar returns the targets' root, or skips.
func testTargetTar(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a target needs a Debian root made by mmdebstrap: not with -short")
	}
	if err := CanRunTargets(); err != nil {
		t.Skip(err)
	}
	cache := os.Getenv("AIRLOCK_CACHE")
	if cache == "" {
		cache = filepath.Join("..", "..", "build", "cache")
	}
	tar, err := TargetRoot(t.Context(), cache, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	return tar
}

func startTestTarget(t *testing.T, lan *LAN, tar, name, address string) *Target {
	t.Helper()
	begun := time.Now()
	target, err := StartTarget(t.Context(), TargetConfig{Name: name, Address: netip.MustParsePrefix(address), Tar: tar, LAN: lan.ServeTarget, Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is ready after %.1f s", name, time.Since(begun).Seconds())
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Errorf("Close %s = %v", name, err)
		}
	})
	return target
}

// nodeStack is a node with a TCP of its own, in userspace, on the LAN's node port.
type nodeStack struct{ s *stack.Stack }

func newNodeStack(t *testing.T, lan *LAN) nodeStack {
	t.Helper()
	near, far := testPipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { _ = lan.ServeNode(ctx, far) }()
	card := channel.New(1024, 1514, tcpip.LinkAddress([]byte{2, 0, 0, 0, 0, 1}))
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	if err := s.CreateNIC(1, ethernet.New(card)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4([4]byte{10, 90, 0, 2}), PrefixLen: 24}}, stack.AddressProperties{}); err != nil {
		t.Fatal(err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	go func() {
		for p := card.ReadContext(ctx); p != nil; p = card.ReadContext(ctx) {
			_ = writeFrame(near, p.ToView().AsSlice())
			p.DecRef()
		}
	}()
	go func() {
		_ = pump(newFrameReader(near), func(frame []byte) {
			p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
			card.InjectInbound(0, p)
			p.DecRef()
		})
	}()
	return nodeStack{s}
}

func (n nodeStack) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return gonet.DialContextTCP(ctx, n.s, tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFrom4(to.Addr().As4()), Port: to.Port()}, ipv4.ProtocolNumber)
}

// login connects to a target as deploy and pins its key.
func (n nodeStack) login(t *testing.T, target *Target, to netip.AddrPort, signer ssh.Signer) (*ssh.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := n.dial(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(target.HostKey()))
	if err != nil {
		t.Fatal(err)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, to.String(), &ssh.ClientConfig{User: "deploy",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(pinned), Timeout: patience})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

func run(t *testing.T, client *ssh.Client, command string, in []byte) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	session.Stdin = bytes.NewReader(in)
	out, err := session.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestTargetIsAQuietServer(t *testing.T) {
	tar := testTargetTar(t)
	capture, path := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	node := newNodeStack(t, lan)
	address := netip.MustParseAddrPort("10.90.0.11:22")
	target := startTestTarget(t, lan, tar, "target-a", "10.90.0.11/24")
	signer := newSigner(t)

	if frames, _ := capture.Count(); frames != 0 {
		t.Errorf("a target that nobody talked to sent %d frames: % x", frames, readCapture(t, path)[0])
	}
	if _, err := node.login(t, target, address, signer); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("login with an unknown key = %v, want a refusal", err)
	}
	if err := target.Authorize(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))); err != nil {
		t.Fatal(err)
	}
	client, err := node.login(t, target, address, signer)
	if err != nil {
		t.Fatalf("login: %v\n%s", err, target.Log())
	}
	if got, want := run(t, client, "id -un; hostname; ls -d /srv /proc/1; cat /proc/1/comm", nil), "deploy\ntarget-a\n/proc/1\n/srv\nexe\n"; got != want {
		t.Errorf("run inside = %q, want %q", got, want)
	}
	content := make([]byte, 3<<20)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if got := run(t, client, "cat >/srv/artifact && cmp -n 1 /srv/artifact /srv/artifact && wc -c </srv/artifact", content); strings.TrimSpace(got) != "3145728" {
		t.Errorf("bytes uploaded = %s, want 3145728", got)
	}
	t.Logf("3 MB uploaded in %.2f s", time.Since(begun).Seconds())
	run(t, client, "/sbin/start-stop-daemon --start --background --make-pidfile --pidfile /srv/s.pid --exec /bin/sleep -- 1000", nil)
	if out, err := target.Exec(t.Context(), "pgrep", "-u", "deploy", "sleep"); err != nil {
		t.Errorf("the service does not run: %v %s", err, out)
	}
	client.Close()
	quietAfter(t, lan)
}

// quietAfter waits until the last frames of a closed connection are through, and past the 5 seconds after which Linux
// would probe its neighbour, and wants no frame more.
func quietAfter(t *testing.T, lan *LAN) {
	t.Helper()
	time.Sleep(500 * time.Millisecond)
	before := lan.Traffic()
	time.Sleep(7 * time.Second)
	if after := lan.Traffic(); after.FramesIn != before.FramesIn {
		t.Errorf("the target sent %d frames of its own accord", after.FramesIn-before.FramesIn)
	}
}

func TestTargetsAreApartAndLeaveNothing(t *testing.T) {
	tar := testTargetTar(t)
	capture, _ := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	a := startTestTarget(t, lan, tar, "target-a", "10.90.0.11/24")
	b := startTestTarget(t, lan, tar, "target-b", "10.90.0.12/24")
	if a.HostKey() == b.HostKey() {
		t.Error("two targets have the same host key")
	}
	ctx := t.Context()
	if _, err := a.Exec(ctx, "touch", "/srv/only-a"); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Exec(ctx, "ls", "/srv"); err != nil || out != "" {
		t.Errorf("ls /srv on b = %q, %v, want it empty", out, err)
	}
	for _, path := range []string{"/srv/only-a", rootPlace + "/srv"} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s can be seen from outside", path)
		}
	}
	if out, err := a.Exec(ctx, "sh", "-c", "ls /proc | grep -c '^[0-9]'; cat /proc/net/if_inet6 2>/dev/null; cat /proc/mounts"); err != nil || strings.Contains(out, "build/cache") {
		t.Errorf("inside: %s %v", out, err)
	}
	pid := a.child.pid()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		t.Error("the target's first process outlives Close")
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte("tmpfs target ")) {
		t.Errorf("a mount is left behind: %v\n%s", err, mounts)
	}
	if _, err := b.Exec(ctx, "true"); err != nil {
		t.Errorf("b does not outlive a: %v", err)
	}
}

func TestTargetSaysWhyItDoesNotStart(t *testing.T) {
	if err := CanRunTargets(); err != nil {
		t.Skip(err)
	}
	capture, _ := newTestCapture(t)
	lan := NewLAN(capture, quietLog())
	good := TargetConfig{Name: "x", Address: netip.MustParsePrefix("10.90.0.11/24"), Tar: "/nonexistent.tar", LAN: lan.ServeTarget, Log: quietLog()}
	bad6, noName := good, good
	bad6.Address = netip.MustParsePrefix("fd00::1/64")
	noName.Name = ""
	for _, c := range []struct {
		cfg  TargetConfig
		want string
	}{{good, "unpack /nonexistent.tar"}, {bad6, "want IPv4"}, {noName, "host name"}} {
		_, err := StartTarget(t.Context(), c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("StartTarget(%s, %s, %s) = %v, want an error with %q", c.cfg.Name, c.cfg.Address, c.cfg.Tar, err, c.want)
		}
	}
	if len(lan.ports) != 0 {
		t.Errorf("%d ports are still plugged in", len(lan.ports))
	}
}

func TestFindRange(t *testing.T) {
	for _, c := range []struct {
		text string
		want idRange
		ok   bool
	}{
		{"ann:100000:65536\nbob:165536:65536\n", idRange{165536, 65536}, true},
		{"1001:300000:65536\n", idRange{300000, 65536}, true},
		{"bob:100:10\nbob:200000:65536\n", idRange{200000, 65536}, true}, // the first is too small
		{"bobby:100000:65536\n", idRange{}, false},
		{"bob:100000\nbob:x:65536\n", idRange{}, false},
		{"", idRange{}, false},
	} {
		got, ok := findRange(c.text, "bob", "1001")
		if got != c.want || ok != c.ok {
			t.Errorf("findRange(%q) = %v, %v, want %v, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}
