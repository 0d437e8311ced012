package image

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// tools that the build runs, and the Debian package (12 and 13) that has each.
var tools = []struct {
	name, pkg string
	userOnly  bool // needed where the build does not run as root
}{
	{"mmdebstrap", "mmdebstrap", false},
	{"xz", "xz-utils", false},
	{"mksquashfs", "squashfs-tools", false},
	{"mkfs.vfat", "dosfstools", false},
	{"mmd", "mtools", false},
	{"mcopy", "mtools", false},
	{"mkfs.ext4", "e2fsprogs", false},
	{"sfdisk", "fdisk", false},
	{"newuidmap", "uidmap", true},
}

// checkTools names everything that is missing at once.
func checkTools(root bool) error {
	var names, packages []string
	for _, t := range tools {
		if t.userOnly && root {
			continue
		}
		if _, err := lookTool(t.name); err != nil {
			names = append(names, t.name)
			packages = append(packages, t.pkg)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(packages)
	return fmt.Errorf("missing on this machine: %s; install them: apt-get install %s",
		strings.Join(names, ", "), strings.Join(slices.Compact(packages), " "))
}

// lookTool finds a program also where an ordinary user's PATH does not look.
func lookTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil {
		return path, nil
	}
	return exec.LookPath("/sbin/" + name)
}
