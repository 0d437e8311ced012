// Package ppptest is the dialling end of PPP for tests, written from RFC 1661, 1662, 1332, 1334, 1994 and 5072 and not from
// the peer that it tests: its framing computes the FCS bit by bit, and it does one thing after the other. A test sends
// what it likes, refusals and nonsense too, and says what must come.
package ppptest

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"
)

// Frame is a received one.
type Frame struct {
	Proto    uint16
	Code, ID byte   // of a control protocol
	Data     []byte // behind code, identifier and length; an IP packet whole
}

func (f Frame) String() string {
	return fmt.Sprintf("%04x code %d id %d % x", f.Proto, f.Code, f.ID, f.Data)
}

// Client is a dialler. Its methods fail the test.
type Client struct {
	t      testing.TB
	w      io.Writer
	frames chan Frame
	lastID byte
}

// New makes a client over rw and reads from it until it ends.
func New(t testing.TB, rw io.ReadWriter) *Client {
	c := &Client{t: t, w: rw, frames: make(chan Frame, 64)}
	go c.read(rw)
	return c
}

// read parts the stream at the flags.
func (c *Client) read(r io.Reader) {
	defer close(c.frames)
	var frame []byte
	one := make([]byte, 1)
	for masked := false; ; {
		if _, err := r.Read(one); err != nil {
			return
		}
		switch b := one[0]; {
		case b == 0x7e:
			if f, ok := unpack(frame); ok {
				c.frames <- f
			}
			frame, masked = nil, false
		case b == 0x7d:
			masked = true
		case masked:
			frame, masked = append(frame, b^0x20), false
		default:
			frame = append(frame, b)
		}
	}
}

func unpack(b []byte) (f Frame, ok bool) {
	if len(b) < 6 || b[0] != 0xff || b[1] != 3 {
		return f, false
	}
	body := b[:len(b)-2]
	if sum := FCS(body); byte(sum) != b[len(b)-2] || byte(sum>>8) != b[len(b)-1] {
		return f, false
	}
	f.Proto, f.Data = binary.BigEndian.Uint16(b[2:]), body[4:]
	if f.Proto >= 0x8000 && len(f.Data) >= 4 {
		f.Code, f.ID, f.Data = f.Data[0], f.Data[1], f.Data[4:]
	}
	return f, true
}

// FCS is the CRC of RFC 1662 by long division.
func FCS(b []byte) uint16 {
	r := uint16(0xffff)
	for _, c := range b {
		for i := range 8 {
			bit := uint16(c>>i) & 1
			if r&1 != bit {
				r = r>>1 ^ 0x8408
			} else {
				r >>= 1
			}
		}
	}
	return ^r
}

// Raw frames a payload.
func Raw(proto uint16, payload []byte) []byte {
	b := append([]byte{0xff, 3, byte(proto >> 8), byte(proto)}, payload...)
	sum := FCS(b)
	b = append(b, byte(sum), byte(sum>>8))
	out := []byte{0x7e}
	for _, c := range b {
		if c < 0x20 || c == 0x7d || c == 0x7e {
			out = append(out, 0x7d, c^0x20)
		} else {
			out = append(out, c)
		}
	}
	return append(out, 0x7e)
}

// Write sends bytes as they are.
func (c *Client) Write(b []byte) {
	c.t.Helper()
	if _, err := c.w.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// Send sends a packet of a control protocol.
func (c *Client) Send(proto uint16, code, id byte, data []byte) {
	c.t.Helper()
	n := 4 + len(data)
	c.Write(Raw(proto, append([]byte{code, id, byte(n >> 8), byte(n)}, data...)))
}

// Next is the next frame; nothing within two seconds fails the test.
func (c *Client) Next() Frame {
	c.t.Helper()
	select {
	case f, ok := <-c.frames:
		if !ok {
			c.t.Fatal("the stream ended")
		}
		return f
	case <-time.After(2 * time.Second):
		c.t.Fatal("no frame came")
	}
	return Frame{}
}

// Await skips frames up to one of the protocol and code.
func (c *Client) Await(proto uint16, code byte) Frame {
	c.t.Helper()
	for {
		if f := c.Next(); f.Proto == proto && f.Code == code {
			return f
		}
	}
}

// Request sends a Configure-Request with the options and returns the answer to it. Requests of the other end that come
// meanwhile are acknowledged.
func (c *Client) Request(proto uint16, options ...byte) Frame {
	c.t.Helper()
	c.lastID++
	id := c.lastID
	c.Send(proto, 1, id, options)
	for {
		f := c.Next()
		switch {
		case f.Proto == proto && f.Code == 1:
			c.Send(proto, 2, f.ID, f.Data)
		case f.Proto == proto && f.ID == id && f.Code >= 2 && f.Code <= 4:
			return f
		}
	}
}

// Open agrees on a protocol: it requests options, takes what is suggested, drops what is rejected, and acknowledges the
// other end's first request. It returns both.
func (c *Client) Open(proto uint16, options ...byte) (ours, theirs []byte) {
	c.t.Helper()
	seen := false
	for {
		c.lastID++
		id := c.lastID
		c.Send(proto, 1, id, options)
		for answered := false; !answered; {
			f := c.Next()
			if f.Proto != proto {
				continue
			}
			switch {
			case f.Code == 1:
				c.Send(proto, 2, f.ID, f.Data)
				theirs, seen = f.Data, true
			case f.ID != id:
			case f.Code == 2:
				for !seen {
					r := c.Await(proto, 1)
					c.Send(proto, 2, r.ID, r.Data)
					theirs, seen = r.Data, true
				}
				return options, theirs
			case f.Code == 3:
				options, answered = replace(options, f.Data), true
			case f.Code == 4:
				options, answered = drop(options, f.Data), true
			}
		}
	}
}

// CHAP answers the next challenge.
func (c *Client) CHAP(user, password string) Frame {
	c.t.Helper()
	f := c.Await(0xc223, 1)
	challenge := f.Data[1 : 1+f.Data[0]]
	h := md5.New()
	h.Write([]byte{f.ID})
	io.WriteString(h, password)
	h.Write(challenge)
	c.Send(0xc223, 2, f.ID, append(append([]byte{16}, h.Sum(nil)...), user...))
	for {
		if f := c.Next(); f.Proto == 0xc223 && f.Code != 1 {
			return f
		}
	}
}

// PAP says who it is.
func (c *Client) PAP(user, password string) Frame {
	c.t.Helper()
	data := append([]byte{byte(len(user))}, user...)
	data = append(append(data, byte(len(password))), password...)
	c.Send(0xc023, 1, 9, data)
	for {
		if f := c.Next(); f.Proto == 0xc023 {
			return f
		}
	}
}

// IPv4 opens LCP without options and IPCP, and returns the address that it was given.
func (c *Client) IPv4() netip.Addr {
	c.t.Helper()
	c.Open(0xc021)
	ours, _ := c.Open(0x8021, 3, 6, 0, 0, 0, 0)
	addr, _ := netip.AddrFromSlice(Option(ours, 3))
	return addr
}
