package ppp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// IPCP options (RFC 1332 §3, RFC 1877) and the one of IPv6CP (RFC 5072 §4.1).
const (
	optAddress = 3
	optDNS1    = 129
	optDNS2    = 131
	optIID     = 1
)

func (p *Peer) newIPCP() *machine {
	m := p.ncp(protoIPCP, IPv4)
	m.want = []option{{optAddress, p.cfg.Local.AsSlice()}}
	m.judge = func(theirs []option) (nak, reject []option) {
		asked := map[byte]netip.Addr{optAddress: p.cfg.Remote, optDNS1: p.cfg.DNS[0], optDNS2: p.cfg.DNS[1]}
		for _, o := range theirs {
			right := asked[o.kind]
			switch {
			case !right.Is4() || len(o.data) != 4:
				reject = append(reject, o)
			case !bytes.Equal(o.data, right.AsSlice()): // 0.0.0.0 asks for one
				nak = append(nak, option{o.kind, right.AsSlice()})
			}
		}
		return nak, reject
	}
	return m
}

func (p *Peer) newIPv6CP() *machine {
	m := p.ncp(protoIPv6CP, IPv6)
	m.want = []option{{optIID, binary.BigEndian.AppendUint64(nil, p.cfg.LocalIID)}}
	right := binary.BigEndian.AppendUint64(nil, p.cfg.RemoteIID)
	m.judge = func(theirs []option) (nak, reject []option) {
		for _, o := range theirs {
			switch {
			case o.kind != optIID || len(o.data) != 8:
				reject = append(reject, o)
			case !bytes.Equal(o.data, right): // a cellular network says which one: 3GPP TS 29.061 §11.2.1.3
				nak = append(nak, option{optIID, right})
			}
		}
		return nak, reject
	}
	return m
}

// ncp is what both network control protocols share.
func (p *Peer) ncp(proto uint16, family Family) *machine {
	return &machine{peer: p, proto: proto,
		granted:   func([]option) {},
		suggested: func([]option) {}, // our address is ours
		rejected:  func(byte) bool { return false },
		up:        func() { p.tell(family, true) },
		down:      func() { p.tell(family, false) },
	}
}

// machineOf is the network protocol that carries packets of the number.
func (p *Peer) machineOf(proto uint16) *machine {
	switch proto {
	case protoIPCP, protoIPv4:
		return p.ipcp
	case protoIPv6CP, protoIPv6:
		return p.ipv6cp
	}
	return nil
}

// Send hands an IP packet to the other end. It refuses what the link does not carry now, and what is too long.
func (p *Peer) Send(ip []byte) error {
	if len(ip) == 0 {
		return errors.New("send over PPP: empty packet")
	}
	proto := uint16(protoIPv4)
	if ip[0]>>4 == 6 {
		proto = protoIPv6
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.machineOf(proto)
	switch {
	case m == nil || m.state != opened || p.over:
		return fmt.Errorf("send over PPP: the link carries no IPv%d", ip[0]>>4)
	case len(ip) > p.theirMRU:
		return fmt.Errorf("send over PPP: packet of %d bytes, the other end takes %d", len(ip), p.theirMRU)
	}
	return p.write(proto, ip)
}
