// Package tunnel is both ends of the SD-WAN: WireGuard in user space over one UDP socket, with a
// TCP/IP stack of its own inside. It makes no network device, no route and no firewall rule, and
// nothing of the machine's own network is reachable through it.
//
// netd runs a Node while an outer window is open; publisher/hub runs a Hub. The package is a leaf:
// it imports nothing of ours.
package tunnel

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// The overlay: a ULA prefix (RFC 4193) of which every peer has one address.
const (
	mtu       = 1280 // bytes; the least that IPv6 allows, and safe below every carrier's
	hubHost   = "fd41:6972:6c6b::1"
	apiPort   = "80"
	prefixLen = 8 // bytes of the prefix; the host part is as long
)

// HubAddress is the hub's address inside the tunnel.
func HubAddress() netip.Addr { return netip.MustParseAddr(hubHost) }

// PublisherAddress is host:port of the publisher's API inside the tunnel.
func PublisherAddress() string { return "[" + hubHost + "]:" + apiPort }

// AddressOf is the address inside the tunnel that belongs to a public key: the overlay's prefix and
// the first 8 bytes of the SHA-256 of the key.
func AddressOf(public [32]byte) netip.Addr {
	a := HubAddress().As16()
	sum := sha256.Sum256(public[:])
	copy(a[prefixLen:], sum[:prefixLen])
	return netip.AddrFrom16(a)
}

// NewKey makes a private key.
func NewKey() ([32]byte, error) {
	var k [32]byte
	if _, err := rand.Read(k[:]); err != nil {
		return k, fmt.Errorf("make a key: %w", err)
	}
	return clamp(k), nil
}

// PublicKey is the public half of a private key (X25519, RFC 7748).
func PublicKey(private [32]byte) [32]byte {
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		panic("tunnel: 32 bytes are always a key: " + err.Error())
	}
	return [32]byte(k.PublicKey().Bytes())
}

// clamp sets the bits that RFC 7748, section 5, fixes.
func clamp(k [32]byte) [32]byte {
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}

// KeyText is a key as `wg` writes it: base64.
func KeyText(k [32]byte) string { return base64.StdEncoding.EncodeToString(k[:]) }

// ParseKey reads what KeyText writes.
func ParseKey(s string) ([32]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != 32 {
		return [32]byte{}, fmt.Errorf("read key %q: want 32 bytes in base64 (44 characters)", s)
	}
	return [32]byte(b), nil
}

// peerLines is the configuration of one peer in WireGuard's cross-platform text form.
func peerLines(public [32]byte, allowed netip.Addr, endpoint string) string {
	s := fmt.Sprintf("public_key=%s\nreplace_allowed_ips=true\nallowed_ip=%s/128\n", hex.EncodeToString(public[:]), allowed)
	if endpoint != "" {
		s += "endpoint=" + endpoint + "\n"
	}
	return s
}

// raise makes a device with a stack at address and brings it up. What fails goes all the way down.
func raise(private [32]byte, address netip.Addr, bind conn.Bind, config string, log *slog.Logger) (*device.Device, *netstack.Net, error) {
	nic, inside, err := netstack.CreateNetTUN([]netip.Addr{address}, nil, mtu)
	if err != nil {
		return nil, nil, fmt.Errorf("make the stack of the tunnel: %w", err)
	}
	dev := device.NewDevice(&gate{Device: nic}, bind, logger(log))
	err = dev.IpcSet("private_key=" + hex.EncodeToString(private[:]) + "\n" + config)
	if err == nil {
		err = dev.Up()
	}
	if err != nil {
		dev.Close()
		return nil, nil, fmt.Errorf("bring the tunnel up: %w", err)
	}
	return dev, inside, nil
}

// gate stands between WireGuard and the stack. The stack's Close closes a channel on which the
// answer to a packet that is just being delivered may still be sent, which would panic; so packets
// are turned away, and those on their way are waited for, before it is closed.
type gate struct {
	tun.Device
	mu     sync.RWMutex
	closed bool // guarded by mu
}

// Write delivers packets to the stack.
func (g *gate) Write(bufs [][]byte, offset int) (int, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return len(bufs), nil
	}
	return g.Device.Write(bufs, offset)
}

// Close closes the stack once nothing is on its way into it.
func (g *gate) Close() error {
	g.mu.Lock()
	already := g.closed
	g.closed = true
	g.mu.Unlock()
	if already {
		return nil
	}
	return g.Device.Close()
}

// logger hands WireGuard's lines on. They name peers by a part of their public key only.
func logger(log *slog.Logger) *device.Logger {
	return &device.Logger{
		Verbosef: func(format string, args ...any) { log.Debug("wireguard: " + fmt.Sprintf(format, args...)) },
		Errorf:   func(format string, args ...any) { log.Warn("wireguard: " + fmt.Sprintf(format, args...)) },
	}
}
