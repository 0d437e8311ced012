package hardware

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"airlock/drivers/lan"
	"airlock/drivers/modem"
	"airlock/drivers/ppp"
	"airlock/netd/windows"
)

// tree lays out a sysfs with network cards: name → PCI address and driver.
func tree(t *testing.T, cards map[string][2]string) string {
	t.Helper()
	sys := t.TempDir()
	link := func(target, at string) {
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, card := range cards {
		device := filepath.Join(sys, "devices", "pci0000:00", card[0])
		link("/sys/bus/pci", filepath.Join(device, "subsystem"))
		link("/sys/bus/pci/drivers/"+card[1], filepath.Join(device, "driver"))
		link(device, filepath.Join(sys, "class", "net", name, "device"))
	}
	if err := os.MkdirAll(filepath.Join(sys, "class", "net", "lo"), 0o700); err != nil { // has no device, but is there in every namespace
		t.Fatal(err)
	}
	return sys
}

// TestWhichInterface: who is the LAN, who the module's, on machines with one, two and no card.
func TestWhichInterface(t *testing.T) {
	card, second := [2]string{"0000:00:03.0", "virtio_net"}, [2]string{"0000:00:05.0", "e1000"}
	module := [2]string{"0000:00:04.0", "cdc_ether"}
	path := func(p string) *windows.Site { return &windows.Site{Interface: p} }
	for name, c := range map[string]struct {
		cards        map[string][2]string
		named        string // modem.interface of node.yaml
		site         *windows.Site
		outer, inner string // names, or a part of the error after "!"
	}{
		"one each":                        {map[string][2]string{"eth0": card, "usb0": module}, "", nil, "usb0", "eth0"},
		"site without interface":          {map[string][2]string{"eth0": card, "usb0": module}, "", &windows.Site{}, "usb0", "eth0"},
		"none":                            {nil, "", nil, "!no", "!there is no wired network interface"},
		"only the module":                 {map[string][2]string{"usb0": module}, "", nil, "usb0", "!there is no wired network interface"},
		"two cards":                       {map[string][2]string{"eth0": card, "eth1": second}, "", nil, "!no", "!eth0 (pci-0000:00:03.0, virtio_net); eth1 (pci-0000:00:05.0, e1000)"},
		"two cards, one named":            {map[string][2]string{"eth0": card, "eth1": second}, "", path("pci-0000:00:05.0"), "!no", "eth1"},
		"named card is not there":         {map[string][2]string{"eth0": card}, "", path("pci-0000:00:09.0"), "!no", "!pci-0000:00:09.0"},
		"the site names the module's":     {map[string][2]string{"eth0": card, "usb0": module}, "", path("pci-0000:00:04.0"), "usb0", "!belongs to the outer door"},
		"the module's interface is named": {map[string][2]string{"eth0": card, "lo": second}, "lo", nil, "lo", "eth0"},
	} {
		t.Run(name, func(t *testing.T) {
			outer := &Outer{want: lan.Want{Role: lan.Modem, Name: c.named}, log: quiet(), sys: tree(t, c.cards)}
			inner := NewInner(outer, func() *windows.Site { return c.site }, quiet())
			compare(t, "outer", c.outer, windows.CodeNoModem, outer.Find)
			compare(t, "inner", c.inner, windows.CodeNoLink, inner.Find)
		})
	}
}

func compare(t *testing.T, door, want, code string, find func() (string, error)) {
	t.Helper()
	got, err := find()
	text, fails := strings.CutPrefix(want, "!")
	if !fails {
		if got != want || err != nil {
			t.Errorf("%s Find() = %q, %v, want %q", door, got, err, want)
		}
		return
	}
	var p *windows.Problem
	if !errors.As(err, &p) || p.Code != code || !strings.Contains(p.Detail, text) {
		t.Errorf("%s Find() = %q, %v, want code %s and %q", door, got, err, code, text)
	}
}

// TestLinkProblem: each kind of the driver's error reaches the asker under its door's code.
func TestLinkProblem(t *testing.T) {
	for kind, want := range map[lan.Kind][2]string{
		lan.NoInterface: {windows.CodeNoModem, windows.CodeNoLink},
		lan.Ambiguous:   {windows.CodeNoModem, windows.CodeNoLink},
		lan.NoCarrier:   {windows.CodeNoNetwork, windows.CodeNoLink},
		lan.NoLease:     {windows.CodeNoNetwork, windows.CodeNoLink},
		lan.NotDown:     {windows.CodeInternal, windows.CodeInternal},
	} {
		for i, translate := range []func(error) error{outerProblem, innerProblem} {
			var p *windows.Problem
			if err := translate(&lan.Error{Kind: kind, Detail: "plug it in"}); !errors.As(err, &p) || p.Code != want[i] || p.Detail != "plug it in" {
				t.Errorf("%s as problem %d = %+v, want %s", kind, i, p, want[i])
			}
		}
	}
	if outerProblem(nil) != nil || innerProblem(nil) != nil {
		t.Error("nil became an error")
	}
}

// TestInnerNeedsItsSite: before a site is known nothing is raised.
func TestInnerNeedsItsSite(t *testing.T) {
	site := (*windows.Site)(nil)
	outer := &Outer{want: lan.Want{Role: lan.Modem}, log: quiet(), sys: tree(t, nil)}
	inner := NewInner(outer, func() *windows.Site { return site }, quiet())
	for _, s := range []*windows.Site{nil, {Address: "10.0.0.300/24"}, {Address: "10.0.0.3/24", Gateway: "x"}} {
		site = s
		var p *windows.Problem
		if _, err := inner.Up(t.Context(), func(string) {}); !errors.As(err, &p) || p.Code != windows.CodeNoSite {
			t.Errorf("Up() with the site %+v = %v, want no-site", s, err)
		}
	}
	if err := errors.Join(inner.Down(t.Context()), outer.Down(t.Context())); err != nil {
		t.Errorf("Down() without any interface = %v, want nil", err)
	}
}

// carrier is a module that has brought data up.
type carrier struct{ path modem.Path }

func (c carrier) Path() modem.Path   { return c.path }
func (c carrier) Call() *ppp.Session { return nil }

// TestGrant: what the context has granted becomes what the link is given.
func TestGrant(t *testing.T) {
	one, dns := netip.MustParsePrefix("10.64.0.2/32"), []netip.Addr{netip.MustParseAddr("9.9.9.9")}
	for name, c := range map[string]struct {
		path modem.Path
		want lan.Config
	}{
		"nothing known":   {modem.Path{}, lan.Config{}},
		"DHCP":            {modem.Path{Bearer: modem.ByInterface, DHCP: true, IPv4: true, MTU: 1430, DNS: dns}, lan.Config{MTU: 1430, DNS: dns}},
		"DHCP, IPv6 too":  {modem.Path{Bearer: modem.ByInterface, DHCP: true, IPv4: true, IPv6: true}, lan.Config{IPv6: true}},
		"IPv6 alone":      {modem.Path{Bearer: modem.ByInterface, DHCP: true, IPv6: true}, lan.Config{IPv6: true, NoIPv4: true}},
		"static":          {modem.Path{Bearer: modem.ByInterface, IPv4: true, Addresses: []netip.Prefix{one}, NoARP: true}, lan.Config{Address: one, OnLink: true, NoARP: true}},
		"static, IPv6":    {modem.Path{Bearer: modem.ByInterface, IPv6: true}, lan.Config{OnLink: true, NoIPv4: true, IPv6: true}},
		"static, gateway": {modem.Path{Bearer: modem.ByInterface, IPv4: true, Addresses: []netip.Prefix{one}, Gateway: dns[0]}, lan.Config{Address: one, Gateway: dns[0], OnLink: true}},
		"PPP":             {modem.Path{Bearer: modem.ByPPP, IPv6: true}, lan.Config{OnLink: true, IPv6: true}},
	} {
		var got lan.Config
		if grant(&got, c.path); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: grant = %+v, want %+v", name, got, c.want)
		}
	}
	outer := &Outer{want: lan.Want{Role: lan.Modem}, carrier: carrier{}, log: quiet(), sys: tree(t, nil)}
	compare(t, "outer", "!no network interface", windows.CodeNoModem, outer.Find)
}
