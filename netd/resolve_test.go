package netd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"airlock/netd/windows"
)

// nameServer answers questions after known names on loopback, and that others do not exist.
func nameServer(t *testing.T, known map[string]netip.Addr) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			q := m.Questions[0]
			a, ok := known[q.Name.String()]
			if !ok {
				m.RCode = dnsmessage.RCodeNameError
			}
			h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
			switch {
			case ok && q.Type == dnsmessage.TypeA && a.Is4():
				m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: a.As4()}}}
			case ok && q.Type == dnsmessage.TypeAAAA && a.Is6():
				m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestNamesAreAskedOfTheGivenServer(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")
	server := nameServer(t, map[string]netip.Addr{"hub.example.net.": v4, "hub6.example.net.": v6})
	for host, want := range map[string]netip.Addr{"hub.example.net": v4, "hub6.example.net": v6} {
		if got, err := lookUp(t.Context(), host, server, v4); err != nil || got != want {
			t.Errorf("lookUp(%s) = %v, %v, want %v", host, got, err, want)
		}
	}
	var missing *net.DNSError
	if _, err := lookUp(t.Context(), "gone.example.net", server, v4); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("lookUp of a name that is not there: %v", err)
	}
}

func TestResolve(t *testing.T) {
	for hub, want := range map[string]string{"192.0.2.1:51820": "192.0.2.1:51820", "[2001:db8::1]:5": "[2001:db8::1]:5"} {
		if got, err := resolve(t.Context(), hub, nil, netip.Addr{}); err != nil || got.String() != want {
			t.Errorf("resolve(%s) = %v, %v", hub, got, err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	for name, servers := range map[string][]netip.Addr{
		"no DNS server":  nil,
		"hub.invalid":    {netip.MustParseAddr("127.0.0.1")}, // nothing listens on its port 53
		"Check the name": nil,
	} {
		_, err := resolve(ctx, "hub.invalid:1", servers, netip.Addr{})
		var p *windows.Problem
		if !errors.As(err, &p) || p.Code != windows.CodeNoHub || !strings.Contains(p.Detail, name) {
			t.Errorf("resolve = %v, want no-hub and %q", err, name)
		}
	}
}

// TestHubOfOurFamily: a hub with addresses of both families is called by the one that we have.
func TestHubOfOurFamily(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")
	mapped := netip.MustParseAddr("::ffff:192.0.2.9")
	for _, c := range []struct {
		found []netip.Addr
		from  netip.Addr
		want  netip.Addr
	}{
		{[]netip.Addr{v6, v4}, netip.MustParseAddr("10.64.0.2"), v4},
		{[]netip.Addr{mapped, v6}, netip.MustParseAddr("10.64.0.2"), v4},
		{[]netip.Addr{v4, v6}, netip.MustParseAddr("2001:db8::77"), v6},
		{[]netip.Addr{v6}, netip.MustParseAddr("10.64.0.2"), v6}, // it will say so itself
		{[]netip.Addr{v6, v4}, netip.Addr{}, v4},
	} {
		if got := pick(c.found, c.from); got != c.want {
			t.Errorf("pick(%v, %s) = %s, want %s", c.found, c.from, got, c.want)
		}
	}
}
