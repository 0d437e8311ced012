package ppp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// content is a frame's inside, escaped as RFC 1662 wants it; the checksum is of no interest here.
func content(proto uint16, payload ...byte) []byte {
	var out []byte
	for _, b := range append([]byte{0xff, 3, byte(proto >> 8), byte(proto)}, payload...) {
		if b < 0x20 || b == flag || b == escape {
			out = append(out, escape, b^0x20)
		} else {
			out = append(out, b)
		}
	}
	return out
}

func stream(contents ...[]byte) []byte {
	var out []byte
	for _, c := range contents {
		out = append(append(append(out, flag), c...), flag)
	}
	return out
}

// TestSplitter: frames come out whole however the stream was cut; what is between them comes out too, and is no frame.
func TestSplitter(t *testing.T) {
	lcp, packet := content(protoLCP, 1, 2, 0, 4), content(0x21, 0x45, flag, escape)
	whole := slices.Concat([]byte("\nnoise"), stream(lcp, packet), []byte("\r\nNO CARRIER\r\n"), stream(lcp))
	want := [][]byte{[]byte("\nnoise"), lcp, packet, []byte("\r\nNO CARRIER\r\n"), lcp}
	for size := 1; size <= len(whole); size++ {
		var s splitter
		var got [][]byte
		for chunk := range slices.Chunk(whole, size) {
			s.feed(chunk, func(c []byte) { got = append(got, bytes.Clone(c)) })
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
	var s splitter
	n := 0
	s.feed(append(make([]byte, 3*longest), flag), func([]byte) { n++ })
	s.feed(stream(lcp), func([]byte) { n++ })
	if n != 1 {
		t.Errorf("%d frames after one that is too long, want the one behind it", n)
	}
}

func TestProtocol(t *testing.T) {
	for text, want := range map[string]uint16{
		string(content(protoLCP)): protoLCP, string(content(0x21, 1)): 0x21, "\xc0\x21": protoLCP,
		"\r\nNO CARRIER\r\n": 0, "": 0, "\xff": 0, "\xff\x03": 0, "\x7d": 0, "OK": 0,
	} {
		if got, ok := protocol([]byte(text)); got != want || ok != (want != 0) {
			t.Errorf("protocol(%q) = %04x, %v, want %04x", text, got, ok, want)
		}
	}
}

// TestGate: while it is shut the link and who we are pass both ways, and nothing else; when it opens, what would have been
// agreed comes out once, in its newest form.
func TestGate(t *testing.T) {
	var module, host bytes.Buffer
	g := newGate(&module, &host)
	link := [][]byte{content(protoLCP, 1, 1, 0, 4), content(0xc223, 2, 1, 0, 4), content(0xc023, 1, 1, 0, 4)}
	old, ask, grant := content(protoIPCP, 1, 1, 0, 4), content(protoIPCP, 1, 2, 0, 4), content(protoIPCP, 1, 9, 0, 4)
	stopped := [][]byte{content(0x21, 0x45), content(0x57, 0x60), content(0x2d), content(0x3d), []byte("\r\nOK\r\n")}

	pass := func(w *way, frames ...[]byte) {
		t.Helper()
		for _, f := range frames {
			if err := g.pass(w, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass(&g.toHost, slices.Concat(link, stopped, [][]byte{grant})...)
	select {
	case <-g.held:
		t.Fatal("the module's word counts as pppd's")
	default:
	}
	pass(&g.toModule, slices.Concat(link, stopped, [][]byte{old, ask, content(protoIPv6CP, 1, 1, 0, 4)})...)
	<-g.held
	if want := stream(link...); !bytes.Equal(module.Bytes(), want) || !bytes.Equal(host.Bytes(), want) {
		t.Fatalf("a shut gate passed %x and %x, want the link's %x", module.Bytes(), host.Bytes(), want)
	}
	module.Reset()
	host.Reset()
	if err := g.unlock(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(host.Bytes(), stream(grant)) || bytes.Count(module.Bytes(), ask) != 1 || bytes.Contains(module.Bytes(), old) ||
		!bytes.Contains(module.Bytes(), content(protoIPv6CP, 1, 1, 0, 4)) {
		t.Errorf("the opened gate sent %x and %x", module.Bytes(), host.Bytes())
	}
	module.Reset()
	pass(&g.toModule, stopped...)
	if want := stream(stopped[:4]...); !bytes.Equal(module.Bytes(), want) {
		t.Errorf("an open gate passed %x, want %x: all but what is no frame", module.Bytes(), want)
	}
}

// TestGateHolds throws frames of every protocol and noise at a shut gate, cut at random: only the link comes out.
func TestGateHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	g := newGate(&out, io.Discard)
	var s splitter
	for range 20000 {
		noise := make([]byte, rng.IntN(40))
		for i := range noise {
			noise[i] = byte(rng.UintN(256))
		}
		b := slices.Concat(noise, stream(content(uint16(rng.UintN(1<<16)), noise...)))
		for len(b) > 0 {
			n := 1 + rng.IntN(len(b))
			s.feed(b[:n], func(c []byte) { _ = g.pass(&g.toModule, c) })
			b = b[n:]
		}
	}
	var sent splitter
	passed := 0
	sent.feed(out.Bytes(), func(c []byte) {
		passed++
		if proto, ok := protocol(c); !ok || proto < 0xc000 {
			t.Fatalf("the shut gate passed %x", c)
		}
	})
	if passed == 0 {
		t.Error("nothing passed at all: the test tries nothing")
	}
}

// TestServers: name servers are those that the network has acknowledged.
func TestServers(t *testing.T) {
	ack := content(protoIPCP, 2, 7, 0, 22, 3, 6, 10, 64, 0, 2, 129, 6, 9, 9, 9, 9, 131, 6, 0, 0, 0, 0, 0xaa, 0xbb)
	got, ok := servers(ack)
	if !ok || len(got) != 1 || got[0] != netip.MustParseAddr("9.9.9.9") {
		t.Errorf("servers = %v, %v, want 9.9.9.9 alone", got, ok)
	}
	for _, other := range [][]byte{
		content(protoIPCP, 1, 7, 0, 10, 129, 6, 9, 9, 9, 9), content(protoIPCP, 2, 7), content(protoIPCP), nil,
		content(protoIPCP, 2, 7, 0, 200, 129, 60, 9), content(protoIPCP, 2, 7, 0, 6, 129, 0), content(protoIPCP, 2, 7, 0, 2, 129, 6),
	} {
		if got, _ := servers(other); len(got) != 0 {
			t.Errorf("servers(%x) = %v, want none", other, got)
		}
	}
}

// TestRefusal: a network without IPv6 says so, and nobody waits for it.
func TestRefusal(t *testing.T) {
	g := newGate(io.Discard, io.Discard)
	reject := content(protoLCP, 8, 3, 0, 10, 0x80, 0x57, 1, 1, 0, 4)
	if err := g.pass(&g.toModule, reject); err != nil || g.refuses(protoIPv6CP) {
		t.Errorf("what pppd rejects counts as the network's word (%v)", err)
	}
	if err := g.pass(&g.toHost, reject); err != nil || !g.refuses(protoIPv6CP) || g.refuses(protoIPCP) {
		t.Errorf("the network's word was not heard (%v)", err)
	}
}

// FuzzFrames: nothing that a module sends may break the host's end.
func FuzzFrames(f *testing.F) {
	f.Add(stream(content(protoIPCP, 2, 7, 0, 22, 3, 6, 10, 64, 0, 2, 129, 6, 9, 9, 9, 9)))
	f.Add(stream(content(protoLCP, 8, 3, 0, 10, 0x80, 0x57)))
	f.Add([]byte("~\x7d~\xff\x03~\r\nNO CARRIER\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		g := newGate(io.Discard, &out)
		var s splitter
		s.feed(b, func(c []byte) { _ = g.pass(&g.toHost, c) })
		if err := g.unlock(); err != nil {
			t.Fatal(err)
		}
		s.feed(b, func(c []byte) { _ = g.pass(&g.toHost, c) })
	})
}

// TestOptions: what pppd is told, and what nobody else is.
func TestOptions(t *testing.T) {
	lines, err := Options{Name: "node", Password: `a"b\c#d e`, Auth: "chap", IPv4: true, MTU: 1430}.lines()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"noauth", "nopcomp", "noaccomp", "novj", "nodetach", "nodefaultroute", "noipdefault", "usepeerdns",
		"noipv6", `user "node"`, `password "a\"b\\c#d e"`, "refuse-pap", "mtu 1430", "ifname ppp0"} {
		if !slices.Contains(lines, want) {
			t.Errorf("options lack %q", want)
		}
	}
	both, _ := Options{IPv4: true, IPv6: true}.lines()
	if text := strings.Join(both, "\n"); !strings.Contains(text, "+ipv6") || strings.Contains(text, "noip\n") || !strings.Contains(text, "user \"") {
		t.Errorf("options for both families: %s", text)
	}
	if six, _ := (Options{IPv6: true}).lines(); !slices.Contains(six, "noip") {
		t.Error("IPv6 alone still asks for IPv4")
	}
	if _, err := (Options{Name: "a\nplugin evil.so"}).lines(); err == nil {
		t.Error("a name with a line in it was taken")
	}
}

// brokenLine is a port that takes nothing.
type brokenLine struct{ io.Reader }

func (brokenLine) Write([]byte) (int, error) { return 0, errors.New("no port") }

// TestGateTellsOfALostPort: what cannot be sent is an error when the gate opens.
func TestGateTellsOfALostPort(t *testing.T) {
	g := newGate(brokenLine{}, io.Discard)
	_ = g.pass(&g.toModule, content(protoIPCP, 1, 1, 0, 4))
	if err := g.unlock(); err == nil {
		t.Error("opening towards a lost port = nil")
	}
}

// BenchmarkOpenGate is what a packet of 1400 bytes costs on its way through.
func BenchmarkOpenGate(b *testing.B) {
	g := newGate(io.Discard, io.Discard)
	if err := g.unlock(); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1400)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range payload {
		payload[i] = byte(rng.UintN(256))
	}
	frame := stream(content(0x21, payload...))
	var s splitter
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		s.feed(frame, func(c []byte) { _ = g.pass(&g.toModule, c) })
	}
}
