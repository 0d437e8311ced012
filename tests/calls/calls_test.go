// Package calls tries windows of the outer door that go by PPP: the session, the host's end of calls, the link and the
// kernel's interlock on one side, and the simulated module with its network on the other. Where the kernel has no PPP the
// test binary is its own pppd (standin_test.go); the image is tried with the real one in tests/vm.
package calls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/drivers/ppp"
	"airlock/drivers/serial"
	"airlock/firmware/config"
	"airlock/firmware/hardware"
	"airlock/netd/interlock"
	"airlock/netd/passage"
	"airlock/tests/modemsim"
)

// inside says that the test binary runs in a network namespace of its own.
const inside = "AIRLOCK_CALLS_INSIDE"

// TestMain runs the tests in a network namespace of their own, or is the stand-in for pppd.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 4 && os.Args[2] == "file":
		os.Exit(main())
	case os.Getenv(inside) != "":
		os.Exit(m.Run())
	case os.Getuid() != 0:
		fmt.Println("skipped: a network namespace with a tun device needs root")
		os.Exit(0)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		fmt.Println("skipped: no network namespace here:", err)
		os.Exit(0)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// node is the outer side of a node, without its keeper.
type node struct {
	t     *testing.T
	sim   *modemsim.Sim
	modem *modem.Modem
	outer *hardware.Outer
	gate  *interlock.Interlock // nil: this kernel has none

	mu      sync.Mutex
	packets [][]byte // that came out of the module; guarded by mu
	served  []*serving
}

// serving is one attachment of the AT port.
type serving struct {
	far  net.Conn
	done chan struct{}
}

func short() modem.Times {
	return modem.Times{Find: 2 * time.Second, SIM: time.Second, Locked: 60 * time.Millisecond, Setup: 3 * time.Second,
		Register: 1500 * time.Millisecond, Denied: 200 * time.Millisecond, Data: 4 * time.Second,
		Off: 10 * time.Second, Poll: 20 * time.Millisecond}
}

// newNode joins a node to a module; change adapts the session's configuration.
func newNode(t *testing.T, sim modemsim.Config, change func(*modem.Config)) *node {
	t.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("skipped: the stand-in for pppd needs a tun device: %v", err)
	}
	n := &node{t: t}
	gate, err := interlock.Load()
	if err != nil {
		t.Logf("without the interlock: %v", err)
	}
	n.gate = gate
	sim.OnPacket = func(ip []byte) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.packets = append(n.packets, ip)
	}
	n.sim = modemsim.New(sim)
	cfg := modem.Config{Times: short(), Bearer: modem.ByPPP, PPP: pppConfig(t)}
	if change != nil {
		change(&cfg)
	}
	n.modem = modem.New(cfg, n.open)
	n.outer = hardware.NewOuter(config.Modem{Interface: config.Auto}, n.modem, slog.New(slog.DiscardHandler))
	t.Cleanup(n.end)
	return n
}

