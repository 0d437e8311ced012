package ppp

import "encoding/binary"

// Codes of RFC 1661 §5; the NCPs have the first seven.
const (
	confReq  = 1
	confAck  = 2
	confNak  = 3
	confRej  = 4
	termReq  = 5
	termAck  = 6
	codeRej  = 7
	protoRej = 8
	echoReq  = 9
	echoRep  = 10
	discard  = 11
)

// packet is one of a control protocol.
type packet struct {
	code, id byte
	data     []byte
}

func (p packet) bytes() []byte {
	b := []byte{p.code, p.id, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(4+len(p.data)))
	return append(b, p.data...)
}

// parsePacket reads one; bytes behind its length are padding.
func parsePacket(b []byte) (packet, bool) {
	if len(b) < 4 {
		return packet{}, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return packet{}, false
	}
	return packet{code: b[0], id: b[1], data: b[4:n]}, true
}

// option is a configuration option: RFC 1661 §6.
type option struct {
	kind byte
	data []byte
}

func formatOptions(opts []option) []byte {
	var b []byte
	for _, o := range opts {
		b = append(append(b, o.kind, byte(2+len(o.data))), o.data...)
	}
	return b
}

func parseOptions(b []byte) ([]option, bool) {
	var opts []option
	for len(b) > 0 {
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return nil, false
		}
		opts = append(opts, option{b[0], b[2:b[1]]})
		b = b[b[1]:]
	}
	return opts, true
}

func word(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func short(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
