package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"airlock/netd/interlock"
	"airlock/netd/passage"
	"airlock/netd/windows"
)

// inside marks the process that runs in a network namespace of its own; child, the guard that it starts to kill.
const (
	inside = "AIRLOCK_GUARD_NETNS"
	child  = "AIRLOCK_GUARD_CHILD"
)

// TestMain runs the tests again in a fresh network namespace, so that they can load rules and raise links without
// touching the machine's.
func TestMain(m *testing.M) {
	if socket := os.Getenv(child); socket != "" {
		os.Exit(childGuard(socket))
	}
	if os.Getenv(inside) != "" || os.Getuid() != 0 {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "a network namespace cannot be made here:", err)
	os.Exit(m.Run()) // each test skips and says so
}

// netdDouble is a netd that answers as it is told, and keeps what it is told.
type netdDouble struct {
	mu        sync.Mutex
	dead      bool // nobody listens
	deaf      bool // listens, and does not answer
	stand     windows.Stand
	beats     int
	condemned []windows.GuardFault
}

func (d *netdDouble) set(f func(*netdDouble)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// Beat implements Keeper.
func (d *netdDouble) Beat(ctx context.Context, b windows.Beat) (windows.Stand, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return windows.Stand{}, unix.ECONNREFUSED
	case d.deaf:
		return windows.Stand{}, context.DeadlineExceeded
	}
	d.beats++
	return d.stand, nil
}

// Condemn implements Keeper.
func (d *netdDouble) Condemn(ctx context.Context, f windows.GuardFault) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.deaf {
		return unix.ECONNREFUSED
	}
	d.condemned = append(d.condemned, f)
	d.stand.Machine = "fault"
	return nil
}

// lever counts how often it is pulled.
type lever struct {
	mu     sync.Mutex
	pulled int
}

// PowerOff implements Power.
func (l *lever) PowerOff(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulled++
	return nil
}

// post is a guard at its post, over two cables and an interlock in this namespace.
type post struct {
	t        *testing.T
	g        *Guard
	gate     *interlock.Interlock
	netd     *netdDouble
	lever    *lever
	folders  []string
	wan, lan *cable
	stop     func()
}

// stand makes the node and sets the guard to watch; both doors are shut.
func stand(t *testing.T) *post {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("this test loads kernel rules and raises links in a network namespace of its own: run it as root")
	}
	gate, err := interlock.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &post{t: t, gate: gate, wan: plug(t, "wan0"), lan: plug(t, "lan0"), lever: &lever{},
		netd:    &netdDouble{stand: windows.Stand{Machine: "shut", Outer: "shut", Inner: "shut", Radio: "off"}},
		folders: []string{t.TempDir(), t.TempDir()}}
	if err := errors.Join(gate.Attach("wan0"), gate.Attach("lan0")); err != nil {
		t.Fatal(err)
	}
	p.watch()
	return p
}

