package interlock

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring sends by PACKET_TX_RING (Documentation/networking/packet_mmap): the kernel takes frames out of memory that the
// program maps, a way of its own to the device. Each frame gets a ring of its own: one that the egress hook drops stays
// the first of its ring, and the kernel tries it again before any other.
type ring struct {
	t     *testing.T
	index int
}

// The ring's form: one block of frames that each hold one Ethernet frame. TPACKET_V1 puts a frame's content behind its
// header, aligned to 16 bytes (TPACKET_HDRLEN less a link-layer address).
const (
	ringFrame  = 2048
	ringFrames = 2
	tpHeader   = 32
	tpStatus   = 0 // unsigned long
	tpLen      = 8
	sendMe     = 1 // TP_STATUS_SEND_REQUEST
)

// tpacketReq is struct tpacket_req of <linux/if_packet.h>.
type tpacketReq struct{ blockSize, blocks, frameSize, frames uint32 }

func (r ring) send(f []byte) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer unix.Close(fd)
	req := tpacketReq{ringFrame * ringFrames, 1, ringFrame, ringFrames}
	if _, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_PACKET, unix.PACKET_TX_RING,
		uintptr(unsafe.Pointer(&req)), unsafe.Sizeof(req), 0); errno != 0 {
		r.t.Fatalf("make a TX ring: %v", errno)
	}
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: r.index}); err != nil {
		r.t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, ringFrame*ringFrames, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		r.t.Fatal(err)
	}
	copy(mem[tpHeader:], f)
	binary.NativeEndian.PutUint32(mem[tpLen:], uint32(len(f)))
	binary.NativeEndian.PutUint64(mem[tpStatus:], sendMe)
	_ = unix.Sendto(fd, nil, 0, nil) // what the kernel answers is no matter here
	_ = unix.Munmap(mem)
}
