package ppp

import (
	"bytes"
	"encoding/binary"
)

// LCP options: RFC 1661 §6, RFC 1662 §7.1.
const (
	optMRU   = 1
	optACCM  = 2
	optAuth  = 3
	optMagic = 5
	optPFC   = 7
	optACFC  = 8
)

const (
	leastMRU = 128
	usualMRU = 1500
	allACCM  = 0xffffffff
)

func (p *Peer) newLCP() *machine {
	m := &machine{peer: p, proto: protoLCP, up: p.lcpUp, down: p.lcpDown, judge: p.judgeLCP}
	m.want = []option{{optACCM, word(0)}, {optMagic, word(p.magic)}}
	if p.auth != None {
		m.want = append(m.want, option{optAuth, p.auth.option()})
	}
	m.granted = func(theirs []option) {
		p.theirMRU, p.theirACCM = usualMRU, allACCM
		for _, o := range theirs {
			switch o.kind {
			case optMRU:
				p.theirMRU = int(binary.BigEndian.Uint16(o.data))
			case optACCM:
				p.theirACCM = binary.BigEndian.Uint32(o.data)
			}
		}
	}
	m.suggested = func(better []option) {
		for _, o := range better {
			switch {
			case o.kind == optMagic && len(o.data) == 4:
				p.magic = random32()
				m.set(optMagic, word(p.magic))
			case o.kind == optAuth:
				p.otherAuth(m, o.data)
			case o.kind == optACCM && len(o.data) == 4:
				m.set(optACCM, o.data)
			}
		}
	}
	m.rejected = func(kind byte) bool { return kind == optAuth } // who will not say who he is does not come in
	return m
}

// otherAuth takes the protocol that the other end asks for, where it may; else it offers its own next one: pppd, told to
// refuse CHAP, asks for MS-CHAPv2 first and accepts PAP when it is offered.
func (p *Peer) otherAuth(m *machine, data []byte) {
	offer := p.auth
	for _, a := range p.cfg.OtherAuth {
		if bytes.Equal(a.option(), data) {
			offer = a
			break
		}
		if offer == p.auth {
			offer = a
		}
	}
	p.auth = offer
	m.set(optAuth, offer.option())
}

func (p *Peer) judgeLCP(theirs []option) (nak, reject []option) {
	for _, o := range theirs {
		switch {
		case o.kind == optMRU && len(o.data) == 2:
			if binary.BigEndian.Uint16(o.data) < leastMRU {
				nak = append(nak, option{optMRU, short(usualMRU)})
			}
		case o.kind == optACCM && len(o.data) == 4:
		case o.kind == optMagic && len(o.data) == 4:
			if n := binary.BigEndian.Uint32(o.data); n == 0 || n == p.magic { // zero is forbidden, ours is a loop
				nak = append(nak, option{optMagic, word(random32())})
			}
		case (o.kind == optPFC || o.kind == optACFC) && len(o.data) == 0: // we may compress, and do not
		default:
			reject = append(reject, o)
		}
	}
	return nak, reject
}

// lcpPacket handles what LCP has beside the common codes.
func (p *Peer) lcpPacket(q packet) {
	if q.code == termReq {
		p.lcp.receive(q)
		p.end(nil)
		return
	}
	if p.lcp.receive(q) {
		if q.code == termAck && p.hanging {
			p.end(nil)
		}
		return
	}
	switch q.code {
	case echoReq:
		if p.lcp.state == opened && len(q.data) >= 4 {
			p.lcp.send(echoRep, q.id, append(word(p.magic), q.data[4:]...))
		}
	case protoRej:
		if len(q.data) >= 2 {
			p.protocolRejected(binary.BigEndian.Uint16(q.data))
		}
	case echoRep, discard:
	default:
		p.lcp.id++
		p.lcp.send(codeRej, p.lcp.id, q.bytes())
	}
}

func (p *Peer) protocolRejected(proto uint16) {
	for _, m := range []*machine{p.ipcp, p.ipv6cp} {
		if m != nil && m.proto == proto {
			m.close()
		}
	}
	if proto == protoLCP || p.auth != None && proto == p.auth.proto() {
		p.gaveUp(proto)
	}
}