func pppConfig(t *testing.T) *ppp.Config {
	return &ppp.Config{Program: "/proc/self/exe", Agree: 3 * time.Second, Address: 3 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func (n *node) open(ctx context.Context) (modem.Port, error) {
	near, far := net.Pipe()
	s := &serving{far, make(chan struct{})}
	n.mu.Lock()
	n.served = append(n.served, s)
	n.mu.Unlock()
	go func() { defer close(s.done); _ = n.sim.Serve(context.Background(), far) }()
	port := at.New(near, at.Options{Probe: 50 * time.Millisecond})
	if err := port.Sync(ctx); err != nil {
		port.Close()
		return nil, err
	}
	return port, nil
}

// end lets go of everything and wants nothing to be left.
func (n *node) end() {
	n.modem.Close()
	for _, s := range n.served {
		s.far.Close()
		<-s.done
	}
	if _, err := net.InterfaceByName(ppp.Interface); err == nil {
		n.t.Errorf("%s is still there", ppp.Interface)
	}
}

func (n *node) up(ctx context.Context) error {
	return n.modem.Up(ctx, func(text string) { n.t.Log(text) })
}

// mustUp raises the module and wants the interface as netd has to find it: there, down, and nothing passed.
func (n *node) mustUp() {
	n.t.Helper()
	if err := n.up(n.t.Context()); err != nil {
		n.t.Fatalf("Up = %v; module: %v", err, n.sim.States())
	}
	name, err := n.outer.Find()
	if err != nil || name != ppp.Interface {
		n.t.Fatalf("Find = %q, %v", name, err)
	}
	i, err := net.InterfaceByName(name)
	if err != nil || i.Flags&net.FlagUp != 0 {
		n.t.Fatalf("after Up the interface is %+v (%v), want it down", i, err)
	}
}

func (n *node) heard() [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.packets)
}

// eventually waits for what other goroutines bring about.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 5s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// beyond is what may pass: datagrams to one place beyond the module.
func beyond() passage.Passage {
	return passage.Passage{Datagrams: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:4001")}}
}

// raise does what netd does between the module and the link: down, guarded, open to frames, up.
func (n *node) raise() {
	n.t.Helper()
	if err := n.outer.Down(n.t.Context()); err != nil {
		n.t.Fatalf("Down before the interface is guarded = %v", err)
	}
	if n.modem.Call() == nil {
		n.t.Fatal("the call ended when its interface was lowered to be guarded")
	}
	if n.gate != nil {
		if err := errors.Join(n.gate.Attach(ppp.Interface), n.gate.Open(ppp.Interface, time.Minute, beyond())); err != nil {
			n.t.Fatal(err)
		}
	}
	got, err := n.outer.Up(n.t.Context(), func(string) {})
	if err != nil {
		n.t.Fatalf("Up of the link = %v", err)
	}
	if got.Address.String() != "10.64.0.2/32" || len(got.DNS) != 2 || got.MTU == 0 {
		n.t.Errorf("network = %+v, want the context's address, two name servers, an MTU", got)
	}
}

// lower ends the window as netd does, and wants it read back.
func (n *node) lower() {
	n.t.Helper()
	call := n.modem.Call()
	held := call != nil && !call.Opened()
	if err := n.outer.Down(n.t.Context()); err != nil {
		n.t.Errorf("Down of the link = %v", err)
	}
	if i, err := net.InterfaceByName(ppp.Interface); err == nil && (!held || i.Flags&net.FlagUp != 0) {
		n.t.Errorf("after Down %s is there: %+v", ppp.Interface, i)
	}
	if err := n.modem.Down(n.t.Context()); err != nil {
		n.t.Errorf("Down = %v", err)
	}
	if n.sim.RadioOn() || n.sim.DataActive() {
		n.t.Errorf("after Down the module's history is %v", n.sim.States())
	}
}

// TestWindow: with every personality a window goes by PPP behind the kernel's interlock, twice; packets flow both ways while
// it is open, and none before and after.
func TestWindow(t *testing.T) {
	all := modemsim.Personalities()
	if testing.Short() {
		all = all[:3]
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			n := newNode(t, modemsim.Config{Personality: p}, nil)
			for range 2 {
				before := len(n.heard())
				n.mustUp()
				if path := n.modem.Path(); path.Bearer != modem.ByPPP || path.DHCP {
					t.Errorf("Path = %+v", path)
				}
				if got := len(n.heard()); got != before {
					t.Errorf("%d packets passed before the gate was open", got-before)
				}
				n.raise()
				n.talk()
				n.lower()
			}
		})
	}
}

// talk sends a packet over the default route and has one come back.
func (n *node) talk() {
	n.t.Helper()
	before := len(n.heard())
	conn, err := net.ListenPacket("udp4", "10.64.0.2:4000")
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	eventually(n.t, "packet beyond the module", func() bool { // the network may be a moment behind the node
		if _, err := conn.WriteTo([]byte("ping"), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4001}); err != nil {
			n.t.Fatal(err)
		}
		return len(n.heard()) > before
	})
	out := n.heard()[before]
	if !strings.HasSuffix(string(out), "ping") {
		n.t.Fatalf("packet = %x", out)
	}
	back := slices.Clone(out) // to where it came from: the checksums do not change
	copy(back[12:], out[16:20])
	copy(back[16:], out[12:16])
	copy(back[20:], out[22:24])
	copy(back[22:], out[20:22])
	if err := n.sim.SendPacket(back); err != nil {
		n.t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		n.t.Fatal(err)
	}
	buf := make([]byte, 64)
	if got, _, err := conn.ReadFrom(buf); err != nil || string(buf[:got]) != "ping" {
		n.t.Errorf("what came back is %q, %v", buf[:got], err)
	}
}

