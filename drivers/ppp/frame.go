package ppp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Bytes of the framing (RFC 1662 §4) and numbers of protocols.
const (
	flag   = 0x7e
	escape = 0x7d

	protoIPCP   = 0x8021
	protoIPv6CP = 0x8057
	protoLCP    = 0xc021
)

// longest bounds a frame: 1500 bytes of packet, every one escaped, and what is around them.
const longest = 2*1500 + 32

// splitter parts a stream at the flags. Text between frames, as a module's NO CARRIER, is handed out like a frame, and
// is none by what it holds.
type splitter struct {
	part     []byte
	skipping bool // too long: thrown away up to the next flag
}

// feed calls each with the content of every frame that b completes, still escaped. It is the splitter's to reuse.
func (s *splitter) feed(b []byte, each func(content []byte)) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, flag)
		if i < 0 {
			s.keep(b)
			return
		}
		s.keep(b[:i])
		if len(s.part) > 0 && !s.skipping {
			each(s.part)
		}
		s.part, s.skipping, b = s.part[:0], false, b[i+1:]
	}
}

func (s *splitter) keep(b []byte) {
	if len(s.part)+len(b) > longest {
		s.part, s.skipping = s.part[:0], true
	}
	if !s.skipping {
		s.part = append(s.part, b...)
	}
}

// unescape gives at most n bytes of a frame's content as they were meant.
func unescape(content []byte, n int) []byte {
	out := make([]byte, 0, min(n, len(content)))
	for i := 0; i < len(content) && len(out) < n; i++ {
		b := content[i]
		if b == escape {
			if i++; i == len(content) {
				return out
			}
			b = content[i] ^ 0x20
		}
		out = append(out, b)
	}
	return out
}

// protocol reads a frame's protocol, with the address field or, against what we agree to, without.
func protocol(content []byte) (uint16, bool) {
	head := unescape(content, 4)
	if len(head) >= 2 && head[0] == 0xff && head[1] == 3 {
		head = head[2:]
	}
	if len(head) < 2 || head[0]&1 != 0 || head[1]&1 == 0 { // RFC 1661 §2: the one is even, the other odd
		return 0, false
	}
	return binary.BigEndian.Uint16(head), true
}

// isLink: LCP, and the protocols that say who we are (PAP, link quality, CHAP, EAP). They carry no packet.
func isLink(proto uint16) bool { return proto >= 0xc000 }

// isControl: a protocol that agrees on addresses or compression.
func isControl(proto uint16) bool { return proto >= 0x8000 && proto < 0xc000 }

// Options of IPCP: RFC 1332 §3.3, RFC 1877 §1.1 and §1.3.
const (
	optAddress = 3
	optDNS1    = 129
	optDNS2    = 131
)

// servers reads the name servers from the acknowledgement of what pppd asked for.
func servers(content []byte) (dns []netip.Addr, acknowledged bool) {
	b := unescape(content, longest)
	const header = 4 // address field and protocol
	if len(b) < header+4 || b[header] != 2 {
		return nil, false
	}
	b = b[header:]
	size := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	for o := b[min(4, size):size]; len(o) >= 2 && int(o[1]) >= 2 && int(o[1]) <= len(o); o = o[o[1]:] {
		if o[0] != optDNS1 && o[0] != optDNS2 {
			continue
		}
		if a, ok := netip.AddrFromSlice(o[2:o[1]]); ok && a.Is4() && !a.IsUnspecified() {
			dns = append(dns, a)
		}
	}
	return dns, true
}
