package hardware

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"airlock/netd"
)

// inNamespace runs f in a network namespace that ends with its thread.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this test makes links in a network namespace of its own: run it as root")
	}
	refused := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread is thrown away
		err := unix.Unshare(unix.CLONE_NEWNET)
		refused <- err
		if err == nil {
			f()
		}
	}()
	err := <-refused
	<-done
	if err != nil {
		t.Skipf("a network namespace cannot be made here: %v", err)
	}
}

// send puts frames of n bytes on a link, from its own end.
func send(t *testing.T, name string, frames, n int) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Error(err)
		return
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	frame := make([]byte, n)
	copy(frame, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}) // IEEE 802 local experimental
	for range frames {
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Protocol: htons(0x88b5), Ifindex: link.Attrs().Index}); err != nil {
			t.Errorf("send on %s: %v", name, err)
		}
	}
}

// The tap is begun on a link that is down, counts each frame of each direction once with its whole length, agrees with
// the interface's own counters, and ends although no frame comes.
func TestTapCountsFrames(t *testing.T) {
	inNamespace(t, func() {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0); err != nil {
			t.Log(err) // a kernel without IPv6 sends none either
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "door0"
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "far0"}); err != nil {
			t.Error(err)
			return
		}
		c, err := NewTap(netd.SystemClock{}).Listen("door0")
		if err != nil {
			t.Error(err)
			return
		}
		for _, name := range []string{"door0", "far0"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				t.Error(err)
			}
			if err := netlink.LinkSetUp(link); err != nil {
				t.Error(err)
			}
		}
		before := netd.SystemClock{}.Boot()
		send(t, "door0", 700, 1400)
		send(t, "far0", 500, 60)
		link, err := netlink.LinkByName("door0")
		if err != nil {
			t.Error(err)
			return
		}
		if err := netlink.LinkSetDown(link); err != nil {
			t.Error(err)
		}
		late := time.AfterFunc(10*time.Second, func() { t.Error("End does not come back") })
		got := c.End()
		late.Stop()
		if got.FramesOut != 700 || got.BytesOut != 700*1400 || got.FramesIn != 500 || got.BytesIn != 500*60 || got.Missed != 0 || got.Error != "" {
			t.Errorf("counted %+v", got)
		}
		s := link.Attrs().Statistics
		if s.TxPackets != got.FramesOut || s.RxPackets != got.FramesIn || s.TxBytes != got.BytesOut {
			t.Errorf("the interface counts %d out, %d in; the tap %+v", s.TxPackets, s.RxPackets, got)
		}
		if got.First == nil || got.First.Boot < before || got.Last.Boot < got.First.Boot {
			t.Errorf("first %+v, last %+v", got.First, got.Last)
		}
	})
}

func TestTapOfNothing(t *testing.T) {
	if _, err := NewTap(netd.SystemClock{}).Listen("no-such-link"); err == nil {
		t.Error("a link that is not there is listened to")
	}
}