// watch starts the guard and waits until its eyes are open and netd has answered it.
func (p *post) watch() {
	p.t.Helper()
	p.g = New(Config{Keeper: p.netd, Power: p.lever, Folders: p.folders, Log: slog.New(slog.NewTextHandler(p.t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.g.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("the guard ended: %v", err)
		}
	})
	p.t.Cleanup(p.stop)
	select {
	case <-p.g.Ready():
	case <-time.After(5 * time.Second):
		p.t.Fatal("the guard did not get ready")
	}
	p.within(3*time.Second, "heard netd", func() bool {
		p.netd.mu.Lock()
		defer p.netd.mu.Unlock()
		return p.netd.beats > 1 || p.netd.dead || p.netd.deaf
	})
}

// within waits until something is so.
func (p *post) within(limit time.Duration, what string, is func() bool) time.Duration {
	p.t.Helper()
	began := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Since(began) > limit {
			p.t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(began)
}

// open opens a door as netd does.
func (p *post) open(c *cable) {
	p.t.Helper()
	p.netd.set(func(d *netdDouble) {
		d.stand = windows.Stand{Machine: "inner-open", Outer: "shut", Inner: "open", Radio: "off"}
		if c == p.wan {
			d.stand = windows.Stand{Machine: "outer-open", Outer: "open", Inner: "shut", Radio: "on"}
		}
	})
	if err := errors.Join(p.gate.Attach(c.name), p.gate.Open(c.name, time.Minute, passage.Passage{Lease: true, Discovery: true})); err != nil {
		p.t.Fatal(err)
	}
	c.raise()
}

// shut shuts it as netd does.
func (p *post) shut(c *cable) {
	p.t.Helper()
	if err := p.gate.Shut(); err != nil {
		p.t.Fatal(err)
	}
	c.lower()
	p.netd.set(func(d *netdDouble) {
		d.stand = windows.Stand{Machine: "shut", Outer: "shut", Inner: "shut", Radio: "off"}
	})
}

// closed says whether nothing passes and every link is down.
func (p *post) closed() bool {
	s, err := interlock.Observe()
	links, lerr := netlink.LinkList()
	if err != nil || lerr != nil {
		return false
	}
	for _, l := range links {
		if a := l.Attrs(); a.Name != "lo" && a.RawFlags&unix.IFF_UP != 0 {
			return false
		}
	}
	return len(s.Holders()) == 0
}

// wantFault waits until a rule has latched a fault, both doors are shut, and netd was told.
func (p *post) wantFault(rule string, limit time.Duration) {
	p.t.Helper()
	took := p.within(limit, "a fault by "+rule, func() bool { return p.g.Fault() != nil })
	if f := p.g.Fault(); f.Rule != rule {
		p.t.Errorf("latched by %s (%s), want %s", f.Rule, f.Why, rule)
	}
	p.within(time.Second, "both doors shut", p.closed)
	p.t.Logf("%s after %v: %s", rule, took.Round(time.Millisecond), p.g.Fault().Why)
	p.within(time.Second, "netd told", func() bool {
		p.netd.mu.Lock()
		defer p.netd.mu.Unlock()
		return len(p.netd.condemned) == 1 && p.netd.condemned[0].ID == p.g.Fault().ID
	})
	if f := findFault(p.folders[1:]); f == nil || f.ID != p.g.Fault().ID {
		p.t.Errorf("the fault is not kept: %+v", f)
	}
}

// cable is a link of the node whose other end is outside, in a namespace without any rules.
type cable struct {
	t       *testing.T
	name    string
	outside netns.NsHandle
}

func plug(t *testing.T, name string) *cable {
	t.Helper()
	c := &cable{t: t, name: name}
	runtime.LockOSThread()
	here, err := netns.Get()
	if err == nil {
		c.outside, err = netns.New()
		if serr := netns.Set(here); serr != nil {
			t.Fatal(serr)
		}
		here.Close()
	}
	runtime.UnlockOSThread()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.outside.Close() })
	c.insert()
	t.Cleanup(c.pull)
	return c
}

// insert makes the pair of devices, the node's end down.
func (c *cable) insert() {
	c.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.name
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "peer", PeerNamespace: netlink.NsFd(c.outside)}
	far, err := netlink.NewHandleAt(c.outside)
	if err != nil {
		c.t.Fatal(err)
	}
	defer far.Close()
	if err := netlink.LinkAdd(pair); err != nil {
		c.t.Fatal(err)
	}
	peer, err := far.LinkByName("peer")
	if err == nil {
		err = far.LinkSetUp(peer)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cable) link() netlink.Link {
	c.t.Helper()
	l, err := netlink.LinkByName(c.name)
	if err != nil {
		c.t.Fatal(err)
	}
	return l
}

func (c *cable) pull() {
	if l, err := netlink.LinkByName(c.name); err == nil {
		_ = netlink.LinkDel(l)
	}
}

func (c *cable) raise() {
	c.t.Helper()
	if err := netlink.LinkSetUp(c.link()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cable) lower() {
	c.t.Helper()
	if err := netlink.LinkSetDown(c.link()); err != nil {
		c.t.Fatal(err)
	}
}

// call renames the node's end, which is down.
func (c *cable) call(name string) {
	c.t.Helper()
	if err := netlink.LinkSetName(c.link(), name); err != nil {
		c.t.Fatal(err)
	}
	c.name = name
}

// send sends a raw frame on the node's end.
func (c *cable) send() {
	c.t.Helper()
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer unix.Close(fd)
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x51, 0x88, 0xb5}, make([]byte, 46)...)
	// A closed egress hook may answer with an error, which is no matter here.
	_ = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Protocol: all, Ifindex: c.link().Attrs().Index})
}

// rules changes the kernel's rules behind netd's back.
func rulesChange(t *testing.T, f func(*nftables.Conn)) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	f(c)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

