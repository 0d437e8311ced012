package interlock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inside marks the process that runs in a network namespace of its own.
const inside = "AIRLOCK_INTERLOCK_NETNS"

// TestMain runs the tests again in a fresh network namespace, so that they can load rules and
// raise links without touching the machine's.
func TestMain(m *testing.M) {
	if name := os.Getenv(renewer); name != "" {
		fmt.Fprintln(os.Stderr, beRenewer(name))
		os.Exit(1)
	}
	if os.Getenv(inside) != "" || os.Getuid() != 0 {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "a network namespace cannot be made here:", err)
	os.Exit(m.Run()) // each test skips and says so
}

// needNamespace skips where the tests would work on the machine's own network.
func needNamespace(t *testing.T) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("this test loads kernel rules in a network namespace of its own: run it as root")
	}
}

// cable is a link of the node whose other end is outside, in a namespace without any rules.
type cable struct {
	t       *testing.T
	name    string
	outside netns.NsHandle
	index   int // of the node's end
	peer    int // of the outside end
}

// plug makes a cable; the node's end is down.
func plug(t *testing.T, name string) *cable {
	t.Helper()
	c := &cable{t: t, name: name}
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	c.outside, err = netns.New()
	if serr := netns.Set(here); serr != nil {
		t.Fatal(serr)
	}
	runtime.UnlockOSThread()
	here.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.outside.Close() })
	c.insert()
	t.Cleanup(c.pull)
	return c
}

// insert makes the pair of devices.
func (c *cable) insert() {
	c.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.name
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "peer", PeerNamespace: netlink.NsFd(c.outside)}
	if err := netlink.LinkAdd(pair); err != nil {
		c.t.Fatal(err)
	}
	l, err := netlink.LinkByName(c.name)
	if err != nil {
		c.t.Fatal(err)
	}
	c.index = l.Attrs().Index
	c.outsideDo(func() {
		p, err := netlink.LinkByName("peer")
		if err == nil {
			c.peer = p.Attrs().Index
			err = netlink.LinkSetUp(p)
		}
		if err != nil {
			c.t.Error(err)
		}
	})
}

// pull takes the devices away.
func (c *cable) pull() {
	if l, err := netlink.LinkByName(c.name); err == nil {
		_ = netlink.LinkDel(l)
	}
}

// raise does what netd's Link does after the interlock is open, or an intruder at any time.
func (c *cable) raise() {
	c.t.Helper()
	l, err := netlink.LinkByName(c.name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// outsideDo runs f in the outside namespace.
func (c *cable) outsideDo(f func()) {
	c.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		c.t.Fatal(err)
	}
	defer here.Close()
	if err := netns.Set(c.outside); err != nil {
		c.t.Fatal(err)
	}
	f()
	if err := netns.Set(here); err != nil {
		panic(err) // the thread would go on in the wrong namespace
	}
}

// tap is a raw socket on one end of a cable.
type tap struct {
	t     *testing.T
	fd    int
	index int
}

// open makes a raw socket on a device of the present namespace.
func open(t *testing.T, index int, bypass bool) *tap {
	t.Helper()
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index})
	}
	if err == nil && bypass {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &tap{t, fd, index}
}

// far is a tap at the outside end.
func (c *cable) far() (p *tap) {
	c.t.Helper()
	c.outsideDo(func() { p = open(c.t, c.peer, false) })
	return p
}

// send sends a frame; a closed egress hook may answer with an error, which is no matter here.
func (p *tap) send(frame []byte) { _, _ = unix.Write(p.fd, frame) }

// heard counts the frames that arrive until it has been quiet for a while, by what is says of them.
func (p *tap) heard(quiet time.Duration, is func([]byte) bool) int {
	p.t.Helper()
	tv := unix.NsecToTimeval(quiet.Nanoseconds())
	if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		p.t.Fatal(err)
	}
	buf, n := make([]byte, 2048), 0
	for {
		size, from, err := unix.Recvfrom(p.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return n
		case errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			p.t.Fatal(err)
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if is == nil || is(buf[:size]) {
			n++
		}
	}
}

// frame builds a frame of one type with a payload. The last byte of its sender's address tells kinds apart.
func frame(from byte, to string, kind uint16, payload []byte) []byte {
	dst, err := net.ParseMAC(to)
	if err != nil {
		panic(err)
	}
	f := append([]byte(dst), 0x02, 0, 0, 0, 0, from)
	f = binary.BigEndian.AppendUint16(f, kind)
	f = append(f, payload...)
	return append(f, make([]byte, max(0, 60-len(f)))...)
}

// udp is an IPv4 packet with a UDP datagram.
func udp(src, dst [4]byte, from, to uint16) []byte {
	b := []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0}
	b = append(append(b, src[:]...), dst[:]...)
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
	b = binary.BigEndian.AppendUint16(b, from)
	b = binary.BigEndian.AppendUint16(b, to)
	return append(b, 0, 20, 0, 0, 'a', 'i', 'r', 'l', 'o', 'c', 'k', ' ', ' ', ' ', ' ', ' ')
}

// kinds are the frames that must not pass a closed door.
func kinds() map[string][]byte {
	const all, one = "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99"
	arp := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x77, 10, 9, 0, 2, 0, 0, 0, 0, 0, 0, 10, 9, 0, 1}
	rs := []byte{0x60, 0, 0, 0, 0, 8, 58, 255,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		133, 0, 0x7b, 0x38, 0, 0, 0, 0}
	vlan := append([]byte{0, 5, 8, 0}, udp([4]byte{10, 9, 0, 2}, [4]byte{10, 9, 0, 1}, 7, 7)...)
	return map[string][]byte{
		"raw":           frame(0x51, one, 0x88b5, []byte("airlock")),
		"arp":           frame(0x52, all, 0x0806, arp),
		"dhcp":          frame(0x53, all, 0x0800, udp([4]byte{}, [4]byte{255, 255, 255, 255}, 68, 67)),
		"icmpv6 rs":     frame(0x54, "33:33:00:00:00:02", 0x86dd, rs),
		"lldp":          frame(0x55, "01:80:c2:00:00:0e", 0x88cc, []byte{2, 7, 4, 2, 0, 0, 0, 0, 0x77}),
		"eapol":         frame(0x56, "01:80:c2:00:00:03", 0x888e, []byte{1, 1, 0, 0}),
		"vlan":          frame(0x57, one, 0x8100, vlan),
		"udp unicast":   frame(0x58, one, 0x0800, udp([4]byte{10, 9, 0, 2}, [4]byte{10, 9, 0, 1}, 7, 7)),
		"udp multicast": frame(0x59, "01:00:5e:00:00:fb", 0x0800, udp([4]byte{10, 9, 0, 2}, [4]byte{224, 0, 0, 251}, 5353, 5353)),
		"udp broadcast": frame(0x5a, all, 0x0800, udp([4]byte{10, 9, 0, 2}, [4]byte{10, 9, 0, 255}, 7, 7)),
	}
}
