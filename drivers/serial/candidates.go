package serial

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"airlock/drivers/sysfs"
)

// Candidate is a USB serial port that may take AT commands.
type Candidate struct {
	Name   string // ttyUSB2
	Path   string // stable path, as udev's ID_PATH
	Driver string // option, ftdi_sio, cdc_acm
	USB    sysfs.USB
	Role   Role
	Known  bool // roles.txt lists the product, so this is certainly a cellular module
}

// String names a candidate for people.
func (c Candidate) String() string {
	return fmt.Sprintf("%s (%s:%s, %s)", c.Name, c.USB.Vendor, c.USB.Product, c.Path)
}

// Candidates lists the ports worth asking, the likeliest first. sys is the root of sysfs.
func Candidates(sys string) ([]Candidate, error) {
	table, err := parseRoles(rolesText)
	if err != nil {
		return nil, err
	}
	class := filepath.Join(sys, "class", "tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("list serial ports: %w", err)
	}
	var found []Candidate
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "ttyUSB") && !strings.HasPrefix(entry.Name(), "ttyACM") {
			continue
		}
		device, err := sysfs.Device(filepath.Join(class, entry.Name()))
		if err != nil {
			continue // it vanished meanwhile
		}
		usb, ok := sysfs.USBOf(device)
		if !ok {
			continue
		}
		c := Candidate{Name: entry.Name(), Path: sysfs.Path(device), Driver: sysfs.Driver(device), USB: usb}
		if c.Role, c.Known = table.role(usb); askable(c.Role) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Path, b.Path))
	})
	return found, nil
}

func askable(r Role) bool {
	return r == RoleAT || r == RoleAT2 || r == RolePPP || r == RoleUnknown
}

// rank: known AT ports, then second ones, then unlisted ports of known modules, then strangers.
func rank(c Candidate) int {
	switch {
	case c.Role == RoleAT:
		return 0
	case c.Role == RoleAT2:
		return 1
	case c.Role == RoleUnknown && c.Known:
		return 2
	case c.Role == RoleUnknown:
		return 3
	}
	return 4
}
