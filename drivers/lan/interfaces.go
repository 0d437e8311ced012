package lan

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"airlock/drivers/sysfs"
)

// Role is what an interface looks like; it is a guess until a configuration names its path.
type Role string

// Roles.
const (
	Modem Role = "modem" // the data interface of a cellular module
	Wired Role = "wired" // any other Ethernet interface
)

// Interface is a physical network interface.
type Interface struct {
	Name    string
	Index   int
	Path    string // stable path, as udev's ID_PATH: pci-0000:00:03.0
	Driver  string
	MAC     string
	Role    Role
	Up      bool // administratively
	Carrier bool // only known while Up
}

// String names an interface for people.
func (i Interface) String() string { return fmt.Sprintf("%s (%s, %s)", i.Name, i.Path, i.Driver) }

// List returns the physical interfaces, by path. Virtual ones (lo, bridges, tunnels) have no device and are left out.
// sys is the root of sysfs; empty means the real one.
func List(sys string) ([]Interface, error) {
	if sys == "" {
		sys = sysfs.Root
	}
	class := filepath.Join(sys, "class", "net")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var out []Interface
	for _, entry := range entries {
		dir := filepath.Join(class, entry.Name())
		device, err := sysfs.Device(dir)
		if err != nil {
			continue
		}
		out = append(out, describe(entry.Name(), dir, device))
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

func describe(name, dir, device string) Interface {
	index, _ := strconv.Atoi(sysfs.Read(dir, "ifindex"))
	flags, _ := strconv.ParseUint(strings.TrimPrefix(sysfs.Read(dir, "flags"), "0x"), 16, 32)
	i := Interface{
		Name: name, Index: index, Path: sysfs.Path(device), Driver: sysfs.Driver(device),
		MAC: sysfs.Read(dir, "address"), Up: flags&1 != 0, // IFF_UP
		Carrier: sysfs.Read(dir, "carrier") == "1",
	}
	i.Role = roleOf(i.Driver)
	return i
}

// roleOf guesses by the driver: these are the ones that USB modules use for their data interface.
func roleOf(driver string) Role {
	switch driver {
	case "cdc_ether", "rndis_host", "cdc_ncm", "huawei_cdc_ncm", "cdc_mbim", "qmi_wwan", "sierra_net":
		return Modem
	}
	return Wired
}

// Want says which interface is meant.
type Want struct {
	// Path is the stable path; it may end before the USB interface number (":1.0"), which moves when a
	// module changes its mode. Empty means the only one of the role.
	Path string
	Role Role
	// Name means exactly this one, physical or not, and no search at all; for links that the
	// system makes itself.
	Name string
}

// choose picks the interface meant; the error is an *Error.
func choose(all []Interface, want Want) (Interface, error) {
	var fit, role []Interface
	for _, i := range all {
		if i.Role == want.Role {
			role = append(role, i)
		}
		if want.Path != "" && (i.Path == want.Path || strings.HasPrefix(i.Path, want.Path+":")) {
			fit = append(fit, i)
		}
	}
	if want.Path == "" {
		fit = role
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return Interface{}, fault(Ambiguous, nil, "%d interfaces could be meant: %s. Name one by its path in the configuration",
			len(fit), join(fit))
	case want.Path != "":
		return Interface{}, fault(NoInterface, nil, "no network interface at %s: check its plug, or name another one; there are: %s",
			want.Path, join(all))
	case want.Role == Modem:
		return Interface{}, fault(NoInterface, nil, "the modem shows no network interface: check its USB mode (ECM, NCM or RNDIS); there are: %s", join(all))
	}
	return Interface{}, fault(NoInterface, nil, "no wired network interface; there are: %s", join(all))
}

func join(all []Interface) string {
	if len(all) == 0 {
		return "none"
	}
	var names []string
	for _, i := range all {
		names = append(names, i.String())
	}
	return strings.Join(names, "; ")
}
