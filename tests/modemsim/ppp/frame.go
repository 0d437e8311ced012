package ppp

import "encoding/binary"

// Protocol numbers (IANA's PPP numbers).
const (
	protoIPv4   = 0x0021
	protoIPv6   = 0x0057
	protoIPCP   = 0x8021
	protoIPv6CP = 0x8057
	protoLCP    = 0xc021
	protoPAP    = 0xc023
	protoCHAP   = 0xc223
)

// RFC 1662: the flag ends a frame, the escape changes bit 6 of the byte behind it.
const (
	flag     = 0x7e
	escape   = 0x7d
	maxFrame = 1600 // longer ones are noise
)

// crcTable is the 16-bit FCS of RFC 1662, appendix C.2, byte by byte.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
		t[i] = crc
	}
	return t
}()

func fcs(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, c := range b {
		crc = crc>>8 ^ crcTable[byte(crc)^c]
	}
	return crc
}

// goodFCS is the remainder over a whole frame with its FCS.
const goodFCS = 0xf0b8

// encode makes a frame; control characters in the map are escaped, and the two of the framing always.
func encode(proto uint16, payload []byte, accm uint32) []byte {
	raw := append([]byte{0xff, 0x03, byte(proto >> 8), byte(proto)}, payload...)
	raw = binary.LittleEndian.AppendUint16(raw, ^fcs(raw))
	out := make([]byte, 1, len(raw)+16)
	out[0] = flag
	for _, c := range raw {
		if c == flag || c == escape || c < 0x20 && accm&(1<<c) != 0 {
			out, c = append(out, escape), c^0x20
		}
		out = append(out, c)
	}
	return append(out, flag)
}

// deframer collects bytes to frames. A damaged frame is dropped without a word, as RFC 1662 §4.3 wants.
type deframer struct {
	frame   []byte
	escaped bool
	spoilt  bool
}

// feed gives each whole frame's protocol and payload to take.
func (d *deframer) feed(b []byte, take func(proto uint16, payload []byte)) {
	for _, c := range b {
		switch {
		case c == flag:
			if !d.escaped && !d.spoilt { // escape and flag together abort a frame
				if proto, payload, ok := open(d.frame); ok {
					take(proto, payload)
				}
			}
			d.frame, d.escaped, d.spoilt = nil, false, false
		case c == escape:
			d.escaped = true
		case len(d.frame) >= maxFrame:
			d.spoilt = true
		default:
			if d.escaped {
				c, d.escaped = c^0x20, false
			}
			d.frame = append(d.frame, c)
		}
	}
}

// open checks a frame and takes its header off, in the compressed forms too.
func open(f []byte) (proto uint16, payload []byte, ok bool) {
	if len(f) < 4 || fcs(f) != goodFCS {
		return 0, nil, false
	}
	f = f[:len(f)-2]
	if len(f) >= 2 && f[0] == 0xff && f[1] == 0x03 {
		f = f[2:]
	}
	switch {
	case len(f) >= 1 && f[0]&1 == 1: // an odd first byte is a compressed protocol field
		return uint16(f[0]), f[1:], true
	case len(f) >= 2:
		return binary.BigEndian.Uint16(f), f[2:], true
	}
	return 0, nil, false
}
