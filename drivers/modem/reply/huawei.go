package reply

import (
	"encoding/hex"
	"math/bits"
	"net/netip"
	"strings"
)

// Dialup is ^NDISSTAT and ^NDISSTATQRY: which family is connected.
type Dialup struct {
	HasV4 bool  `json:"ipv4_available"`
	HasV6 bool  `json:"ipv6_available"`
	V4    *bool `json:"ipv4_connected,omitempty"`
	V6    *bool `json:"ipv6_connected,omitempty"`
}

// Connected reports whether packets of either family may flow.
func (d Dialup) Connected() bool { return d.V4 != nil && *d.V4 || d.V6 != nil && *d.V6 }

// ParseDialup reads rows of <stat>,<err>,<wx state>,<family>, several of which may stand in one line; a lone state
// is about IPv4. 2 and 3 are connecting and disconnecting.
func ParseDialup(lines []string) (Dialup, error) {
	var d Dialup
	for _, line := range lines {
		rest, ok := after(line, "^NDISSTATQRY")
		if !ok {
			if rest, ok = after(line, "^NDISSTAT"); !ok {
				return Dialup{}, unreadable("^NDISSTATQRY", lines)
			}
		}
		f := fields(rest)
		for i := 0; i < len(f); i += 4 {
			stat, ok := within(f, i, 0, 3)
			up := stat == 1
			switch family := strings.ToUpper(text(f, i+3)); {
			case !ok:
				return Dialup{}, unreadable("^NDISSTATQRY", lines)
			case family == "IPV4", family == "":
				d.HasV4, d.V4 = true, &up
			case family == "IPV6":
				d.HasV6, d.V6 = true, &up
			case family == "IPV4V6":
				d.HasV4, d.HasV6, d.V4, d.V6 = true, true, &up, &up
			default:
				return Dialup{}, unreadable("^NDISSTATQRY", lines)
			}
		}
	}
	if !d.HasV4 && !d.HasV6 {
		return Dialup{}, unreadable("^NDISSTATQRY", lines)
	}
	return d, nil
}

// Lease is ^DHCP?: addresses as hex numbers in the wrong byte order.
type Lease struct {
	Address netip.Addr `json:"addr"`
	Prefix  int        `json:"prefix"`
	Gateway netip.Addr `json:"gateway"`
	DNS1    netip.Addr `json:"dns1"`
	DNS2    netip.Addr `json:"dns2"`
}

func readLease(r Reply) (any, error) {
	f, err := first(r.Lines, "^DHCP")
	if err != nil {
		return nil, err
	}
	var a [6]netip.Addr // address, mask, gateway, DHCP server, DNS, DNS
	for i := range a {
		s := strings.TrimPrefix(strings.ToLower(text(f, i)), "0x")
		if len(s) < 8 {
			s = strings.Repeat("0", 8-len(s)) + s
		}
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 4 || text(f, i) == "" {
			return nil, unreadable("^DHCP", r.Lines)
		}
		a[i] = netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]})
	}
	mask := a[1].As4()
	prefix := 0
	for _, b := range mask {
		prefix += bits.OnesCount8(b)
	}
	return Lease{a[0], prefix, a[2], a[4], a[5]}, nil
}

// HuaweiSignal is ^HCSQ: indexes by technology, and what they mean.
type HuaweiSignal struct {
	Access string  `json:"act"`
	Values [5]int  `json:"values"`
	Levels *Levels `json:"levels,omitempty"`
}

func readHCSQ(r Reply) (any, error) {
	f, err := first(r.Lines, "^HCSQ")
	if err != nil {
		return nil, err
	}
	s := HuaweiSignal{Access: strings.ToUpper(text(f, 0)), Levels: &Levels{}}
	if len(f) < 2 || len(f) > 6 || strings.Trim(s.Access, "0123456789") == "" {
		return nil, unreadable("^HCSQ", r.Lines) // NOSERVICE has no values
	}
	for i := range f[1:] {
		n, ok := within(f, i+1, 0, 255)
		if !ok {
			return nil, unreadable("^HCSQ", r.Lines)
		}
		s.Values[i] = n
	}
	// Huawei's ME909 manual: one step is 1 dB for powers, 0.5 dB for RSRQ and Ec/Io, 0.2 dB for SINR; 255 is unknown.
	scale := func(i int, base, step float64) *float64 {
		if i+1 >= len(f) || s.Values[i] == 255 {
			return nil
		}
		return dB(base + step*float64(s.Values[i]))
	}
	s.Levels.RSSI = scale(0, -121, 1)
	switch s.Access {
	case "WCDMA":
		s.Levels.RSCP, s.Levels.EcIo = scale(1, -121, 1), scale(2, -32.5, 0.5)
	case "LTE":
		s.Levels.RSRP, s.Levels.SINR, s.Levels.RSRQ = scale(1, -141, 1), scale(2, -20.2, 0.2), scale(3, -20, 0.5)
	}
	return s, nil
}

// System is ^SYSINFO and ^SYSINFOEX.
type System struct {
	Service  int  `json:"srv_status"` // 0 none, 1 restricted, 2 valid, 3 restricted by region, 4 power saving
	Domain   int  `json:"srv_domain"`
	Roaming  int  `json:"roam_status"`
	SIM      int  `json:"sim_state"` // 1 valid; 0, 2, 3, 4 not for all domains; 240 ROMSIM; 255 none
	Mode     int  `json:"sys_mode"`
	Submode  int  `json:"sys_submode"`
	HasSub   bool `json:"sys_submode_valid"`
	Extended bool `json:"extended"`
}

func readSystem(r Reply) (any, error) {
	f, err := first(r.Lines, r.Name)
	if err != nil {
		return nil, err
	}
	// ^SYSINFO: service, domain, roaming, mode, SIM, lock, submode
	// ^SYSINFOEX: service, domain, roaming, SIM, lock, mode, name, submode, name
	at := [...]int{0, 1, 2, 4, 3, 6}
	s := System{Extended: r.Name == "^SYSINFOEX"}
	if s.Extended {
		at = [...]int{0, 1, 2, 3, 5, 7}
	}
	for i, into := range [...]*int{&s.Service, &s.Domain, &s.Roaming, &s.SIM, &s.Mode, &s.Submode} {
		n, ok := within(f, at[i], 0, 255)
		last := i == len(at)-1
		if !ok && !(last && text(f, at[i]) == "") {
			return nil, unreadable(r.Name, r.Lines)
		}
		*into = n
		if last {
			s.HasSub = ok
		}
	}
	return s, nil
}

func readDialup(r Reply) (any, error) { return ParseDialup(r.Lines) }
