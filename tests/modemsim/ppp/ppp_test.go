package ppp_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"airlock/tests/modemsim/ppp"
	"airlock/tests/modemsim/ppp/ppptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	lcp, ipcp, ipv6cp = 0xc021, 0x8021, 0x8057
	ack, nak, reject  = 2, 3, 4
)

// link is a peer that runs and a client that dials it.
type link struct {
	*ppptest.Client
	peer   *ppp.Peer
	ended  chan error
	cancel context.CancelFunc

	mu sync.Mutex
	up []ppp.Family // families that are up
}

func grant() ppp.Config {
	return ppp.Config{Local: netip.MustParseAddr("10.64.64.64"), Remote: netip.MustParseAddr("10.64.0.2"),
		DNS:      [2]netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("149.112.112.112")},
		LocalIID: 1, RemoteIID: 0x0200_0000_0000_0002, Secrets: map[string]string{"node": "secret"}, Restart: 40 * time.Millisecond}
}

func dial(t *testing.T, cfg ppp.Config) *link {
	t.Helper()
	near, far := net.Pipe()
	l := &link{ended: make(chan error, 1)}
	cfg.OnPacket = func(ip []byte) { _ = l.peer.Send(ip) } // the network echoes
	cfg.OnUp = func(f ppp.Family, up bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if up {
			l.up = append(l.up, f)
		} else {
			l.up = slices.DeleteFunc(l.up, func(g ppp.Family) bool { return g == f })
		}
	}
	l.peer = ppp.New(far, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.Client = ppptest.New(t, near)
	go func() { l.ended <- l.peer.Run(ctx) }()
	t.Cleanup(func() { cancel(); near.Close() })
	return l
}

func (l *link) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-l.ended:
		return err
	case <-time.After(2 * time.Second):
		t.Fatal("the peer does not end")
		return nil
	}
}

// TestWholeLink dials as pppd does: options that are known and some that are not, CHAP, both families, packets, an echo,
// and the end.
func TestWholeLink(t *testing.T) {
	cfg := grant()
	cfg.Auth = ppp.CHAP
	l := dial(t, cfg)
	// MRU 1400, ACCM 0, magic, PFC, ACFC, and a callback (13) that nobody wants.
	ours, theirs := l.Open(lcp, 1, 4, 0x05, 0x78, 2, 6, 0, 0, 0, 0, 5, 6, 1, 2, 3, 4, 7, 2, 8, 2, 13, 3, 6)
	if ppptest.Option(ours, 13) != nil || ppptest.Option(ours, 1) == nil {
		t.Errorf("options agreed = % x, want the callback rejected and the MRU kept", ours)
	}
	if !bytes.Equal(ppptest.Option(theirs, 3), []byte{0xc2, 0x23, 5}) || len(ppptest.Option(theirs, 5)) != 4 {
		t.Errorf("the peer requests % x, want CHAP with MD5 and a magic number", theirs)
	}
	l.Send(ipcp, 1, 77, []byte{3, 6, 0, 0, 0, 0}) // before its phase: discarded without a word
	if f := l.CHAP("node", "secret"); f.Code != 3 {
		t.Fatalf("CHAP → %v, want Success", f)
	}
	ours, theirs = l.Open(ipcp, 2, 6, 0, 0x2d, 15, 1, 3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0, 131, 6, 0, 0, 0, 0, 130, 6, 0, 0, 0, 0)
	want := []byte{3, 6, 10, 64, 0, 2, 129, 6, 9, 9, 9, 9, 131, 6, 149, 112, 112, 112}
	if !bytes.Equal(ours, want) || !bytes.Equal(ppptest.Option(theirs, 3), []byte{10, 64, 64, 64}) {
		t.Errorf("IPCP agreed on % x and % x, want % x", ours, theirs, want)
	}
	ours, _ = l.Open(ipv6cp, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0)
	if !bytes.Equal(ppptest.Option(ours, 1), []byte{2, 0, 0, 0, 0, 0, 0, 2}) {
		t.Errorf("IPv6CP agreed on % x", ours)
	}
	for proto, ip := range map[uint16][]byte{0x0021: {0x45, 0x7e, 0x7d, 0x00, 0x11}, 0x0057: {0x60, 1, 2, 3}} {
		l.Write(ppptest.Raw(proto, ip))
		if f := l.Next(); f.Proto != proto || !bytes.Equal(f.Data, ip) {
			t.Errorf("echo of % x = %v", ip, f)
		}
	}
	if err := l.peer.Send(make([]byte, 1401)); err == nil {
		t.Error("a packet longer than the MRU was sent")
	}
	l.Send(lcp, 9, 5, []byte{1, 2, 3, 4, 'h', 'i'})
	if f := l.Await(lcp, 10); f.ID != 5 || string(f.Data[4:]) != "hi" {
		t.Errorf("echo reply = %v", f)
	}
	l.Send(lcp, 5, 6, []byte("bye"))
	if f := l.Await(lcp, 6); f.ID != 6 {
		t.Errorf("terminate ack = %v", f)
	}
	if err := l.end(t); err != nil || len(l.up) != 0 {
		t.Errorf("Run = %v, still up %v; want nil and none", err, l.up)
	}
}

