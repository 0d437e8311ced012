package tunnel

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// PeerStatus is one peer as WireGuard knows it.
type PeerStatus struct {
	Key           [32]byte
	Address       netip.Addr // inside the tunnel
	Endpoint      string     // address:port of its last packet; empty if there was none
	LastHandshake time.Time  // zero if there was none
	Received      uint64     // bytes
	Sent          uint64     // bytes
}

const (
	// sessionLife is after how long without a handshake no session is left (WireGuard, section 6.1: 180 s).
	sessionLife = device.RejectAfterTime
	forgetEvery = 30 * time.Second
)

// Hub is the publisher's end: one UDP port, which answers nobody but its peers.
type Hub struct {
	dev    *device.Device
	inside *netstack.Net
	public [32]byte
	at     netip.AddrPort
	stop   chan struct{}
	gone   sync.WaitGroup

	mu    sync.Mutex
	peers map[netip.Addr]member // guarded by mu
}

// member is a peer as the hub keeps it.
type member struct {
	key  [32]byte
	past PeerStatus // what WireGuard counted before the peer was made anew, see forget
}

// Listen starts a hub at address, host:port of UDP; without a host it listens on every address of
// the machine and answers from the one that was asked. Port 0 takes a free one, see Addr.
func Listen(private [32]byte, address string, log *slog.Logger) (*Hub, error) {
	udp, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	at := udp.AddrPort()
	var bind conn.Bind
	port := ""
	if len(udp.IP) == 0 || udp.IP.IsUnspecified() {
		at = netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(udp.Port))
		bind = conn.NewStdNetBind()
		port = fmt.Sprintf("listen_port=%d\n", udp.Port)
	} else {
		bind = listening(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	}
	dev, inside, err := raise(private, HubAddress(), bind, port, log)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	h := &Hub{dev: dev, inside: inside, public: PublicKey(private), stop: make(chan struct{}), peers: map[netip.Addr]member{}}
	h.at = netip.AddrPortFrom(at.Addr(), listenPort(dev))
	h.gone.Go(h.forget)
	return h, nil
}

// Addr is where the hub listens.
func (h *Hub) Addr() netip.AddrPort { return h.at }

// PublicKey is the hub's, as tokens and identities carry it.
func (h *Hub) PublicKey() [32]byte { return h.public }

// AddPeer lets the holder of the key in, at AddressOf(public). Adding it again changes nothing.
func (h *Hub) AddPeer(public [32]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	address := AddressOf(public)
	if m, ok := h.peers[address]; ok {
		if m.key != public {
			return fmt.Errorf("add peer %s: its address %s belongs to another", KeyText(public), address)
		}
		return nil
	}
	if err := h.dev.IpcSet(peerLines(public, address, "")); err != nil {
		return fmt.Errorf("add peer %s: %w", KeyText(public), err)
	}
	h.peers[address] = member{key: public}
	return nil
}

// RemovePeer shuts the holder of the key out: its session ends with this call, and no answer goes
// to it any more. A key that is no peer is no error.
func (h *Hub) RemovePeer(public [32]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.dev.IpcSet("public_key=" + hexKey(public) + "\nremove=true\n"); err != nil {
		return fmt.Errorf("remove peer %s: %w", KeyText(public), err)
	}
	delete(h.peers, AddressOf(public))
	return nil
}

// PeerAt says whose an address inside the tunnel is, such as the far end of an accepted connection.
// WireGuard has verified that a packet from there was made by the holder of that key.
func (h *Hub) PeerAt(a netip.Addr) (public [32]byte, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.peers[a]
	return m.key, ok
}

// Peers lists the peers in no order.
func (h *Hub) Peers() ([]PeerStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := statuses(h.dev)
	for i, s := range all {
		all[i] = sum(h.peers[s.Address].past, s)
	}
	return all, err
}

// sum adds what was counted before to what is counted now.
func sum(past, now PeerStatus) PeerStatus {
	now.Received += past.Received
	now.Sent += past.Sent
	if now.LastHandshake.IsZero() {
		now.LastHandshake = past.LastHandshake
	}
	if now.Endpoint == "" {
		now.Endpoint = past.Endpoint
	}
	return now
}

// ListenTCP listens on a port of HubAddress inside the tunnel.
func (h *Hub) ListenTCP(port uint16) (net.Listener, error) {
	l, err := h.inside.ListenTCPAddrPort(netip.AddrPortFrom(HubAddress(), port))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d inside the tunnel: %w", port, err)
	}
	return l, nil
}

// Close ends the hub and every connection inside it.
func (h *Hub) Close() error {
	close(h.stop)
	h.gone.Wait()
	h.dev.Close()
	return nil
}

// forget lets nodes come back whose clock has fallen behind: WireGuard takes no initiation that is
// older than the last one of the same peer, and an edge node without a battery-backed clock wakes
// up in the past. So a peer without a live session is made anew, which forgets its last time stamp.
// What is lost is that an old initiation, replayed by somebody who recorded it, gets one answer,
// with which only the peer could do something.
func (h *Hub) forget() {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.stop:
			return
		case now := <-tick.C:
			h.forgetIdle(now)
		}
	}
}

// forgetIdle makes those peers anew that were heard of and have no live session.
func (h *Hub) forgetIdle(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := statuses(h.dev)
	if err != nil {
		return // tried again at the next tick
	}
	for _, s := range all {
		m, ok := h.peers[s.Address]
		if !ok || s.Received == 0 || now.Sub(s.LastHandshake) < sessionLife {
			continue
		}
		m.past = sum(m.past, s)
		h.peers[s.Address] = m
		if err := h.dev.IpcSet("public_key=" + hexKey(m.key) + "\nremove=true\n" + peerLines(m.key, s.Address, "")); err != nil {
			delete(h.peers, s.Address) // so that AddPeer can make it again
		}
	}
}

// listenPort asks the device which UDP port it got.
func listenPort(dev *device.Device) uint16 {
	text, _ := dev.IpcGet() // an error leaves the text empty, and the port 0
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "listen_port="); ok {
			n, _ := strconv.ParseUint(v, 10, 16)
			return uint16(n)
		}
	}
	return 0
}

// statuses reads the peers out of the device's text form.
func statuses(dev *device.Device) ([]PeerStatus, error) {
	text, err := dev.IpcGet()
	if err != nil {
		return nil, fmt.Errorf("ask the tunnel's device: %w", err)
	}
	var all []PeerStatus
	var sec, nsec int64
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		k, v, _ := strings.Cut(lines.Text(), "=")
		if k == "public_key" {
			all, sec, nsec = append(all, PeerStatus{}), 0, 0
			if _, err := hex.Decode(all[len(all)-1].Key[:], []byte(v)); err != nil {
				return nil, fmt.Errorf("read the tunnel's peers: %w", err)
			}
		}
		if len(all) == 0 {
			continue
		}
		p := &all[len(all)-1]
		switch k {
		case "allowed_ip":
			if n, err := netip.ParsePrefix(v); err == nil {
				p.Address = n.Addr()
			}
		case "endpoint":
			p.Endpoint = v
		case "last_handshake_time_sec":
			sec, _ = strconv.ParseInt(v, 10, 64)
		case "last_handshake_time_nsec":
			nsec, _ = strconv.ParseInt(v, 10, 64)
			if sec != 0 || nsec != 0 {
				p.LastHandshake = time.Unix(sec, nsec)
			}
		case "rx_bytes":
			p.Received, _ = strconv.ParseUint(v, 10, 64)
		case "tx_bytes":
			p.Sent, _ = strconv.ParseUint(v, 10, 64)
		}
	}
	return all, nil
}
