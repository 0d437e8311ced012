package interlock

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// stamped is a frame that came out of a door, with the kernel's time.
type stamped struct {
	at   time.Time
	kind string
}

// listenAll collects, until stop is called, the frames of ours that come out at the far end.
func (p *tap) listenAll(stop <-chan struct{}) (got []stamped) {
	p.t.Helper()
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		p.t.Error(err)
	}
	tv := unix.NsecToTimeval(int64(20 * time.Millisecond))
	if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		p.t.Error(err)
	}
	buf, oob, ours := make([]byte, 2048), make([]byte, 128), kinds()
	for {
		n, m, _, from, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENETDOWN) {
				p.t.Error(err)
				return got
			}
			select {
			case <-stop:
				return got
			default:
				continue
			}
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype == unix.PACKET_OUTGOING || n < 14 {
			continue
		}
		for kind, f := range ours {
			if bytes.Equal(buf[:14], f[:14]) {
				got = append(got, stamped{timestamp(oob[:m]), kind})
			}
		}
	}
}

// timestamp reads SCM_TIMESTAMPNS.
func timestamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 || len(messages[0].Data) < 16 {
		return time.Time{}
	}
	d := messages[0].Data
	return time.Unix(int64(binary.NativeEndian.Uint64(d)), int64(binary.NativeEndian.Uint64(d[8:])))
}

// span is the time in which a door may pass frames: from before it was opened until its link was down.
type span struct{ from, to time.Time }

func (s span) holds(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

// switches is how many times the doors are switched; `make soak` sets it to 10,000.
func switches(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("AIRLOCK_SWITCHES")); err == nil {
		return n
	}
	if testing.Short() {
		return 40
	}
	return 500
}

// TestSwitchCycles opens the doors in turn while everybody sends all kinds of frames at both, all the time. No frame may
// come out of a door outside of its own spans, by the kernel's time stamps at the far end.
func TestSwitchCycles(t *testing.T) {
	i, wan, lan := load(t)
	doors := []*cable{wan, lan}
	spans, got := make([][]span, 2), make([][]stamped, 2)
	stop, ctx := make(chan struct{}), t.Context()
	sending, quit := context.WithCancel(ctx)
	var senders, listeners sync.WaitGroup
	for n, c := range doors {
		far := c.far()
		listeners.Go(func() { got[n] = far.listenAll(stop) })
		near, rude := open(t, c.index, false), open(t, c.index, true)
		senders.Go(func() { flood(sending, near, rude) })
	}
	began := time.Now()
	for n := range switches(t) {
		c := doors[n%2]
		s, err := cycle(i, c)
		if err != nil {
			t.Fatalf("switch %d, %s: %v", n, c.name, err)
		}
		spans[n%2] = append(spans[n%2], s)
	}
	took := time.Since(began)
	quit()
	senders.Wait()
	close(stop)
	listeners.Wait()
	for n, c := range doors {
		wrong, none := 0, 0
		for _, f := range got[n] {
			// The spans are in order: the one that could hold the frame is the last that begins before it.
			k, _ := slices.BinarySearchFunc(spans[n], f.at, func(s span, at time.Time) int { return s.from.Compare(at) })
			if k == 0 || !spans[n][k-1].holds(f.at) {
				wrong++
				t.Errorf("%s: a frame (%s) came out at %v, outside of its spans", c.name, f.kind, f.at)
			}
			if f.at.IsZero() {
				none++
			}
			if wrong > 10 {
				t.FailNow()
			}
		}
		if len(got[n]) < len(spans[n]) || none > 0 {
			t.Errorf("%s: %d frames in %d spans, %d without a time: the flood did not reach it", c.name, len(got[n]), len(spans[n]), none)
		}
		t.Logf("%s: %d spans, %d frames on the right door, %d on the wrong one", c.name, len(spans[n]), len(got[n]), wrong)
	}
	t.Logf("%d switches in %v", switches(t), took.Round(time.Millisecond))
}

// cycle is one window as the keeper makes it: guarded while down, opened, raised; shut, and down at once.
func cycle(i *Interlock, c *cable) (span, error) {
	l, err := netlink.LinkByName(c.name)
	if err != nil {
		return span{}, err
	}
	if err := i.Attach(c.name); err != nil {
		return span{}, err
	}
	s := span{from: time.Now()}
	if err := errors.Join(i.Open(c.name, time.Minute, everyday()), netlink.LinkSetUp(l)); err != nil {
		return s, err
	}
	<-time.After(5 * time.Millisecond) // of frames
	err = errors.Join(i.Renew(c.name), i.Shut(), netlink.LinkSetDown(l))
	s.to = time.Now()
	return s, err
}

// flood sends every kind of frame by each socket, until ctx ends.
func flood(ctx context.Context, taps ...*tap) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range taps {
			for _, f := range kinds() {
				p.send(f)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
