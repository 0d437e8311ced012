package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// snap is how much of a frame is taken: enough to say what it was.
const snap = 128

// tap is a raw socket (packet(7)) on every interface, also on those that come later. Outgoing frames are seen behind the
// interlock's egress hook, so that one which is seen has left; incoming ones are seen before it. A filter in the kernel
// leaves out the loopback and the link that holds the lease, so that the guard sleeps while a door carries its own.
type tap struct {
	file *os.File
	raw  syscall.RawConn
}

func openTap() (*tap, error) {
	all := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})) // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket: %w", err)
	}
	t := &tap{file: os.NewFile(uintptr(fd), "frames")}
	if t.raw, err = t.file.SyscallConn(); err == nil {
		err = t.ignore(0) // before the socket is bound: nothing comes unfiltered
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all)})
	}
	if err != nil {
		t.file.Close()
		return nil, err
	}
	return t, nil
}

// ignore leaves out the frames of one interface; 0 leaves out none but the loopback's.
func (t *tap) ignore(index int) error {
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtInterfaceIndex},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(index), SkipTrue: 3},
		bpf.LoadExtension{Num: bpf.ExtType}, // ARPHRD_
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ARPHRD_LOOPBACK, SkipTrue: 1},
		bpf.RetConstant{Val: snap},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return fmt.Errorf("make the filter of frames: %w", err)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, p := range program {
		filter[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	var serr error
	err = t.raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
	return errors.Join(err, serr)
}

// read waits for one frame.
func (t *tap) read(buf []byte) (n int, from *unix.SockaddrLinklayer, err error) {
	var sa unix.Sockaddr
	var rerr error
	err = t.raw.Read(func(fd uintptr) bool {
		n, sa, rerr = unix.Recvfrom(int(fd), buf, 0)
		return rerr != unix.EAGAIN
	})
	if err = errors.Join(err, rerr); err != nil {
		return 0, nil, err
	}
	from, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return 0, nil, fmt.Errorf("a frame from %T", sa)
	}
	return n, from, nil
}

// readFrames tells each frame that passes on a link which does not hold the lease.
func (g *Guard) readFrames(ctx context.Context, t *tap) error {
	defer t.file.Close()
	defer context.AfterFunc(ctx, func() { t.file.Close() })()
	buf := make([]byte, snap)
	for {
		g.pulse(pulseFrames)
		if err := t.file.SetReadDeadline(time.Now().Add(beatEvery)); err != nil {
			return ended(ctx, "watch frames", err)
		}
		n, from, err := t.read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return ended(ctx, "watch frames", err)
		}
		f := Frame{Index: from.Ifindex, Outgoing: from.Pkttype == unix.PACKET_OUTGOING, At: g.now(), Text: frameText(buf[:n])}
		select {
		case g.strays <- f:
		default: // a flood: those that wait already tell enough
		}
	}
}

// frameText says what a frame was, for a person: the layers in it and its sender and receiver.
func frameText(b []byte) string {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	e, ok := p.LinkLayer().(*layers.Ethernet)
	if !ok {
		return fmt.Sprintf("%d bytes", len(b))
	}
	text := fmt.Sprintf("%s, %s to %s", e.EthernetType, e.SrcMAC, e.DstMAC)
	if n := p.NetworkLayer(); n != nil {
		text += fmt.Sprintf(", %s to %s", n.NetworkFlow().Src(), n.NetworkFlow().Dst())
	}
	return text
}