// TestWho: the network knows who may come in, by CHAP; another password is a diagnosis, at once and not after the phase.
func TestWho(t *testing.T) {
	network := modemsim.Network{User: "node", Password: `s e#cr;et`}
	good := newNode(t, modemsim.Config{Network: network}, func(c *modem.Config) { c.User, c.Password = "node", `s e#cr;et` })
	good.mustUp()
	good.raise()
	good.lower()
	t.Run("refused", func(t *testing.T) {
		n := newNode(t, modemsim.Config{Network: network}, func(c *modem.Config) { c.User, c.Password = "node", "wrong" })
		err := n.up(t.Context())
		fault, ok := errors.AsType[*modem.Error](err)
		if !ok || fault.Kind != modem.NoNetwork || !fault.Final || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("Up = %v, want no-network and a word on the password", err)
		}
		if err := n.modem.Down(t.Context()); err != nil || n.sim.RadioOn() {
			t.Errorf("Down = %v, radio on %v", err, n.sim.RadioOn())
		}
	})
}

// TestCallLost: the network ends the call in the middle of the window. The interface goes, netd does not find it any more,
// and the module is taken back.
func TestCallLost(t *testing.T) {
	script, err := modemsim.ParseScript("lost", strings.NewReader("data: no-carrier"))
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, modemsim.Config{Script: script}, nil)
	n.mustUp()
	n.raise()
	<-n.modem.Call().Done()
	eventually(t, "end of the interface", func() bool { _, err := n.outer.Find(); return err != nil })
	n.lower()
}

// TestMend: what does not carry is dialled anew.
func TestMend(t *testing.T) {
	n := newNode(t, modemsim.Config{Faults: modemsim.Faults{NoTraffic: 1}}, nil)
	n.mustUp()
	n.raise()
	if n.sim.DataActive() {
		t.Fatal("the first call carries although it is lame")
	}
	if err := n.outer.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.modem.Mend(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	n.raise()
	n.talk()
	n.lower()
}

// TestLetGo: whatever state a window is left in, nothing of it stays: neither pppd nor the interface nor a goroutine
// that holds the port.
func TestLetGo(t *testing.T) {
	for name, leave := range map[string]func(*node){
		"held":           func(*node) {},
		"open":           func(n *node) { n.raise() },
		"stopped":        func(n *node) { n.raise(); _ = n.outer.Down(n.t.Context()) },
		"module gone":    func(n *node) { n.raise(); n.served[0].far.Close() },
		"gone, then off": func(n *node) { n.served[0].far.Close(); _ = n.modem.Down(n.t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, modemsim.Config{}, nil)
			n.mustUp()
			leave(n)
			began := time.Now()
			n.modem.Close()
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("Close took %s", took)
			}
		})
	}
}

// TestMisbehaviour: a pppd that does not obey, does not speak, or dies.
func TestMisbehaviour(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped in short mode: waits for what does not come")
	}
	as := func(user string) func(*modem.Config) {
		return func(c *modem.Config) { c.User, c.Password = user, "x" }
	}
	t.Run("ignores SIGTERM", func(t *testing.T) {
		n := newNode(t, modemsim.Config{}, as(stubborn))
		n.mustUp()
		n.raise()
		n.lower()
	})
	t.Run("says nothing", func(t *testing.T) {
		n := newNode(t, modemsim.Config{}, as(silent))
		if err := n.up(t.Context()); err == nil {
			t.Error("Up without a word of PPP = nil")
		}
		n.lower()
	})
	t.Run("dies", func(t *testing.T) {
		n := newNode(t, modemsim.Config{}, as(fragile))
		n.mustUp()
		_, err := n.outer.Up(t.Context(), func(string) {})
		if err == nil {
			<-n.modem.Call().Done() // it may have had its address for a moment
		}
		n.lower()
	})
	t.Run("is not there", func(t *testing.T) {
		n := newNode(t, modemsim.Config{}, func(c *modem.Config) { c.PPP.Program = "/nonexistent/pppd" })
		if err := n.up(t.Context()); err == nil || !strings.Contains(err.Error(), "pppd") {
			t.Errorf("Up without pppd = %v", err)
		}
		n.lower()
	})
}

