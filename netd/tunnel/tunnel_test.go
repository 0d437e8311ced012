package tunnel

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newKey(t *testing.T) [32]byte {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newHub is a hub on loopback which serves one page that names its asker.
func newHub(t *testing.T, address string) *Hub {
	t.Helper()
	h, err := Listen(newKey(t), address, quiet())
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.ListenTCP(80)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := netip.MustParseAddrPort(r.RemoteAddr).Addr()
		key, ok := h.PeerAt(from)
		if !ok {
			http.Error(w, "stranger", http.StatusForbidden)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Peer", KeyText(key))
		_, _ = io.CopyN(w, endless{}, n)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
		h.Close()
	})
	return h
}

func peerFor(h *Hub, private [32]byte) Peer {
	at := h.Addr()
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port())
	}
	return Peer{PrivateKey: private, HubKey: h.PublicKey(), Hub: at, Address: AddressOf(PublicKey(private))}
}

func up(t *testing.T, n *Node, p Peer, limit time.Duration) error {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	return n.Up(ctx, p)
}

// endless is a source of bytes.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// ask posts size bytes through the tunnel and wants as many back.
func ask(n *Node, size int) (*http.Response, error) {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return n.Dial(ctx, address) }}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).
		Post("http://"+PublisherAddress()+"/", "text/plain", io.LimitReader(endless{}, int64(size)))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && len(got) != size {
		err = errors.New("short answer")
	}
	return resp, err
}

func TestHTTPThroughTheTunnel(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			h := newHub(t, address)
			private := newKey(t)
			if err := h.AddPeer(PublicKey(private)); err != nil {
				t.Fatal(err)
			}
			n := NewNode(quiet())
			defer n.Down()
			for range 3 { // a node comes back with each window
				if err := up(t, n, peerFor(h, private), 10*time.Second); err != nil {
					t.Fatal(err)
				}
				resp, err := ask(n, 200_000)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := resp.Header.Get("Peer"), KeyText(PublicKey(private)); got != want {
					t.Errorf("the hub takes its peer for %s, want %s", got, want)
				}
				if n.LastHandshake().IsZero() {
					t.Error("no handshake noted")
				}
				if err := n.Down(); err != nil {
					t.Fatal(err)
				}
			}
			all, err := h.Peers()
			if err != nil || len(all) != 1 || all[0].LastHandshake.IsZero() || all[0].Received < 600_000 {
				t.Errorf("Peers() = %+v, %v", all, err)
			}
		})
	}
}

// A stranger's handshake gets no answer at all, and the node says so in time.
func TestStrangerGetsNoAnswer(t *testing.T) {
	h := newHub(t, "127.0.0.1:0")
	tok, err := NewToken(h.PublicKey(), [32]byte{1}, h.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n := NewNode(quiet())
	begin := time.Now()
	err = up(t, n, peerFor(h, tok.Key()), 400*time.Millisecond)
	if !errors.Is(err, ErrNoHandshake) || errors.Is(err, ErrRefused) {
		t.Fatalf("Up = %v, want %v", err, ErrNoHandshake)
	}
	if !strings.Contains(err.Error(), h.Addr().String()+": the hub does not answer") {
		t.Errorf("the sentence is %q", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	if _, err := n.Dial(context.Background(), PublisherAddress()); !errors.Is(err, ErrDown) {
		t.Errorf("a failed Up leaves Dial = %v, want %v", err, ErrDown)
	}
	// The same token, once the hub knows it, works.
	if err := h.AddPeer(PublicKey(tok.Key())); err != nil {
		t.Fatal(err)
	}
	if err := up(t, n, peerFor(h, tok.Key()), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(n, 10); err != nil {
		t.Error(err)
	}
	// And once it is used up, it ends at once.
	if err := h.RemovePeer(PublicKey(tok.Key())); err != nil {
		t.Fatal(err)
	}
	if err := n.Down(); err != nil {
		t.Fatal(err)
	}
	if err := up(t, n, peerFor(h, tok.Key()), 400*time.Millisecond); !errors.Is(err, ErrNoHandshake) {
		t.Errorf("Up with a used token = %v, want %v", err, ErrNoHandshake)
	}
}

func TestClosedPortIsNamed(t *testing.T) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.LocalAddr().(*net.UDPAddr).AddrPort()
	free.Close()
	private := newKey(t)
	err = up(t, NewNode(quiet()), Peer{PrivateKey: private, HubKey: PublicKey(newKey(t)), Hub: at, Address: AddressOf(PublicKey(private))}, 300*time.Millisecond)
	if !errors.Is(err, ErrRefused) || !errors.Is(err, ErrNoHandshake) {
		t.Errorf("Up = %v, want %v", err, ErrRefused)
	}
}

// Down while bytes flow must break them, promptly and without a panic of the stack: the end of a
// window does not wait for a courier to finish.
func TestDownBreaksATransfer(t *testing.T) {
	h := newHub(t, "127.0.0.1:0")
	private := newKey(t)
	if err := h.AddPeer(PublicKey(private)); err != nil {
		t.Fatal(err)
	}
	n := NewNode(quiet())
	for i := range 12 {
		if err := up(t, n, peerFor(h, private), 20*time.Second); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		broken := make(chan error, 4)
		for range cap(broken) {
			go func() {
				_, err := ask(n, 1<<30)
				broken <- err
			}()
		}
		time.Sleep(time.Duration(70+i*3) * time.Millisecond) // into the midst of the transfer
		if err := n.Down(); err != nil {
			t.Fatal(err)
		}
		for range cap(broken) {
			select {
			case err := <-broken:
				if err == nil {
					t.Fatal("a gigabyte was through before Down")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("a transfer outlives the tunnel")
			}
		}
	}
}

// An edge node without a battery-backed clock comes back in the past; its handshakes must still be
// answered after its last session is over.
func TestHubForgetsTheLastTimeStamp(t *testing.T) {
	h := newHub(t, "127.0.0.1:0")
	private := newKey(t)
	if err := h.AddPeer(PublicKey(private)); err != nil {
		t.Fatal(err)
	}
	n := NewNode(quiet())
	if err := up(t, n, peerFor(h, private), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(n, 5); err != nil {
		t.Fatal(err)
	}
	n.Down()
	before, _ := h.Peers()
	h.forgetIdle(time.Now())
	if raw, _ := statuses(h.dev); raw[0].Received == 0 {
		t.Error("a live session was ended")
	}
	h.forgetIdle(time.Now().Add(sessionLife + time.Second))
	if raw, _ := statuses(h.dev); len(raw) != 1 || raw[0].Received != 0 {
		t.Errorf("the peer was not made anew: %+v", raw)
	}
	after, _ := h.Peers()
	if len(after) != 1 || after[0] != before[0] {
		t.Errorf("the hub forgot more than the time stamp:\n%+v\n%+v", before, after)
	}
	if err := up(t, n, peerFor(h, private), 10*time.Second); err != nil {
		t.Errorf("after forgetting: %v", err)
	}
	n.Down()
}
