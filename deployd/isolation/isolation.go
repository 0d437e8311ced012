// Package isolation finds out what network this process could use. The courier must have none: it reports what it finds
// in its status, and firmware/cmd/deployd refuses to start with one. It sends nothing, and keeps no socket that it opens.
package isolation

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"airlock/deployd/api"
)

// interfacesFile lists the interfaces of a process's network namespace; unlike netlink it needs no socket.
const interfacesFile = "/proc/self/net/dev"

// families are the kinds of socket that could reach beyond this machine, or see what passes on it.
var families = []struct {
	name         string
	number, kind int
}{
	{"inet", unix.AF_INET, unix.SOCK_DGRAM},
	{"inet6", unix.AF_INET6, unix.SOCK_DGRAM},
	{"packet", unix.AF_PACKET, unix.SOCK_DGRAM},
	{"netlink", unix.AF_NETLINK, unix.SOCK_RAW},
	{"vsock", unix.AF_VSOCK, unix.SOCK_STREAM},
}

// Look tells which interfaces are there and which families of sockets the kernel grants.
func Look() (api.Network, error) {
	n := api.Network{Interfaces: []string{}, Families: []string{}}
	f, err := os.Open(interfacesFile)
	if err != nil {
		return n, fmt.Errorf("look for interfaces: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, _, ok := strings.Cut(lines.Text(), ":"); ok {
			n.Interfaces = append(n.Interfaces, strings.TrimSpace(name))
		}
	}
	if err := lines.Err(); err != nil {
		return n, fmt.Errorf("look for interfaces: %w", err)
	}
	for _, f := range families {
		fd, err := unix.Socket(f.number, f.kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue
		}
		unix.Close(fd)
		n.Families = append(n.Families, f.name)
	}
	return n, nil
}

// Check says in a sentence why a network is too much for the courier; nil when there is nothing but the loopback.
func Check(n api.Network) error {
	beyond := slices.DeleteFunc(slices.Clone(n.Interfaces), func(name string) bool { return name == "lo" })
	if len(beyond) == 0 {
		return nil
	}
	return fmt.Errorf("the courier must have no network of its own, and sees %s: start it by its unit (PrivateNetwork=yes), "+
		"or with --allow-network where that is meant", strings.Join(beyond, ", "))
}
