package image

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The base rules load, load again (a restart of the service must not fail or double anything), and
// are what netd and the guard expect to find. In a network namespace of its own.
func TestInterlockLoads(t *testing.T) {
	nft, err := lookTool("nft")
	if err != nil {
		t.Skip("nft is not installed (package nftables)")
	}
	rules, err := filepath.Abs(filepath.Join(source, "rootfs/overlay/etc/airlock/interlock.nft"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unshare", "--map-root-user", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v %s", err, out)
	}
	script := `"$0" -f "$1" && "$0" -f "$1" && "$0" list ruleset`
	out, err := exec.Command("unshare", "--map-root-user", "--net", "sh", "-c", script, nft, rules).CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	got := strings.Join(strings.Fields(string(out)), " ")
	for want, times := range map[string]int{
		"table netdev door {": 1, "table inet doorip {": 1, "table arp doorarp {": 1,
		"set lease {": 1, "set budget {": 1, "set open {": 2, "size 1": 4, "timeout 3s": 3, "timeout 30m": 1,
		"policy drop": 5, "policy accept": 0, `iifname "lo" accept`: 1, `oifname "lo" accept`: 1,
		"iifname @open accept": 2, "oifname @open accept": 2, "elements": 0,
	} {
		if n := strings.Count(got, want); n != times {
			t.Errorf("%q stands %d times in the rules, want %d:\n%s", want, n, times, out)
		}
	}
}
