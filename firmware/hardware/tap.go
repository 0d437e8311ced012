package hardware

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"airlock/netd"
	"airlock/netd/recorder"
)

// Tap reads the frames of a door's link from a packet socket (packet(7)), only to count them: what comes in is seen
// before the interlock drops it, what goes out after the interlock has let it pass. pcapgo's handle is built on the same
// socket; it is not used, since it keeps to itself which way a frame went (sll_pkttype), and cannot be woken from a read.
type Tap struct{ clock netd.Clock }

var _ netd.Tap = Tap{}

// NewTap makes a tap whose frames are dated by clock.
func NewTap(clock netd.Clock) Tap { return Tap{clock} }

// tapBuffer is how much the kernel keeps for a reader that is late, bytes; counted doubled by the kernel.
const tapBuffer = 4 << 20

// Listen implements netd.Tap. It needs CAP_NET_RAW.
func (t Tap) Listen(name string) (netd.Capture, error) {
	c, err := t.listen(name)
	if err != nil {
		return nil, fmt.Errorf("listen to the frames of %s: %w", name, err)
	}
	return c, nil
}

func (t Tap) listen(name string) (*capture, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // nothing comes before it is bound
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	c := &capture{clock: t.clock, fd: fd, wake: wake}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapBuffer) // less than asked for: Missed tells
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: i.Index}); err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.reading.Go(c.read)
	return c, nil
}

// htons is a number as the network writes it.
func htons(n uint16) uint16 { return n<<8 | n>>8 }

// capture is a tap that listens. read's goroutine owns seen until End has joined it.
type capture struct {
	clock    netd.Clock
	fd, wake int
	reading  sync.WaitGroup
	seen     recorder.Capture
}

// read counts frames until it is woken. Those that came before are counted first.
func (c *capture) read() {
	var head [1]byte // MSG_TRUNC tells a frame's length without its content
	for {
		n, from, err := unix.Recvfrom(c.fd, head[:], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			c.count(uint64(n), from)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // told once, when the interface goes down
		case errors.Is(err, unix.EAGAIN):
			if !c.wait() {
				return
			}
		default:
			c.seen.Error = err.Error()
			return
		}
	}
}

// wait waits for a frame; false: for none any more.
func (c *capture) wait() bool {
	for {
		both := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}, {Fd: int32(c.wake), Events: unix.POLLIN}}
		_, err := unix.Poll(both, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			c.seen.Error = err.Error()
			return false
		default:
			return both[0].Revents != 0 || both[1].Revents == 0
		}
	}
}

func (c *capture) count(n uint64, from unix.Sockaddr) {
	now := recorder.MomentOf(c.clock)
	if c.seen.First == nil {
		c.seen.First = &now
	}
	c.seen.Last = &now
	if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
		c.seen.FramesOut, c.seen.BytesOut = c.seen.FramesOut+1, c.seen.BytesOut+n
		return
	}
	c.seen.FramesIn, c.seen.BytesIn = c.seen.FramesIn+1, c.seen.BytesIn+n
}

// End implements netd.Capture.
func (c *capture) End() recorder.Capture {
	_, err := unix.Write(c.wake, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	c.reading.Wait()
	stats, serr := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if serr == nil {
		c.seen.Missed = uint64(stats.Drops)
	}
	if err := errors.Join(err, serr, c.close()); err != nil && c.seen.Error == "" {
		c.seen.Error = err.Error()
	}
	return c.seen
}

func (c *capture) close() error { return errors.Join(unix.Close(c.fd), unix.Close(c.wake)) }
