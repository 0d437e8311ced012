// Package lab is a whole site on one machine: the cellular carrier and the LAN as userspace networks,
// the appliance's image in QEMU, and targets as real OpenSSH servers in roots of their own. It also
// holds the captures that are taken of both doors outside the appliance.
//
// It never needs root, opens no listening socket besides those of the caller, and leaves neither a mount nor a
// process behind: everything it starts hangs on inherited file descriptors and dies with its parent.
// The demo and the whole-system tests call it; their main function calls MaybeChild first, since
// targets are entered by executing the same binary again.
//
//	QEMU usb-net ───── Carrier (gate, capture outer.pcap) ───── gvisor's gateway ── UDP to the host's loopback
//	QEMU usb-serial ── the simulated module, who moves the carrier's gate
//	QEMU virtio-net ── LAN (switch, capture inner.pcap) ──┬── Target a (namespaces, sshd)
//	QEMU ttyS0 ─────── Console                            └── Target b
package lab

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Serve is what stands at the other end of a wire: it serves conn until conn or ctx ends. Carrier.Serve,
// LAN.ServeNode and the simulated module have this shape.
type Serve func(ctx context.Context, conn net.Conn) error

// wire makes a pair of connected stream sockets: one for us, one for a child process to inherit. Nothing is
// left in a file system, and each end notices when the other is gone.
func wire(name string) (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make wire %s: %w", name, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)
	defer ours.Close() // FileConn duplicates it
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("make wire %s: %w", name, err)
	}
	return conn, theirs, nil
}
