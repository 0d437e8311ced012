package isolation

import (
	"net"
	"slices"
	"strings"
	"testing"

	"airlock/deployd/api"
)

func TestLookSeesWhatIsThere(t *testing.T) {
	got, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	all, err := net.Interfaces()
	if err != nil {
		t.Skipf("this process may not list interfaces by another way: %v", err)
	}
	for _, want := range all {
		if !slices.Contains(got.Interfaces, want.Name) {
			t.Errorf("Look() = %v, misses %s", got.Interfaces, want.Name)
		}
	}
	// A test process that could list them has a netlink socket.
	if !slices.Contains(got.Families, "netlink") {
		t.Errorf("Look().Families = %v, misses netlink", got.Families)
	}
}

func TestCheck(t *testing.T) {
	if err := Check(api.Network{Interfaces: []string{"lo"}}); err != nil {
		t.Errorf("Check(lo) = %v, want nil", err)
	}
	err := Check(api.Network{Interfaces: []string{"lo", "enp0s3"}})
	if err == nil || !strings.Contains(err.Error(), "enp0s3") {
		t.Errorf("Check(lo, enp0s3) = %v, want an error that names enp0s3", err)
	}
}
