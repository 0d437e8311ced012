package interlock

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func observed(t *testing.T) State {
	t.Helper()
	s, err := Observe()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestObserve: what is read back is what was loaded, opened and shut.
func TestObserve(t *testing.T) {
	i, _, _ := load(t)
	s := observed(t)
	if len(s.Missing) > 0 || len(s.Sets) != 4 || len(s.Holders()) > 0 {
		t.Fatalf("at rest: %+v", s)
	}
	for _, name := range []string{outer, inner} {
		if flaw, ok := s.Chains[name]; !ok || flaw != "" {
			t.Errorf("chains of %s: %q, %v", name, flaw, ok)
		}
	}
	if err := i.Open(outer, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	s = observed(t)
	if !slices.Equal(s.Holders(), []string{outer}) {
		t.Fatalf("Holders() = %v, want [%s]", s.Holders(), outer)
	}
	for _, set := range s.Sets {
		want := Lease
		if set.Limit == MaxBudget {
			want = time.Minute
		}
		if len(set.Elements) != 1 || set.Size != 1 || !set.Timed {
			t.Fatalf("set %+v, want one element in room for one, timed", set)
		}
		if e := set.Elements[0]; e.Life != want || e.Left <= 0 || e.Left > want {
			t.Errorf("%s holds %+v, want a life of %v", set.Name, e, want)
		}
	}
	if err := Trip(); err != nil {
		t.Fatal(err)
	}
	if s = observed(t); len(s.Holders()) > 0 || len(s.Missing) > 0 {
		t.Errorf("after Trip: %+v", s)
	}
}

// TestObserveFileOfTheImage: the rules that the image loads before netd starts are a whole base too.
func TestObserveFileOfTheImage(t *testing.T) {
	needNamespace(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed (package nftables)")
	}
	if out, err := exec.Command("nft", "-f", "../../rootfs/overlay/etc/airlock/interlock.nft").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if s := observed(t); len(s.Missing) > 0 || len(s.Sets) != 4 {
		t.Errorf("Observe() = %+v", s)
	}
}

// TestObserveFindsWhatIsNotAsLoaded: each part of the base is missed, and a device's chains that filter nothing are told.
func TestObserveFindsWhatIsNotAsLoaded(t *testing.T) {
	_, wan, _ := load(t)
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*nftables.Table{doorTable(), ipTable(), arpTable()} {
		if _, err := Load(); err != nil {
			t.Fatal(err)
		}
		c.DelTable(table)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		if s := observed(t); !strings.Contains(strings.Join(s.Missing, ","), " "+table.Name+" ") {
			t.Errorf("without %s: missing %q", table.Name, s.Missing)
		}
	}
	if _, err := Load(); err != nil {
		t.Fatal(err)
	}
	wan.pull()
	// Newer kernels than 6.12 hang the chains on a device of that name when it comes back (seen on 6.18); what is told
	// must be so.
	wan.insert()
	well := observed(t).Chains[outer] == ""
	wan.raise()
	if through := pass(t, wan); well != (len(through) == 0) {
		t.Errorf("its chains are told to be well (%v), and it passes %v", well, through)
	}
	t.Logf("on this kernel the chains of a device that came back hang on it again: %v", well)
}

// TestOpenedReadsTheKernelsWord: an opening is told by the kernel with the interface's name, a shutting is not one.
func TestOpenedReadsTheKernelsWord(t *testing.T) {
	i, _, _ := load(t)
	const group = 1 << (unix.NFNLGRP_NFTABLES - 1)
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: group})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := i.Open(inner, time.Minute, everyday()); err != nil {
		t.Fatal(err)
	}
	if err := i.Shut(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for {
		if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		messages, err := c.Receive()
		if err != nil {
			break
		}
		for _, m := range messages {
			told = append(told, Opened(m)...)
		}
	}
	if !slices.Equal(told, []string{inner, inner, inner}) {
		t.Errorf("the kernel told %v, want %s by each of the three lease sets", told, inner)
	}
}
