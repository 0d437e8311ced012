package netd

import (
	"context"
	"net/netip"
	"slices"

	"airlock/netd/passage"
)

// addressing is what may pass the outer door while its link gets an address, and no more.
func addressing() passage.Passage { return passage.Passage{Lease: true, Discovery: true} }

// toTargets is what may pass the inner door: connections to what the site allows.
func toTargets(allow []netip.AddrPort) passage.Passage {
	return passage.Passage{Connections: allow, Discovery: slices.ContainsFunc(allow, func(a netip.AddrPort) bool { return a.Addr().Is6() })}
}

// toNameServers is what may pass while the hub's name is asked for. Long answers come by TCP (RFC 7766).
func toNameServers(servers []netip.Addr) passage.Passage {
	var p passage.Passage
	for _, s := range servers {
		at := netip.AddrPortFrom(s, dnsPort)
		p.Datagrams, p.Connections = append(p.Datagrams, at), append(p.Connections, at)
		p.Discovery = p.Discovery || s.Is6()
	}
	return p
}

// toHub is what may pass an open outer door: the tunnel's datagrams, to the one address that the name had when the window
// was opened.
func toHub(hub netip.AddrPort) passage.Passage {
	return passage.Passage{Datagrams: []netip.AddrPort{hub}, Discovery: hub.Addr().Is6()}
}

// findHub gives the hub's address and narrows the door to it. Only a hub that has a name is asked for.
func (k *Keeper) findHub(ctx context.Context, w *window) (netip.AddrPort, error) {
	if _, err := netip.ParseAddrPort(w.plan.hub); err != nil && len(w.network.DNS) > 0 {
		if err := k.lease.narrow(toNameServers(w.network.DNS)); err != nil {
			return netip.AddrPort{}, err
		}
	}
	hub, err := resolve(ctx, w.plan.hub, w.network.DNS, w.network.Address.Addr())
	if err != nil {
		return netip.AddrPort{}, err
	}
	return hub, k.lease.narrow(toHub(hub))
}
