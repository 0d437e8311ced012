package tunnel

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// Peer is what a node's end needs to know.
type Peer struct {
	PrivateKey [32]byte
	HubKey     [32]byte
	Hub        netip.AddrPort // resolved
	Address    netip.Addr     // our own, inside the tunnel
}

// Errors of a Node.
var (
	// ErrNoHandshake: the hub did not answer. A hub does not answer a key that it does not know.
	ErrNoHandshake = errors.New("the hub does not answer")
	// ErrRefused comes with ErrNoHandshake when the hub's machine said that no hub listens there.
	ErrRefused = errors.New("its machine says that nothing listens on this UDP port")
	// ErrDown: a dial while the tunnel is not up.
	ErrDown = errors.New("the tunnel is down")
)

const (
	handshakePoll = 20 * time.Millisecond // WireGuard tells of a handshake only when asked
)

// Node is the node's end of the tunnel. The zero state is down.
type Node struct {
	log *slog.Logger

	mu     sync.Mutex
	dev    *device.Device // guarded by mu; nil while down
	inside *netstack.Net  // guarded by mu
	hub    [32]byte       // guarded by mu
	last   time.Time      // of the last handshake of a tunnel that is down again; guarded by mu
}

// NewNode makes a node's end, which is down.
func NewNode(log *slog.Logger) *Node { return &Node{log: log} }

// Up starts the tunnel and returns when the hub has answered the handshake. It fails with
// ErrNoHandshake when ctx ends before; then, as after any failure, the tunnel is down.
func (n *Node) Up(ctx context.Context, p Peer) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dev != nil {
		return errors.New("bring the tunnel up: it is up already")
	}
	bind := connected(netip.AddrPortFrom(p.Hub.Addr().Unmap(), p.Hub.Port()))
	dev, inside, err := raise(p.PrivateKey, p.Address, bind, peerLines(p.HubKey, HubAddress(), bind.peer.String()), n.log)
	if err != nil {
		return err
	}
	if err := shake(ctx, dev, p.HubKey); err != nil {
		dev.Close()
		if bind.refused.Load() {
			err = fmt.Errorf("%w: %w", err, ErrRefused)
		}
		return fmt.Errorf("reach the hub at %s: %w", p.Hub, err)
	}
	n.dev, n.inside, n.hub = dev, inside, p.HubKey
	return nil
}

// shake begins the handshake and waits for its end. WireGuard repeats an initiation that was lost.
func shake(ctx context.Context, dev *device.Device, hub [32]byte) error {
	peer := dev.LookupPeer(hub)
	if peer == nil {
		return errors.New("the hub is not a peer of this device")
	}
	// A first initiation that could not be sent is repeated by WireGuard's timer only if it was
	// "sent"; so it is repeated here.
	again := time.NewTicker(device.RekeyTimeout)
	defer again.Stop()
	poll := time.NewTicker(handshakePoll)
	defer poll.Stop()
	sent := peer.SendHandshakeInitiation(false)
	for {
		select {
		case <-ctx.Done():
			if sent != nil {
				return fmt.Errorf("%w (%w)", ErrNoHandshake, sent)
			}
			return fmt.Errorf("%w (%w)", ErrNoHandshake, context.Cause(ctx))
		case <-again.C:
			sent = peer.SendHandshakeInitiation(false)
		case <-poll.C:
			if s, err := statuses(dev); err == nil && len(s) == 1 && !s[0].LastHandshake.IsZero() {
				return nil
			}
		}
	}
}

// Dial connects to address, which is IP:port of the overlay: there are no names inside.
func (n *Node) Dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %q in the tunnel: %w", address, err)
	}
	n.mu.Lock()
	inside := n.inside
	n.mu.Unlock()
	if inside == nil {
		return nil, fmt.Errorf("dial %s: %w", address, ErrDown)
	}
	c, err := inside.DialContextTCPAddrPort(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("dial %s in the tunnel: %w", address, err)
	}
	return c, nil
}

// Down stops the tunnel, breaks what was dialled through it and forgets its session keys.
func (n *Node) Down() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dev == nil {
		return nil
	}
	if s, err := statuses(n.dev); err == nil && len(s) == 1 {
		n.last = s[0].LastHandshake
	}
	n.dev.Close()
	n.dev, n.inside = nil, nil
	return nil
}

// LastHandshake is when the hub last answered; zero if it never did.
func (n *Node) LastHandshake() time.Time {
	// Up holds the mutex until the hub has answered, up to 20 s: the watchdog's ping, which asks here for its status line,
	// waited so long that netd was killed for it.
	if !n.mu.TryLock() {
		return time.Time{}
	}
	defer n.mu.Unlock()
	if n.dev == nil {
		return n.last
	}
	if s, err := statuses(n.dev); err == nil && len(s) == 1 {
		return s[0].LastHandshake
	}
	return n.last
}

// hexKey is a key as the configuration text has it.
func hexKey(k [32]byte) string { return hex.EncodeToString(k[:]) }
