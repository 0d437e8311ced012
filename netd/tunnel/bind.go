package tunnel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
)

// socket is WireGuard's UDP socket with one fixed address: that of the hub, which the kernel then
// holds it to in both directions (a Node), or the one to listen on (a Hub).
type socket struct {
	open func() (*net.UDPConn, error)
	peer netip.AddrPort // not zero: the only one to send to, connected

	refused atomic.Bool // the far machine said that nothing listens there

	mu  sync.Mutex
	udp *net.UDPConn // guarded by mu; nil while closed
}

var _ conn.Bind = (*socket)(nil)

// connected is a socket that talks to peer only.
func connected(peer netip.AddrPort) *socket {
	return &socket{peer: peer, open: func() (*net.UDPConn, error) {
		return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(peer))
	}}
}

// listening is a socket at one address of this machine.
func listening(at netip.AddrPort) *socket {
	return &socket{open: func() (*net.UDPConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	}}
}

// Open makes the socket; the port that WireGuard wishes is not asked for, the address is fixed.
func (s *socket) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.udp != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	udp, err := s.open()
	if err != nil {
		return nil, 0, err
	}
	s.udp = udp
	receive := func(packets [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		return s.receive(udp, packets, sizes, eps)
	}
	return []conn.ReceiveFunc{receive}, s.udp.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// receive takes one datagram. An ICMP error is no reason to stop listening, which WireGuard would.
func (s *socket) receive(udp *net.UDPConn, packets [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	for {
		n, from, err := udp.ReadFromUDPAddrPort(packets[0])
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			s.refused.Store(true)
			continue
		case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
			continue
		case err != nil:
			return 0, err
		}
		sizes[0], eps[0] = n, endpoint{netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}
		return 1, nil
	}
}

// Send sends datagrams.
func (s *socket) Send(bufs [][]byte, ep conn.Endpoint) error {
	s.mu.Lock()
	udp := s.udp
	s.mu.Unlock()
	to, ok := ep.(endpoint)
	switch {
	case udp == nil:
		return net.ErrClosed
	case !ok:
		return conn.ErrWrongEndpointType
	case s.peer.IsValid() && to.AddrPort != s.peer:
		return fmt.Errorf("send to %s: this tunnel talks to %s only", to, s.peer)
	}
	for _, b := range bufs {
		var err error
		if s.peer.IsValid() {
			_, err = udp.Write(b)
		} else {
			_, err = udp.WriteToUDPAddrPort(b, to.AddrPort)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			s.refused.Store(true) // an answer to an earlier datagram; this one was not sent
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close ends the receiving.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.udp == nil {
		return nil
	}
	err := s.udp.Close()
	s.udp = nil
	return err
}

// SetMark has no use here: nothing is routed by mark.
func (s *socket) SetMark(uint32) error { return nil }

// BatchSize is one datagram a call; the cellular link is the slower part by far.
func (s *socket) BatchSize() int { return 1 }

// ParseEndpoint reads address:port.
func (s *socket) ParseEndpoint(text string) (conn.Endpoint, error) {
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, fmt.Errorf("read endpoint %q: %w", text, err)
	}
	return endpoint{a}, nil
}

// endpoint is the far end of a datagram.
type endpoint struct{ netip.AddrPort }

var _ conn.Endpoint = endpoint{}

// ClearSrc does nothing: the source is the socket's.
func (endpoint) ClearSrc() {}

// SrcToString is empty: the source is the socket's.
func (endpoint) SrcToString() string { return "" }

// DstToString is address:port.
func (e endpoint) DstToString() string { return e.String() }

// DstToBytes goes into the cookie under load.
func (e endpoint) DstToBytes() []byte {
	b, _ := e.MarshalBinary() // an AddrPort always has a binary form
	return b
}

// DstIP is the address.
func (e endpoint) DstIP() netip.Addr { return e.Addr() }

// SrcIP is unknown.
func (endpoint) SrcIP() netip.Addr { return netip.Addr{} }
