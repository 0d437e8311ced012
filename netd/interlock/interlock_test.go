package interlock

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"airlock/netd/passage"
)

const (
	outer  = "wan0"
	inner  = "lan0"
	each   = 5                     // frames of each kind
	silent = 60 * time.Millisecond // after which no more frames are on their way over a veth pair
)

// everyday is a passage of which some of kinds are part.
func everyday() passage.Passage {
	return passage.Passage{Lease: true, Discovery: true, Datagrams: []netip.AddrPort{netip.MustParseAddrPort("10.9.0.1:7")}}
}

// load puts the rules in place and guards two cables.
func load(t *testing.T) (*Interlock, *cable, *cable) {
	t.Helper()
	needNamespace(t)
	i, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	wan, lan := plug(t, outer), plug(t, inner)
	for _, name := range []string{outer, inner} {
		if err := i.Attach(name); err != nil {
			t.Fatal(err)
		}
	}
	return i, wan, lan
}

// counted are the frames that came to a chain: those that a rule accepted or sent on, and those that its last rule dropped.
func counted(t *testing.T, chain string) (accepted, dropped uint64) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := c.GetRules(doorTable(), &nftables.Chain{Name: chain})
	if err != nil || len(rules) == 0 {
		t.Fatalf("rules of %s: %d, %v", chain, len(rules), err)
	}
	for _, r := range rules {
		for _, e := range r.Exprs {
			switch c, ok := e.(*expr.Counter); {
			case !ok:
			case r == rules[len(rules)-1]:
				dropped += c.Packets
			default:
				accepted += c.Packets
			}
		}
	}
	return accepted, dropped
}

// pass sends each kind of frame both ways over a cable and says which came through, and how often.
func pass(t *testing.T, c *cable) map[string]int {
	t.Helper()
	far, near := c.far(), open(t, c.index, false)
	through := map[string]int{}
	for way, from := range map[string]interface{ send([]byte) }{
		"out: ": near, "out, bypassing the queue: ": open(t, c.index, true), "out by a ring: ": ring{t, c.index},
	} {
		for _, f := range kinds() {
			for range each {
				from.send(f)
			}
		}
		far.heard(silent, func(got []byte) bool {
			for kind, f := range kinds() {
				if bytes.Equal(got[:12], f[:12]) { // the sender's address is the kind's own
					through[way+kind]++
				}
			}
			return true
		})
	}
	for kind, f := range kinds() {
		before, _ := counted(t, passIn)
		for range each {
			far.send(f)
		}
		near.heard(silent/5, nil)
		if after, _ := counted(t, passIn); after > before {
			through["in: "+kind] = int(after - before)
		}
	}
	return through
}

func TestClosedDoorPassesNothing(t *testing.T) {
	_, wan, lan := load(t)
	for _, c := range []*cable{wan, lan} {
		listen := c.far()
		c.raise() // as nobody should
		if through := pass(t, c); len(through) > 0 {
			t.Errorf("%s is closed, and passes %v", c.name, through)
		}
		if n := listen.heard(silent, nil); n > 0 {
			t.Errorf("%s is closed, and %d frames came out of it", c.name, n)
		}
		if _, dropped := counted(t, inPrefix+c.name); dropped < uint64(each*len(kinds())) {
			t.Errorf("%s: %d frames dropped on the way in, want %d or more", c.name, dropped, each*len(kinds()))
		}
	}
}

