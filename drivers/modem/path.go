package modem

import (
	"context"
	"net/netip"
	"slices"

	"airlock/drivers/modem/reply"
)

// Path is how packets reach the network since the last Up or Mend that led to data; the zero value when there is none.
func (m *Modem) Path() Path {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.path
	p.Addresses, p.DNS = slices.Clone(p.Addresses), slices.Clone(p.DNS)
	return p
}

func (m *Modem) setPath(p Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.path = p
}

// readPath asks the module what the network interface has to be given. Where DHCP tells most of it, only the MTU and the
// families matter, and a module that does not know +CGCONTRDP loses nothing.
func (m *Modem) readPath(ctx context.Context) (Path, error) {
	lines, err := m.command(ctx, quick, "+CGPADDR="+fill("{cid}", m.cfg.CID))
	if fatal(err) {
		return Path{}, err
	}
	granted, _ := reply.ParseAddresses(lines) // it was read as part of the proof
	lines, err = m.command(ctx, quick, "+CGCONTRDP="+fill("{cid}", m.cfg.CID))
	if fatal(err) {
		return Path{}, err
	}
	told, _ := reply.ParseParameters(lines)
	p := pathOf(m.profile, m.cfg.CID, granted, told)
	if m.profile.Servers == "" || len(p.DNS) > 0 {
		return p, nil
	}
	lines, err = m.command(ctx, quick, fill(m.profile.Servers, m.cfg.CID))
	if fatal(err) {
		return Path{}, err
	}
	p.DNS = reply.ParseServers(lines)
	return p, nil
}

// pathOf lays together what both queries tell of a context.
func pathOf(profile Profile, cid int, granted reply.Addresses, told reply.Parameters) Path {
	p := Path{Bearer: ByInterface, DHCP: profile.Address != ByContext, NoARP: profile.NoARP}
	for _, c := range granted.Contexts {
		if c.CID == cid {
			p.add(c.IPv4)
			p.add(c.IPv6)
		}
	}
	for _, row := range append([]reply.Parameters{told}, told.More...) {
		if row.CID == cid {
			p.learn(row)
		}
	}
	if p.DHCP {
		p.Addresses, p.Gateway = nil, netip.Addr{} // the module's own server tells what is true on its interface
	}
	return p
}

// add takes an address. One of IPv6 is only the module's interface identifier until a router has told the prefix
// (3GPP TS 23.401 §5.3.1.2.2), so it is no address to set.
func (p *Path) add(a *netip.Addr) {
	switch {
	case a == nil:
	case a.Is6():
		p.IPv6 = true
	default:
		p.IPv4 = true
		if one := netip.PrefixFrom(*a, 32); !slices.Contains(p.Addresses, one) {
			p.Addresses = append(p.Addresses, one)
		}
	}
}

// learn takes a row of +CGCONTRDP.
func (p *Path) learn(row reply.Parameters) {
	if a, ok := parsed(row.Local); ok {
		p.add(&a)
	}
	if a, ok := parsed(row.Gateway); ok && a.Is4() {
		p.Gateway = a
	}
	for _, server := range []*string{row.DNS1, row.DNS2} {
		if a, ok := parsed(server); ok && !slices.Contains(p.DNS, a) {
			p.DNS = append(p.DNS, a)
		}
	}
	if row.MTU != nil {
		p.MTU = *row.MTU
	}
}

func parsed(s *string) (netip.Addr, bool) {
	if s == nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(*s)
	return a, err == nil && !a.IsUnspecified()
}
