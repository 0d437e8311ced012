package netd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"airlock/netd/windows"
)

const dnsPort = 53

// resolve gives the hub's address. A name is asked of the servers that the network named, through
// the door that is open now, and of nobody else.
// Of the hub's addresses one is taken that can be reached from ours.
func resolve(ctx context.Context, hub string, servers []netip.Addr, from netip.Addr) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hub)
	if err != nil {
		return netip.AddrPort{}, windows.AsProblem(err, windows.CodeInternal, "read the hub's address")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, windows.AsProblem(err, windows.CodeInternal, "read the hub's port")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, uint16(n)), nil
	}
	failure := errors.New("the network named no DNS server")
	for _, server := range servers {
		a, err := lookUp(ctx, host, netip.AddrPortFrom(server, dnsPort), from)
		if err == nil {
			return netip.AddrPortFrom(a, uint16(n)), nil
		}
		failure = err
	}
	return netip.AddrPort{}, &windows.Problem{Code: windows.CodeNoHub, Cause: failure, Detail: fmt.Sprintf(
		"the hub's name %s could not be resolved: %v. Check the name at the publisher, and the SIM's APN.", host, failure)}
}

// lookUp asks one server, without the machine's own resolver settings.
func lookUp(ctx context.Context, host string, server netip.AddrPort, from netip.Addr) (netip.Addr, error) {
	ctx, stop := context.WithTimeout(ctx, resolveTime)
	defer stop()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.String())
	}}
	found, err := r.LookupNetIP(ctx, "ip", host+".") // absolute: no search list
	if err != nil {
		return netip.Addr{}, err
	}
	return pick(found, from), nil
}

// pick takes the first address of our own family, which is IPv4 unless the carrier gives none.
func pick(found []netip.Addr, from netip.Addr) netip.Addr {
	for _, a := range found {
		if a = a.Unmap(); a.Is6() == from.Is6() {
			return a
		}
	}
	return found[0].Unmap()
}