func TestOpenDoorPassesAndTheOtherDoesNot(t *testing.T) {
	i, wan, lan := load(t)
	if err := i.Open(outer, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	stop := keep(t, i, outer)
	wan.raise()
	lan.raise()
	through := pass(t, wan)
	for kind := range kinds() {
		for _, way := range []string{"out: ", "out, bypassing the queue: ", "out by a ring: ", "in: "} {
			meant := kind == "arp" || way != "in: " && (kind == "dhcp" || kind == "icmpv6 rs" || kind == "udp unicast")
			if way == "out by a ring: " && kind == "icmpv6 rs" {
				continue // the kernel looks for the header of IPv6 where a ring's frame has none, and drops it or not
			}
			if n := through[way+kind]; meant && n < each || !meant && n > 0 {
				t.Errorf("open, and %s came through %d times of %d, want it: %v", way+kind, n, each, meant)
			}
		}
	}
	if through := pass(t, lan); len(through) > 0 {
		t.Errorf("the other door passes %v", through)
	}
	stop()
	if err := i.Shut(); err != nil {
		t.Fatal(err)
	}
	if through := pass(t, wan); len(through) > 0 {
		t.Errorf("shut again, and passes %v", through)
	}
	if err := i.Renew(outer); !errors.Is(err, ErrLapsed) {
		t.Errorf("Renew of a door that was shut = %v, want %v", err, ErrLapsed)
	}
}

// keep renews a lease until it is stopped.
func keep(t *testing.T, i *Interlock, name string) (stop func()) {
	quit, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				ended <- nil
				return
			case <-tick.C:
				if err := i.Renew(name); err != nil {
					ended <- err
					return
				}
			}
		}
	}()
	return func() {
		close(quit)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The sets have room for one name: whatever a program does, the kernel refuses a second.
func TestSecondDoorIsRefused(t *testing.T) {
	i, _, _ := load(t)
	if err := i.Open(outer, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	for _, s := range sets() {
		c, err := nftables.New()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetAddElements(s, element(inner, Lease)); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); !errors.Is(err, unix.ENFILE) {
			t.Errorf("a second name in %s/%s: %v, want %v", s.Table.Name, s.Name, err, unix.ENFILE)
		}
	}
	// Opening the other one shuts the first.
	if err := i.Open(inner, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	if err := i.Renew(outer); !errors.Is(err, ErrLapsed) {
		t.Errorf("the first door after the second was opened: Renew = %v", err)
	}
}

// last sends frames all the time and says when the last one that came through was sent, after begin.
func last(t *testing.T, c *cable, begin time.Time, span time.Duration) time.Duration {
	t.Helper()
	near, far := open(t, c.index, false), c.far()
	f, seen := kinds()["udp unicast"], time.Duration(0)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for time.Since(begin) < span {
		<-tick.C
		sent := time.Since(begin)
		near.send(f)
		if far.heard(time.Millisecond, func(got []byte) bool { return bytes.HasPrefix(got, f[:14]) }) > 0 {
			seen = sent
		}
	}
	return seen
}

func TestLeaseLapses(t *testing.T) {
	i, wan, _ := load(t)
	if err := i.Open(outer, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now() // the lease began a little before
	wan.raise()
	got := last(t, wan, begin, Lease+700*time.Millisecond)
	if got < Lease-500*time.Millisecond || got > Lease+50*time.Millisecond {
		t.Errorf("the last frame passed %v after the opening, want about %v", got, Lease)
	}
	t.Logf("last frame %v after the opening", got)
	if err := i.Renew(outer); !errors.Is(err, ErrLapsed) {
		t.Errorf("Renew = %v, want %v", err, ErrLapsed)
	}
	if through := pass(t, wan); len(through) > 0 {
		t.Errorf("after a renewal that failed it passes %v", through)
	}
	// At once: the elements that have expired are not collected yet.
	if err := i.Open(outer, time.Minute, everyday()); err != nil {
		t.Errorf("opening anew: %v", err)
	}
}

func TestRenewalHoldsUntilTheBudgetIsSpent(t *testing.T) {
	i, wan, _ := load(t)
	budget := 4 * time.Second
	if err := i.Open(outer, budget, everyday()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	stop := keep(t, i, outer)
	wan.raise()
	got := last(t, wan, begin, budget+500*time.Millisecond)
	stop()
	if got < budget-500*time.Millisecond || got > budget+50*time.Millisecond {
		t.Errorf("the last frame passed %v after the opening, want about %v", got, budget)
	}
	for _, b := range []time.Duration{0, -1, MaxBudget + 1} { // 0: the lease of the open door has lapsed
		if err := i.Open(outer, b, everyday()); err == nil {
			t.Errorf("a budget of %v is taken", b)
		}
	}
}

func TestAttachWantsALinkThatIsDown(t *testing.T) {
	i, wan, _ := load(t)
	wan.raise()
	if err := i.Attach(outer); err == nil || !strings.Contains(err.Error(), "it is up") {
		t.Errorf("Attach of a link that is up = %v", err)
	}
	if err := i.Attach("nobody0"); err == nil {
		t.Error("Attach of a device that is not there")
	}
	stray := plug(t, "stray0")
	if err := i.Open(stray.name, time.Minute, everyday()); err == nil || !strings.Contains(err.Error(), "does not hang") {
		t.Errorf("Open of a device without chains = %v", err)
	}
}

// A device that vanishes and comes back, as a modem does, is guarded again before it is raised.
func TestDeviceThatComesBack(t *testing.T) {
	i, wan, _ := load(t)
	wan.pull()
	wan.insert()
	if err := i.Attach(outer); err != nil {
		t.Fatal(err)
	}
	wan.raise()
	if through := pass(t, wan); len(through) > 0 {
		t.Errorf("closed, and passes %v", through)
	}
	l, err := netlink.LinkByName(outer)
	if err == nil {
		err = netlink.LinkSetDown(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(i.Attach(outer), i.Open(outer, time.Minute, everyday())); err != nil {
		t.Fatal(err)
	}
	wan.raise()
	if got := pass(t, wan); len(got) == 0 {
		t.Error("open, and passes nothing")
	}
	// The chains of a device that is gone for good go with the next that is attached.
	wan.pull()
	if err := i.Attach(inner); err != nil {
		t.Fatal(err)
	}
	chains, err := hung()
	if err != nil || len(chains) != 2 {
		t.Errorf("chains: %v, %v, want those of %s only", chains, err, inner)
	}
}

// The second layer: an interface of which nobody has heard yet passes no IP and no ARP.
func TestUnknownInterfacePassesNoIP(t *testing.T) {
	i, _, _ := load(t)
	c := plug(t, "usb7")
	far := c.far()
	c.raise()
	l, err := netlink.LinkByName("usb7")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 8, 0, 1), Mask: net.CIDRMask(24, 32)}}); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", "10.8.0.2:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range each {
		_, _ = conn.Write([]byte("airlock"))
	}
	if n := far.heard(silent, nil); n != 0 {
		t.Errorf("%d frames came out", n)
	}
	if err := i.Shut(); err != nil {
		t.Error(err)
	}
}

// What the image's unit has loaded at boot is replaced, also while its sets name somebody; links that
// are there already are guarded with it.
func TestLoadReplacesWhatIsThere(t *testing.T) {
	needNamespace(t)
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("nft is not installed: the rules of the image cannot be loaded first")
	}
	wan := plug(t, outer)
	boot := exec.Command(nft, "-f", "-")
	boot.Stdin = strings.NewReader(`
		table netdev door {
			set lease { type ifname; size 1; timeout 3s; gc-interval 1s; }
			set budget { type ifname; size 1; timeout 30m; gc-interval 1s; }
			chain in_wan0 { type filter hook ingress device "wan0" priority -500; policy drop; iifname @lease iifname @budget counter accept; counter drop; }
		}
		table inet doorip { set open { type ifname; size 1; timeout 3s; gc-interval 1s; }
			chain in { type filter hook input priority -500; policy drop; iifname "lo" accept; iifname @open accept; counter drop; }
		}
		add element netdev door lease { "wan0" }
		add element netdev door budget { "wan0" }
`)
	if out, err := boot.CombinedOutput(); err != nil {
		t.Fatalf("load the rules of the image: %v\n%s", err, out)
	}
	for range 2 {
		if _, err := Load(); err != nil {
			t.Fatal(err)
		}
	}
	if err := verify(outer, wan.index); err != nil {
		t.Error(err)
	}
	wan.raise()
	if through := pass(t, wan); len(through) > 0 {
		t.Errorf("passes %v", through)
	}
	out, err := exec.Command(nft, "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"size 1", "timeout 3s", "timeout 30m", `iifname "lo" accept`, "iifname @lease iifname @budget counter", "oifname @open counter", "policy drop"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nft shows no %q:\n%s", want, out)
		}
	}
}