func tableOf(family nftables.TableFamily, name string) *nftables.Table {
	return &nftables.Table{Family: family, Name: name}
}

func ifnames(t *nftables.Table, name string) *nftables.Set {
	return &nftables.Set{Table: t, Name: name, KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian,
		HasTimeout: true, Timeout: interlock.Lease, Size: 1}
}

func element(name string, life time.Duration) []nftables.SetElement {
	key := make([]byte, unix.IFNAMSIZ)
	copy(key, name)
	return []nftables.SetElement{{Key: key, Timeout: life}}
}

// TestBothLinksUp: even where the second goes up and down again between two looks.
func TestBothLinksUp(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	p.lan.raise()
	p.lan.lower()
	p.wantFault("both-links-up", 500*time.Millisecond)
}

// TestUnknownThirdLink: a NIC of which nobody has heard is up, and netd has hung no chains on it.
func TestUnknownThirdLink(t *testing.T) {
	p := stand(t)
	third := plug(t, "usb7")
	third.raise()
	p.wantFault("link-without-chains", 2*time.Second)
}

// TestLinkUpWithoutLease: a door's own link is up while the interlock passes nobody.
func TestLinkUpWithoutLease(t *testing.T) {
	p := stand(t)
	p.lan.raise()
	p.wantFault("link-without-lease", 4*time.Second)
}

// TestRename: the LAN's card takes the name that holds the lease.
func TestRename(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	p.within(time.Second, "the lease seen", func() bool { return true })
	awaitLook(p)
	p.wan.lower()
	p.wan.call("was0")
	p.lan.call("wan0")
	p.lan.raise()
	p.wantFault("renamed", time.Second)
}

// TestRenameWhileUp: the kernel may allow it, and nothing of ours ever does it.
func TestRenameWhileUp(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	awaitLook(p)
	if err := netlink.LinkSetName(p.wan.link(), "lan9"); err != nil {
		t.Skipf("this kernel renames no link that is up: %v", err)
	}
	p.wan.name = "lan9"
	p.wantFault("renamed", time.Second)
}

// awaitLook waits until the guard has looked once more.
func awaitLook(p *post) {
	p.t.Helper()
	var before int
	p.netd.set(func(d *netdDouble) { before = d.beats })
	p.within(3*time.Second, "another look", func() bool {
		p.netd.mu.Lock()
		defer p.netd.mu.Unlock()
		return p.netd.beats > before+1
	})
}

// TestChainsMissingAfterReturn: a module vanished inside its window and came back under its name, and somebody raised it
// although nobody had hung chains on it. Newer kernels hang the old chains on it again; then it is another device with a
// lease that was not given to it.
func TestChainsMissingAfterReturn(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	awaitLook(p)
	p.wan.pull()
	p.wan.insert()
	p.wan.raise()
	p.within(3*time.Second, "a fault", func() bool { return p.g.Fault() != nil })
	if rule := p.g.Fault().Rule; rule != "renamed" && rule != "link-without-chains" {
		t.Errorf("latched by %s", rule)
	}
	p.within(time.Second, "both doors shut", p.closed)
}

// TestChainsTakenAway from a device that is up.
func TestChainsTakenAway(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	rulesChange(t, func(c *nftables.Conn) {
		c.DelChain(&nftables.Chain{Table: tableOf(nftables.TableFamilyNetdev, "door"), Name: "out_wan0"})
	})
	p.wantFault("link-without-chains", time.Second)
}

