package modem

import (
	"net/netip"
	"reflect"
	"testing"

	"airlock/drivers/modem/reply"
)

// path lays the given replies together as a session does.
func pathFrom(t *testing.T, p Profile, addresses, parameters []string) Path {
	t.Helper()
	granted, err := reply.ParseAddresses(addresses)
	if err != nil {
		t.Fatal(err)
	}
	told, err := reply.ParseParameters(parameters)
	if err != nil && parameters != nil {
		t.Fatal(err)
	}
	return pathOf(p, 1, granted, told)
}

func addrs(text ...string) (out []netip.Addr) {
	for _, s := range text {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// TestPathOf: what an interface has to be given, of replies as modules of both ways send them.
func TestPathOf(t *testing.T) {
	static, dhcp := fibocomFM350(), quectel()
	for _, c := range []struct {
		name       string
		profile    Profile
		addresses  []string
		parameters []string
		want       Path
	}{
		{"FM350, which has no DHCP", static, []string{`+CGPADDR: 1,"10.64.0.2"`},
			[]string{`+CGCONTRDP: 1,5,"internet.mnc001.mcc222.gprs","10.64.0.2.255.255.255.252","10.64.0.1","10.207.43.46","10.206.56.132","0.0.0.0","0.0.0.0",0,0,1430`},
			Path{Bearer: ByInterface, Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/32")}, Gateway: netip.MustParseAddr("10.64.0.1"),
				DNS: addrs("10.207.43.46", "10.206.56.132"), MTU: 1430, IPv4: true}},
		{"without +CGCONTRDP the address is all there is", static, []string{`+CGPADDR: 1,"10.64.0.2"`}, nil,
			Path{Bearer: ByInterface, Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/32")}, IPv4: true}},
		{"XMM, whose interface carries bare IP", fibocomL850(), []string{`+CGPADDR: 1,"10.64.0.2"`}, nil,
			Path{Bearer: ByInterface, Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/32")}, IPv4: true, NoARP: true}},
		{"DHCP tells addresses, the context the MTU", dhcp, []string{`+CGPADDR: 1,"100.70.3.4"`},
			[]string{`+CGCONTRDP: 1,5,"internet","100.70.3.4.255.255.255.248","100.70.3.5","9.9.9.9",,,,0,0,1358`},
			Path{Bearer: ByInterface, DHCP: true, DNS: addrs("9.9.9.9"), MTU: 1358, IPv4: true}},
		{"both families", dhcp, []string{`+CGPADDR: 1,"100.70.3.4","38.4.0.232.0.0.0.0.0.0.0.0.0.0.0.1"`},
			[]string{`+CGCONTRDP: 1,5,"internet","100.70.3.4",,"9.9.9.9"`,
				`+CGCONTRDP: 1,5,"internet","38.4.0.232.0.0.0.0.0.0.0.0.0.0.0.1",,"32.1.72.96.72.96.0.0.0.0.0.0.0.0.136.136"`},
			Path{Bearer: ByInterface, DHCP: true, DNS: addrs("9.9.9.9", "2001:4860:4860::8888"), IPv4: true, IPv6: true}},
		{"IPv6 alone, without DHCP", static, []string{`+CGPADDR: 1,"38.4.0.232.0.0.0.0.0.0.0.0.0.0.0.1"`}, nil,
			Path{Bearer: ByInterface, IPv6: true}},
		{"another context's rows are not ours", static, []string{`+CGPADDR: 1,"10.64.0.2"`, `+CGPADDR: 2,"10.99.0.2"`},
			[]string{`+CGCONTRDP: 2,6,"ims","10.99.0.2.255.255.255.0","10.99.0.1","10.99.0.53"`},
			Path{Bearer: ByInterface, Addresses: []netip.Prefix{netip.MustParsePrefix("10.64.0.2/32")}, IPv4: true}},
	} {
		if got := pathFrom(t, c.profile, c.addresses, c.parameters); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// TestPathIsACopy: who was told of a path cannot change what the next one is told.
func TestPathIsACopy(t *testing.T) {
	m := New(Config{}, nil)
	m.setPath(Path{Bearer: ByInterface, DNS: addrs("9.9.9.9")})
	m.Path().DNS[0] = netip.IPv4Unspecified()
	if got := m.Path().DNS[0]; got.String() != "9.9.9.9" {
		t.Errorf("Path().DNS = %s after a reader wrote into it", got)
	}
}