// TestWho: the wrong password and the refusal to say are the end; the other protocol may be asked for where it is granted.
func TestWho(t *testing.T) {
	pap := grant()
	pap.Auth = ppp.PAP
	l := dial(t, pap)
	l.Open(lcp)
	if f := l.PAP("node", "wrong"); f.Code != 3 {
		t.Errorf("PAP with the wrong password → %v, want Nak", f)
	}
	l.Await(lcp, 5)
	if err := l.end(t); !errors.Is(err, ppp.ErrRefused) {
		t.Errorf("Run = %v, want ErrRefused", err)
	}

	l = dial(t, pap)
	l.Open(lcp)
	if f := l.PAP("node", "secret"); f.Code != ack {
		t.Errorf("PAP → %v, want Ack", f)
	}
	if ours, _ := l.Open(ipcp, 3, 6, 0, 0, 0, 0); !bytes.Equal(ours, []byte{3, 6, 10, 64, 0, 2}) {
		t.Errorf("IPCP after PAP agreed on % x", ours)
	}

	chap := grant()
	chap.Auth, chap.OtherAuth = ppp.CHAP, []ppp.Auth{ppp.PAP}
	l = dial(t, chap)
	f := l.Await(lcp, 1)
	l.Send(lcp, nak, f.ID, []byte{3, 4, 0xc0, 0x23}) // PAP, please
	if f = l.Await(lcp, 1); !bytes.Equal(ppptest.Option(f.Data, 3), []byte{0xc0, 0x23}) {
		t.Errorf("after the Nak the peer requests %v, want PAP", f)
	}

	l = dial(t, chap)
	f = l.Await(lcp, 1)
	l.Send(lcp, nak, f.ID, []byte{3, 5, 0xc2, 0x23, 0x81}) // MS-CHAPv2, as pppd with refuse-chap says first
	if f = l.Await(lcp, 1); !bytes.Equal(ppptest.Option(f.Data, 3), []byte{0xc0, 0x23}) {
		t.Errorf("after a Nak for what it does not have the peer requests %v, want its other one, PAP", f)
	}

	chap.OtherAuth = nil
	l = dial(t, chap)
	f = l.Await(lcp, 1)
	l.Send(lcp, reject, f.ID, []byte{3, 5, 0xc2, 0x23, 5})
	l.Await(lcp, 5)
	if err := l.end(t); !errors.Is(err, ppp.ErrNoAnswer) {
		t.Errorf("Run = %v, want ErrNoAnswer", err)
	}

	l = dial(t, chap)
	l.Open(lcp)
	if f := l.CHAP("node", "wrong"); f.Code != 4 {
		t.Errorf("CHAP with the wrong password → %v, want Failure", f)
	}
}

// TestRefusals: both ends refuse; the peer takes what it may, and ends what cannot be.
func TestRefusals(t *testing.T) {
	l := dial(t, grant())
	f := l.Await(lcp, 1)
	magic := ppptest.Option(f.Data, 5)
	l.Send(lcp, reject, f.ID, []byte{2, 6, 0, 0, 0, 0}) // no ACCM
	if f = l.Await(lcp, 1); ppptest.Option(f.Data, 2) != nil {
		t.Errorf("after the reject the peer requests %v", f)
	}
	l.Send(lcp, nak, f.ID, append([]byte{5, 6}, magic...)) // another magic number
	if f = l.Await(lcp, 1); bytes.Equal(ppptest.Option(f.Data, 5), magic) {
		t.Errorf("after the Nak the magic number is the old one: %v", f)
	}
	l.Send(lcp, ack, f.ID+1, f.Data) // an Ack that fits no request
	l.Send(lcp, ack, f.ID, f.Data)
	if f := l.Request(lcp, 1, 4, 0, 64, 5, 6, 0, 0, 0, 0); f.Code != nak || !bytes.Equal(ppptest.Option(f.Data, 1), []byte{0x05, 0xdc}) || len(ppptest.Option(f.Data, 5)) != 4 {
		t.Errorf("MRU 64 and magic 0 → %v, want a Nak with better ones", f)
	}
	if f := l.Request(lcp, 3, 4, 0xc0, 0x23); f.Code != reject {
		t.Errorf("asking the network who it is → %v, want a Reject", f)
	}
	l.Request(lcp)
	for n := range 5 {
		if f := l.Request(ipcp, 3, 6, 192, 168, 1, 1); f.Code != nak {
			t.Fatalf("a foreign address, time %d → %v, want a Nak", n+1, f)
		}
	}
	if f := l.Request(ipcp, 3, 6, 192, 168, 1, 1); f.Code != reject { // RFC 1661 §4.6, Max-Failure
		t.Errorf("who does not listen gets %v, want a Reject", f)
	}
	l.Send(0x80fd, 1, 1, nil) // CCP
	if f := l.Await(lcp, 8); !bytes.Equal(f.Data[:2], []byte{0x80, 0xfd}) {
		t.Errorf("CCP → %v, want a Protocol-Reject", f)
	}
	l.Send(lcp, 42, 1, nil)
	if f := l.Await(lcp, 7); f.Data[0] != 42 {
		t.Errorf("code 42 → %v, want a Code-Reject", f)
	}
	l.Write([]byte{0x7e, 1, 2, 3, 0x7e, 0x7d, 0x7e, 0xff, 3, 0x7e}) // noise
	l.Write(append([]byte{0x7e}, bytes.Repeat([]byte{0x55}, 5000)...))
	l.Send(lcp, 9, 8, []byte{0, 0, 0, 0})
	l.Await(lcp, 10)
}
