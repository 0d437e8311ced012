package reply

import (
	"net/netip"
	"strconv"
	"strings"
)

// Addresses is +CGPADDR (§10.1.14): the addresses of a context.
type Addresses struct {
	Contexts []ContextAddress `json:"contexts"`
}

// ContextAddress holds what is an address; 0.0.0.0 and missing ones are none.
type ContextAddress struct {
	CID  int         `json:"cid"`
	IPv4 *netip.Addr `json:"ipv4"`
	IPv6 *netip.Addr `json:"ipv6"`
}

// Of gives a context's address, IPv4 first.
func (a Addresses) Of(cid int) (netip.Addr, bool) {
	for _, c := range a.Contexts {
		switch {
		case c.CID != cid:
		case c.IPv4 != nil:
			return *c.IPv4, true
		case c.IPv6 != nil:
			return *c.IPv6, true
		}
	}
	return netip.Addr{}, false
}

// ParseAddresses reads +CGPADDR.
func ParseAddresses(lines []string) (Addresses, error) {
	all, err := rows(lines, "+CGPADDR")
	if err != nil {
		return Addresses{}, err
	}
	out := Addresses{[]ContextAddress{}}
	for _, f := range all {
		cid, ok := within(f, 0, 0, 255)
		if !ok {
			return Addresses{}, unreadable("+CGPADDR", lines)
		}
		c := ContextAddress{CID: cid}
		for _, v := range f[1:] {
			for _, piece := range strings.Fields(v.text) { // some modules put both into one pair of quotes
				a, ok := address(piece)
				switch {
				case !ok && strings.Trim(piece, "0.:") != "":
					return Addresses{}, unreadable("+CGPADDR", lines)
				case ok && a.Is4() && c.IPv4 == nil:
					c.IPv4 = &a
				case ok && a.Is6() && c.IPv6 == nil:
					c.IPv6 = &a
				}
			}
		}
		out.Contexts = append(out.Contexts, c)
	}
	return out, nil
}

// address reads an address in any form modules use: dotted or colons, and IPv6 as 16 decimal bytes
// (+CGPIAF, §10.1.23). Unspecified ones are none.
func address(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.WithZone(""), !a.IsUnspecified()
	}
	b, ok := dotted(s)
	if !ok || len(b) != 16 {
		return netip.Addr{}, false
	}
	a := netip.AddrFrom16([16]byte(b))
	return a, !a.IsUnspecified()
}

// dotted reads decimal bytes between dots.
func dotted(s string) ([]byte, bool) {
	var out []byte
	for _, piece := range strings.Split(s, ".") {
		n, err := strconv.ParseUint(piece, 10, 8)
		if err != nil {
			return nil, false
		}
		out = append(out, byte(n))
	}
	return out, true
}

// Parameters is +CGCONTRDP (§10.1.23): what the network gave to a context.
type Parameters struct {
	CID     int     `json:"cid"`
	Bearer  int     `json:"bearer_id"`
	APN     *string `json:"apn"`
	Local   *string `json:"local_address"`
	Subnet  *string `json:"subnet"`
	Gateway *string `json:"gateway_address"`
	DNS1    *string `json:"dns_primary_address"`
	DNS2    *string `json:"dns_secondary_address"`
	MTU     *int    `json:"ipv4_mtu,omitempty"`
	// More are the lines after the first: the second family of an IPv4v6 context, or other contexts.
	More []Parameters `json:"more,omitempty"`
}

// ParseParameters reads +CGCONTRDP in both forms: since version 9.4.0 address and mask stand in one field.
func ParseParameters(lines []string) (Parameters, error) {
	all, err := rows(lines, "+CGCONTRDP")
	if err != nil {
		return Parameters{}, err
	}
	var out []Parameters
	for _, f := range all {
		p, ok := parametersOf(f)
		if !ok {
			return Parameters{}, unreadable("+CGCONTRDP", lines)
		}
		out = append(out, p)
	}
	out[0].More = out[1:]
	return out[0], nil
}

func parametersOf(f []field) (Parameters, bool) {
	cid, ok1 := within(f, 0, 0, 255)
	bearer, ok2 := within(f, 1, 0, 255)
	p := Parameters{CID: cid, Bearer: bearer, APN: some(text(f, 2))}
	if !ok1 || !ok2 || len(f) < 3 {
		return p, false
	}
	rest := f[3:]
	if len(rest) == 0 {
		return p, true
	}
	local, subnet, joined := splitMask(rest[0].text)
	rest = rest[1:]
	if !joined && len(rest) > 0 && isMask(rest[0].text, local) {
		_, subnet, _ = splitMask(local + "." + rest[0].text)
		rest = rest[1:]
	}
	p.Local, p.Subnet = plainAddress(local), some(subnet)
	for i, into := range []**string{&p.Gateway, &p.DNS1, &p.DNS2} {
		*into = plainAddress(text(rest, i))
		if *into == nil && strings.Trim(text(rest, i), "0.:") != "" {
			return p, false
		}
	}
	// gw, dns1, dns2, P-CSCF 1 and 2, IM signalling flag, LIPA flag, IPv4 MTU
	if mtu, ok := within(rest, 7, 68, 65535); ok {
		p.MTU = &mtu
	}
	return p, local == "" || p.Local != nil || strings.Trim(local, "0.:") == ""
}

// splitMask cuts 4+4 or 16+16 decimal bytes into address and mask.
func splitMask(s string) (local, mask string, joined bool) {
	b, ok := dotted(s)
	if !ok || len(b) != 8 && len(b) != 32 {
		return s, "", false
	}
	half := strings.Split(s, ".")
	n := len(half) / 2
	local, mask = strings.Join(half[:n], "."), strings.Join(half[n:], ".")
	if a, ok := address(mask); ok {
		mask = a.String()
	}
	return local, mask, true
}

// isMask: in the older form a mask follows the address; IPv6 contexts leave the field out, so only what is a mask is one.
func isMask(s, local string) bool {
	b, ok := dotted(s)
	a, isAddr := address(local)
	if !ok || !isAddr || a.Is4() != (len(b) == 4) {
		return false
	}
	ones := 0
	for ones < len(b)*8 && b[ones/8]&(0x80>>(ones%8)) != 0 {
		ones++
	}
	for i := ones; i < len(b)*8; i++ {
		if b[i/8]&(0x80>>(i%8)) != 0 {
			return false
		}
	}
	return ones > 0
}

func plainAddress(s string) *string {
	a, ok := address(s)
	if !ok {
		return nil
	}
	return some(a.String())
}

func readAddresses(r Reply) (any, error)  { return ParseAddresses(r.Lines) }
func readParameters(r Reply) (any, error) { return ParseParameters(r.Lines) }