// TestLongLease: the kernel refuses a second element, and not one that stays for a year.
func TestLongLease(t *testing.T) {
	p := stand(t)
	p.open(p.wan)
	set := ifnames(tableOf(nftables.TableFamilyNetdev, "door"), "lease")
	c, err := nftables.New()
	if err == nil {
		if err = c.SetAddElements(set, element("lan0", interlock.Lease)); err == nil {
			err = c.Flush()
		}
	}
	if !errors.Is(err, unix.ENFILE) {
		t.Fatalf("a second element: %v, want ENFILE", err)
	}
	rulesChange(t, func(c *nftables.Conn) {
		c.FlushSet(set)
		if err := c.SetAddElements(set, element("wan0", 365*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	})
	p.wantFault("lease-too-long", time.Second)
}

// TestSetWithoutBounds: a set that was made anew, with room for two doors.
func TestSetWithoutBounds(t *testing.T) {
	for _, c := range []struct {
		rule  string
		names []string
	}{{"sets-altered", nil}, {"two-leases", []string{"wan0", "lan0"}}} {
		t.Run(c.rule, func(t *testing.T) {
			p := stand(t)
			rulesChange(t, func(n *nftables.Conn) {
				table := tableOf(nftables.TableFamilyARP, "doorarp")
				for _, chain := range []string{"in", "out"} {
					n.DelChain(&nftables.Chain{Table: table, Name: chain})
				}
				n.DelSet(ifnames(table, "open"))
				wide := ifnames(table, "open")
				wide.Size = 2
				if err := n.AddSet(wide, nil); err != nil {
					t.Fatal(err)
				}
				for _, name := range c.names {
					if err := n.SetAddElements(wide, element(name, time.Second)); err != nil {
						t.Fatal(err)
					}
				}
			})
			p.within(time.Second, "a fault", func() bool { return p.g.Fault() != nil })
			// The chains that used the set had to go first, so that the base is broken as well.
			if f := p.g.Fault(); f.Rule != "base-gone" || !strings.Contains(f.Why, c.rule+":") {
				t.Errorf("latched by %s: %s, want %s in it", f.Rule, f.Why, c.rule)
			}
		})
	}
}

// TestBaseTableDeleted: each of the three.
func TestBaseTableDeleted(t *testing.T) {
	for _, table := range []*nftables.Table{
		tableOf(nftables.TableFamilyNetdev, "door"), tableOf(nftables.TableFamilyINet, "doorip"), tableOf(nftables.TableFamilyARP, "doorarp"),
	} {
		t.Run(table.Name, func(t *testing.T) {
			p := stand(t)
			rulesChange(t, func(c *nftables.Conn) { c.DelTable(table) })
			p.wantFault("base-gone", time.Second)
		})
	}
}

// TestWrongDoorFrame: a frame leaves on a second link, whose chains pass everything, while the other holds the lease. The
// second link is one that is up already when the guard's first listing comes, so that both-links-up is seen too: what
// counts is that the frame is named.
func TestFrames(t *testing.T) {
	t.Run("while the other door is open", func(t *testing.T) {
		p := stand(t)
		p.open(p.lan)
		awaitLook(p)
		rulesChange(t, func(c *nftables.Conn) {
			c.DelChain(&nftables.Chain{Table: tableOf(nftables.TableFamilyNetdev, "door"), Name: "out_wan0"})
		})
		p.wan.raise()
		p.wan.send()
		p.within(time.Second, "a fault", func() bool { return p.g.Fault() != nil })
		p.within(time.Second, "both doors shut", p.closed)
		if f := p.g.Fault(); f.Rule != "both-links-up" {
			t.Errorf("latched by %s", f.Rule)
		}
	})
	t.Run("outside every window", func(t *testing.T) {
		p := stand(t)
		rulesChange(t, func(c *nftables.Conn) {
			c.DelChain(&nftables.Chain{Table: tableOf(nftables.TableFamilyNetdev, "door"), Name: "out_wan0"})
		})
		p.wan.raise()
		p.wan.send()
		p.wantFault("stray-frame", time.Second)
	})
	t.Run("stopped by the interlock", func(t *testing.T) {
		p := stand(t)
		p.lan.raise()
		p.lan.send()
		p.wantFault("link-without-lease", 4*time.Second) // and not stray-frame, which comes earlier
	})
}

// TestRadio: what netd says of the module is held against what it says of the doors.
func TestRadio(t *testing.T) {
	for rule, s := range map[string]windows.Stand{
		"radio-outside-window": {Machine: "shut", Outer: "shut", Inner: "shut", Radio: "on"},
		"radio-beside-inner":   {Machine: "inner-open", Outer: "shut", Inner: "open", Radio: "on"},
		"netd-opens-both":      {Machine: "inner-open", Outer: "raising", Inner: "open", Radio: "off"},
	} {
		t.Run(rule, func(t *testing.T) {
			p := stand(t)
			p.netd.set(func(d *netdDouble) { d.stand = s })
			p.wantFault(rule, 6*time.Second)
		})
	}
}

// TestLeaseOutsideWindow: somebody else than netd opens the interlock.
func TestLeaseOutsideWindow(t *testing.T) {
	p := stand(t)
	stop := time.NewTicker(time.Second)
	defer stop.Stop()
	if err := p.gate.Open("wan0", time.Minute, passage.Passage{Lease: true}); err != nil {
		t.Fatal(err)
	}
	for p.g.Fault() == nil && p.g.now() < 10*time.Second {
		<-stop.C
		_ = p.gate.Renew("wan0")
	}
	p.wantFault("lease-outside-window", time.Second)
}

// TestNetdDead: the guard alone shuts, at once when nobody listens, and after the length of a lease when netd hangs.
// Nothing is latched for it: netd lowers both doors when it comes back.
func TestNetdDead(t *testing.T) {
	for name, c := range map[string]struct {
		die   func(*netdDouble)
		limit time.Duration
	}{
		"nobody listens": {func(d *netdDouble) { d.dead = true }, 700 * time.Millisecond},
		"it hangs":       {func(d *netdDouble) { d.deaf = true }, silenceTime + beatEvery + 600*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := stand(t)
			p.open(p.wan)
			awaitLook(p)
			p.netd.set(c.die)
			renew := time.NewTicker(500 * time.Millisecond) // as if something kept the lease alive
			defer renew.Stop()
			began := time.Now()
			for !p.closed() && time.Since(began) < 2*c.limit {
				select {
				case <-renew.C:
					_ = p.gate.Renew("wan0")
				case <-time.After(10 * time.Millisecond):
				}
			}
			if took := time.Since(began); took > c.limit {
				t.Errorf("shut after %v, want %v at most", took, c.limit)
			} else {
				t.Logf("shut after %v", took.Round(time.Millisecond))
			}
			if f := p.g.Fault(); f != nil {
				t.Errorf("latched by %s: %s", f.Rule, f.Why)
			}
		})
	}
}

// TestNetdDoesNotTakeTheFault: the guard shuts alone, keeps the fault over its own restart, and pulls the lever once.
func TestNetdDoesNotTakeTheFault(t *testing.T) {
	p := stand(t)
	p.netd.set(func(d *netdDouble) { d.deaf = true })
	p.open(p.wan)
	p.lan.raise()
	p.within(time.Second, "a fault", func() bool { return p.g.Fault() != nil })
	p.within(time.Second, "both doors shut", p.closed)
	p.lan.raise() // again: the links go down again, and nothing is latched twice
	id := p.g.Fault().ID
	p.within(4*time.Second, "both doors shut again", p.closed)
	p.within(4*time.Second, "the lever pulled", func() bool {
		p.lever.mu.Lock()
		defer p.lever.mu.Unlock()
		return p.lever.pulled == 1
	})
	p.stop()
	p.netd.set(func(d *netdDouble) { d.deaf = false })
	p.watch()
	if f := p.g.Fault(); f == nil || f.ID != id {
		t.Fatalf("after a restart: %+v, want fault %s", f, id)
	}
}

// TestClearing: an operator's word lifts the fault when nothing is wrong any more, and not before.
func TestClearing(t *testing.T) {
	p := stand(t)
	p.netd.set(func(d *netdDouble) { d.stand.Radio = "on" })
	p.wantFault("radio-outside-window", 5*time.Second)
	first := p.g.Fault().ID
	p.netd.set(func(d *netdDouble) { d.stand.Forgiven = first })
	p.within(3*time.Second, "latched anew, since the radio is on", func() bool { return p.g.Fault() != nil && p.g.Fault().ID != first })
	p.netd.set(func(d *netdDouble) { d.stand.Radio, d.stand.Forgiven = "off", p.g.Fault().ID })
	p.within(3*time.Second, "lifted", func() bool { return p.g.Fault() == nil })
	if f := findFault(p.folders); f != nil {
		t.Errorf("still kept: %+v", f)
	}
}

// TestBlind: a guard whose eye closes ends, rather than watch with one eye.
func TestBlind(t *testing.T) {
	p := stand(t)
	ended := make(chan error, 1)
	g := New(Config{Keeper: p.netd, Folders: p.folders})
	go func() { ended <- g.Run(t.Context()) }()
	<-g.Ready()
	if err := g.Healthy(); err != nil {
		t.Errorf("Healthy() = %v", err)
	}
	g.tap.file.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, errBlind) {
			t.Errorf("Run() = %v, want %v", err, errBlind)
		}
	case <-time.After(3 * time.Second):
		t.Error("it goes on")
	}
	g.since = g.since.Add(-2 * deafTime)
	if err := g.Healthy(); err == nil || !strings.Contains(err.Error(), "has not turned") {
		t.Errorf("Healthy() of one that stopped = %v", err)
	}
}
