// Package passage says what may pass an open door. It is a leaf and holds no code that acts: the keeper in package netd
// makes a Passage of what a window is for, and netd/interlock makes kernel rules of it.
package passage

import "net/netip"

// Passage is what may pass an open door, in both directions; everything else stays shut out. ARP, and errors of the way
// (ICMP unreachable and time exceeded, which path MTU discovery lives on) always may: without them no address is found
// and a black hole looks like a silent hub.
type Passage struct {
	// Lease lets the node ask for an address: DHCP (RFC 2131) and DHCPv6 (RFC 8415), as a client.
	Lease bool
	// Discovery lets IPv6 find its neighbours and routers (RFC 4861), and nothing else of ICMPv6 but errors.
	Discovery bool
	// Datagrams are the places with which UDP is exchanged: the hub; the name servers while its name is asked for.
	Datagrams []netip.AddrPort
	// Connections are the places that the node may connect to by TCP. Nobody may connect to the node.
	Connections []netip.AddrPort
}