// TestCancelled: the asker goes while the call is being made.
func TestCancelled(t *testing.T) {
	moments := []time.Duration{20, 60, 120, 200, 300}
	if testing.Short() {
		moments = moments[1:3]
	}
	for _, after := range moments {
		n := newNode(t, modemsim.Config{Times: modemsim.Times{Activate: 100 * time.Millisecond, Guard: 100 * time.Millisecond}}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		_ = n.up(ctx)
		cancel()
		n.lower()
	}
}

// TestAuto: a module without an interface is dialled; one with an interface is not; and one whose interface is never tied
// to the context is, after half of the time.
func TestAuto(t *testing.T) {
	for _, tc := range []struct {
		name      string
		there     bool
		noBinding int
		want      modem.Bearer
	}{
		{"no interface", false, 0, modem.ByPPP},
		{"an interface", true, 0, modem.ByInterface},
		{"an interface that is never tied", true, 1 << 20, modem.ByPPP},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNode(t, modemsim.Config{Personality: modemsim.QuectelEC25(), Faults: modemsim.Faults{NoBinding: tc.noBinding}}, func(c *modem.Config) {
				c.Bearer, c.Interface = modem.ByEither, func() bool { return tc.there }
			})
			if err := n.up(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := n.modem.Path().Bearer; got != tc.want || (n.modem.Call() != nil) != (tc.want == modem.ByPPP) {
				t.Errorf("bearer = %q, call %v, want %q", got, n.modem.Call(), tc.want)
			}
			if err := n.modem.Down(t.Context()); err != nil || n.sim.RadioOn() {
				t.Errorf("Down = %v, radio on %v", err, n.sim.RadioOn())
			}
		})
	}
}

// TestPaths: every personality tells what its network interface has to be given, those without DHCP an address.
func TestPaths(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			n := newNode(t, modemsim.Config{Personality: p}, func(c *modem.Config) { c.Bearer = modem.ByInterface })
			if err := n.up(t.Context()); err != nil {
				t.Fatal(err)
			}
			path := n.modem.Path()
			if path.Bearer != modem.ByInterface || path.DHCP == p.StaticAddress || path.IPv6 || !path.IPv4 || len(path.DNS) != 2 {
				t.Errorf("Path = %+v of a module with DHCP %v", path, !p.StaticAddress)
			}
			if want := "[10.64.0.2/32]"; p.StaticAddress && fmt.Sprint(path.Addresses) != want {
				t.Errorf("addresses = %v, want %s", path.Addresses, want)
			}
			if err := n.modem.Down(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLeftInCall: the process before this one was killed within a call, and the module is still in it: no port answers, until
// the call has been hung up.
func TestLeftInCall(t *testing.T) {
	tty, err := modemsim.OpenPTY()
	if err != nil {
		t.Skipf("skipped: no pseudo terminal here: %v", err)
	}
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP()})
	done := make(chan struct{})
	go func() { defer close(done); _ = sim.Serve(context.Background(), tty) }()
	t.Cleanup(func() { tty.Close(); <-done })
	finder := serial.Finder{Sys: adapter(t), Patience: 3 * time.Second, Open: func(string) (io.ReadWriteCloser, error) { return serial.Open(tty.Host) }}

	first, err := finder.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []string{"+CFUN=1", "+CEREG=1"} {
		if _, err := first.Command(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "registration", func() bool {
		lines, _ := first.Command(t.Context(), "+CEREG?")
		return len(lines) == 1 && strings.HasSuffix(lines[0], ",1")
	})
	if _, err := first.Dial(t.Context(), "D*99***1#"); err != nil {
		t.Fatal(err)
	}
	first.Close() // without a word to the module

	m := modem.New(modem.Config{Times: short()}, modem.Serial(finder))
	defer m.Close()
	if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
		t.Errorf("Down = %v, radio on %v", err, sim.RadioOn())
	}
}

// adapter lays a USB serial adapter out as the kernel does.
func adapter(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	ifc := filepath.Join(root, "devices/pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0")
	class := filepath.Join(root, "class/tty/ttyUSB0")
	if err := errors.Join(os.MkdirAll(ifc, 0o755), os.MkdirAll(class, 0o755)); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{ifc + "/bInterfaceNumber": "00", filepath.Dir(ifc) + "/idVendor": "0403", filepath.Dir(ifc) + "/idProduct": "6001"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(ifc, class+"/device"); err != nil {
		t.Fatal(err)
	}
	return root
}
