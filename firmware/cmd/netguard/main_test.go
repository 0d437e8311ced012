package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// opens matches functions that could open a door: raise a link or give it an address, let an interface pass the interlock
// or load its rules, ask netd for a window or dial through one, reach a modem.
var opens = regexp.MustCompile(`netlink\.(\(\*Handle\)\.)?(LinkSetUp|LinkSetName|LinkAdd|AddrAdd|AddrReplace|RouteAdd|RouteReplace)$` +
	`|nftables\.\(\*Conn\)\.(SetAddElements|AddSet|AddTable|AddChain|AddRule|InsertRule)$` +
	`|interlock\.(Load|base|hang)$|interlock\.\(\*Interlock\)\.(Open|Renew|Attach)$` +
	`|windows\.\(\*Client\)\.(Open|SetIdentity|SetSite|ClearFault)$|windows\.\(\*Window\)\.|^airlock/drivers/|^airlock/firmware/hardware|^airlock/netd\.`)

// symbols are the functions in a program, which the linker keeps only where something can call them.
func symbols(t *testing.T, program string) []string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: it links two programs")
	}
	file := filepath.Join(t.TempDir(), program)
	build := exec.Command("go", "build", "-o", file, "airlock/firmware/cmd/"+program)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
	out, err := exec.Command("go", "tool", "nm", file).Output()
	if err != nil {
		t.Fatalf("list the functions of %s: %v", program, err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) >= 3 && strings.EqualFold(f[1], "T") {
			names = append(names, f[2])
		}
	}
	return names
}

// TestGuardCanOpenNothing: the program has no function that could, so that no mistake in it can either. netd, which must
// have them, shows that the search finds them.
func TestGuardCanOpenNothing(t *testing.T) {
	shuts := false
	for _, name := range symbols(t, "netguard") {
		if opens.MatchString(name) {
			t.Errorf("the guard contains %s", name)
		}
		shuts = shuts || strings.HasSuffix(name, "netlink.LinkSetDown") || strings.HasSuffix(name, "netlink.(*Handle).LinkSetDown")
	}
	if !shuts {
		t.Error("the guard cannot take a link down: the search looks at the wrong program")
	}
	found := map[string]bool{}
	for _, name := range symbols(t, "netd") {
		if opens.MatchString(name) {
			found[name[strings.LastIndexByte(name, '.')+1:]] = true
		}
	}
	for _, want := range []string{"LinkSetUp", "SetAddElements", "Open", "Renew", "Attach", "Load"} {
		if !found[want] {
			t.Errorf("netd contains no %s: the search would not find it in the guard", want)
		}
	}
}
