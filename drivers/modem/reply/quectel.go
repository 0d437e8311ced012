package reply

import (
	"net/netip"
	"strings"
)

// Device is +QNETDEVCTL?: whether the network interface is tied to a context.
type Device struct {
	Connect   string `json:"connect_type"` // disconnect, connect_once, connect_manual, connect_auto
	CID       int    `json:"cid"`
	Connected bool   `json:"connected"`
}

// Bound reports whether the interface carries the packets of a context.
func (d Device) Bound(cid int) bool { return d.Connected && d.CID == cid }

// ParseDevice reads +QNETDEVCTL?: <connect type>,<cid>,<urc>,<connected>; on Unisoc the context comes first.
// After +CFUN=1,1 it reads 0,0,0,0 although the context is active and the module's own DHCP server still answers.
func ParseDevice(lines []string, d Dialect) (Device, error) {
	f, err := first(lines, "+QNETDEVCTL")
	if err != nil {
		return Device{}, err
	}
	kindAt, cidAt := 0, 1
	if d.DeviceByCID {
		kindAt, cidAt = 1, 0
	}
	kind, ok1 := within(f, kindAt, 0, 3)
	cid, ok2 := within(f, cidAt, 0, 15)
	connected, ok3 := within(f, 3, 0, 1)
	if !ok1 || !ok2 || !ok3 {
		return Device{}, unreadable("+QNETDEVCTL", lines)
	}
	names := [...]string{"disconnect", "connect_once", "connect_manual", "connect_auto"}
	return Device{names[kind], cid, connected == 1}, nil
}

// DeviceStatus is +QNETDEVSTATUS in its three forms: rows by family, the addresses, and what comes unasked.
type DeviceStatus struct {
	V4          bool         `json:"v4_connected"`
	V6          bool         `json:"v6_connected"`
	Unsolicited bool         `json:"urc,omitempty"`
	CID         int          `json:"cid,omitempty"`
	IPv4        *netip.Addr  `json:"ipv4,omitempty"`
	Netmask     *netip.Addr  `json:"netmask,omitempty"`
	Gateway     *netip.Addr  `json:"gateway,omitempty"`
	IPv6        *netip.Addr  `json:"ipv6,omitempty"`
	DNS         []netip.Addr `json:"dns,omitempty"`
}

// ParseDeviceStatus reads +QNETDEVSTATUS. That nothing is connected is told by "+CME ERROR: 3" on Unisoc.
func ParseDeviceStatus(lines []string) (DeviceStatus, error) {
	all, err := rows(lines, "+QNETDEVSTATUS")
	if err != nil {
		return DeviceStatus{}, err
	}
	var s DeviceStatus
	for _, f := range all {
		if !s.addRow(f) {
			return DeviceStatus{}, unreadable("+QNETDEVSTATUS", lines)
		}
	}
	return s, nil
}

func (s *DeviceStatus) addRow(f []field) bool {
	if a, ok := address(text(f, 0)); ok || text(f, 0) == "" && len(f) >= 8 {
		return s.addAddresses(f, a)
	}
	n, ok := within(f, 0, 0, 15)
	if !ok || len(f) != 4 {
		return false
	}
	if kind, ok := pdpType(text(f, 2)); ok { // <cid>,<connected>,"IPV4V6",<reason>, unasked
		up, ok := within(f, 1, 0, 1)
		s.Unsolicited, s.CID = true, n
		s.V4, s.V6 = up == 1 && kind != "IPV6", up == 1 && kind != "IPV4"
		return ok
	}
	_, ok1 := within(f, 1, 0, 6)
	family, ok2 := num(f, 2)
	up, ok3 := within(f, 3, 0, 1)
	switch family {
	case 4:
		s.V4 = up == 1
	case 6:
		s.V6 = up == 1
	default:
		return false
	}
	return n <= 1 && ok1 && ok2 && ok3
}

// addAddresses: IPv4 address, mask, gateway, DHCP server, two DNS servers, then the same for IPv6.
func (s *DeviceStatus) addAddresses(f []field, a netip.Addr) bool {
	for i := range f {
		if _, ok := address(f[i].text); !ok && strings.Trim(f[i].text, "0.:") != "" {
			return false
		}
	}
	pick := func(i int) *netip.Addr {
		if a, ok := address(text(f, i)); ok {
			return &a
		}
		return nil
	}
	if a.IsValid() && a.Is4() {
		s.V4 = true
	}
	s.IPv4, s.Netmask, s.Gateway, s.IPv6 = pick(0), pick(1), pick(2), pick(6)
	s.V6 = s.IPv6 != nil
	for _, i := range [...]int{4, 5, 10, 11} {
		if a := pick(i); a != nil {
			s.DNS = append(s.DNS, *a)
		}
	}
	return true
}

// USBNet is +QCFG="usbnet": how the module shows itself on USB.
type USBNet struct {
	Value  *int   `json:"usbnet,omitempty"`
	Mode   string `json:"mode,omitempty"`
	Driver string `json:"kernel_driver,omitempty"`
	// Offers tells of the test form whether ECM or RNDIS can be chosen.
	Offers *bool `json:"usbnet_ecm_or_rndis_supported,omitempty"`
}

func readUSBNet(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+QCFG")
		g := groups(rest)
		if !ok || len(g) < 2 || !strings.EqualFold(strings.Trim(g[0], `" `), "usbnet") {
			continue
		}
		list, err := numbers(g[1])
		if err != nil || len(list) == 0 {
			break
		}
		if r.Form == Test || strings.Contains(rest, "(") {
			offers := false
			for _, n := range list {
				offers = offers || n == 1 || n == 3
			}
			return USBNet{Offers: &offers}, nil
		}
		u := USBNet{Value: &list[0]}
		switch list[0] {
		case 0:
			u.Mode, u.Driver = "RMNET", "qmi_wwan"
		case 1:
			u.Mode, u.Driver = "ECM", "cdc_ether"
		case 2:
			u.Mode, u.Driver = "MBIM", "cdc_mbim"
		case 3:
			u.Mode, u.Driver = "RNDIS", "rndis_host"
		case 5:
			u.Mode, u.Driver = "NCM", "cdc_ncm"
		}
		return u, nil
	}
	return nil, unreadable("+QCFG", r.Lines)
}

func readDevice(r Reply) (any, error)       { return ParseDevice(r.Lines, r.Dialect) }
func readDeviceStatus(r Reply) (any, error) { return ParseDeviceStatus(r.Lines) }
