package interlock

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"airlock/netd/passage"
)

// The chains that hold what the present window is for; every device's chains go on in them, and only for the one that
// the sets name. Empty, they let nothing pass.
const (
	passIn  = "pass_in"
	passOut = "pass_out"
)

// ICMP types (RFC 792), and those of ICMPv6 (RFC 4443, 4861, 2710, 3810).
const (
	unreachable, exceeded                        = 3, 11
	unreachable6, tooBig6, exceeded6, parameter6 = 1, 2, 3, 4
	listenerQuery, listenerReport                = 130, 143
	routerSolicitation, routerAdvertisement      = 133, 134
	neighbourSolicitation, neighbourAdvert       = 135, 136
)

// Ports of DHCP and DHCPv6.
const dhcpServer, dhcpClient, dhcp6Server, dhcp6Client = 67, 68, 547, 546

// places is a set of addresses with ports, which the rules look up; it costs the same for one place and for a thousand.
type places struct {
	set  *nftables.Set
	l4   byte
	is6  bool
	from func(passage.Passage) []netip.AddrPort
}

// allPlaces are the sets of places, by protocol and family.
func allPlaces() []places {
	named := func(name string, l4 byte, is6 bool, from func(passage.Passage) []netip.AddrPort) places {
		host := nftables.TypeIPAddr
		if is6 {
			host = nftables.TypeIP6Addr
		}
		return places{&nftables.Set{Table: doorTable(), Name: name, Concatenation: true,
			KeyType: nftables.MustConcatSetType(host, nftables.TypeInetService)}, l4, is6, from}
	}
	datagrams := func(p passage.Passage) []netip.AddrPort { return p.Datagrams }
	connections := func(p passage.Passage) []netip.AddrPort { return p.Connections }
	return []places{
		named("udp4", unix.IPPROTO_UDP, false, datagrams), named("udp6", unix.IPPROTO_UDP, true, datagrams),
		named("tcp4", unix.IPPROTO_TCP, false, connections), named("tcp6", unix.IPPROTO_TCP, true, connections),
	}
}

// perMessage bounds the elements of one netlink message, which holds 64 KiB.
const perMessage = 256

// let orders that what p names may pass, and nothing that an earlier passage named. What is refused is counted.
func let(c *nftables.Conn, p passage.Passage) error {
	in := &nftables.Chain{Table: doorTable(), Name: passIn}
	out := &nftables.Chain{Table: doorTable(), Name: passOut}
	c.FlushChain(in)
	c.FlushChain(out)
	for _, s := range allPlaces() {
		c.FlushSet(s.set)
	}
	if p.Lease || p.Discovery || len(p.Datagrams)+len(p.Connections) > 0 {
		noFragments(c, in, out)
		if err := letPlaces(c, in, out, p); err != nil {
			return err
		}
		letErrors(c, in, out)
	}
	if p.Lease {
		letLease(c, in, out)
	}
	if p.Discovery {
		letDiscovery(c, in, out)
	}
	c.AddRule(rule(in, &expr.Counter{}, drop()))
	c.AddRule(rule(out, &expr.Counter{}, drop()))
	return nil
}

// may adds a rule that accepts and counts what all words name.
func may(c *nftables.Conn, chain *nftables.Chain, words ...[]expr.Any) {
	c.AddRule(rule(chain, append(slices.Concat(words...), &expr.Counter{}, accept())...))
}

// noFragments drops the later pieces of packets, which have no ports: the kernel would take their content for some
// (seen on 6.18 at the egress hook).
func noFragments(c *nftables.Conn, chains ...*nftables.Chain) {
	const offset, later, nextHeader = 6, 0x1fff, 6
	for _, chain := range chains {
		c.AddRule(rule(chain, append(protocol(unix.ETH_P_IP), field(expr.PayloadBaseNetworkHeader, offset, 2),
			masked([]byte{later >> 8, later & 0xff}), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0, 0}}, &expr.Counter{}, drop())...))
		c.AddRule(rule(chain, append(protocol(unix.ETH_P_IPV6), field(expr.PayloadBaseNetworkHeader, nextHeader, 1),
			equal([]byte{unix.IPPROTO_FRAGMENT}), &expr.Counter{}, drop())...))
	}
}

// letPlaces fills the sets of places that p names and adds the rules that look them up.
func letPlaces(c *nftables.Conn, in, out *nftables.Chain, p passage.Passage) error {
	for _, s := range allPlaces() {
		var elements []nftables.SetElement
		for _, a := range s.from(p) {
			if host := a.Addr().Unmap().WithZone(""); host.Is6() == s.is6 {
				key := binary.BigEndian.AppendUint16(host.AsSlice(), a.Port())
				elements = append(elements, nftables.SetElement{Key: append(key, 0, 0)})
			}
		}
		for part := range slices.Chunk(elements, perMessage) {
			if err := c.SetAddElements(s.set, part); err != nil {
				return err
			}
		}
		if len(elements) == 0 {
			continue
		}
		may(c, out, s.far(toPort))
		if s.l4 == unix.IPPROTO_TCP {
			may(c, in, answers(), s.far(fromPort))
		} else {
			may(c, in, s.far(fromPort))
		}
	}
	return nil
}

// far looks the far end of a packet up: its address and port are the destination's on the way out, the source's on the
// way in.
func (s places) far(side uint32) []expr.Any {
	family, size, address, second := uint16(unix.ETH_P_IP), uint32(4), uint32(12), uint32(unix.NFT_REG32_01)
	if s.is6 {
		family, size, address, second = unix.ETH_P_IPV6, 16, 8, unix.NFT_REG32_04
	}
	if side == toPort {
		address += size
	}
	return slices.Concat(protocol(family), l4(s.l4), []expr.Any{
		&expr.Payload{DestRegister: unix.NFT_REG32_00, Base: expr.PayloadBaseNetworkHeader, Offset: address, Len: size},
		&expr.Payload{DestRegister: second, Base: expr.PayloadBaseTransportHeader, Offset: side, Len: 2},
		&expr.Lookup{SourceRegister: unix.NFT_REG32_00, SetName: s.set.Name},
	})
}

// letErrors lets ARP pass, and the errors of the way.
func letErrors(c *nftables.Conn, in, out *nftables.Chain) {
	may(c, out, protocol(unix.ETH_P_ARP))
	may(c, in, protocol(unix.ETH_P_ARP))
	for _, kind := range []byte{unreachable, exceeded} {
		may(c, in, protocol(unix.ETH_P_IP), l4(unix.IPPROTO_ICMP), icmp(kind))
	}
	for _, kind := range []byte{unreachable6, tooBig6, exceeded6, parameter6} {
		may(c, in, protocol(unix.ETH_P_IPV6), l4(unix.IPPROTO_ICMPV6), icmp(kind))
	}
}

// letLease lets the node be a DHCP client.
func letLease(c *nftables.Conn, in, out *nftables.Chain) {
	for _, d := range [...]struct{ family, client, server uint16 }{
		{unix.ETH_P_IP, dhcpClient, dhcpServer}, {unix.ETH_P_IPV6, dhcp6Client, dhcp6Server},
	} {
		may(c, out, protocol(d.family), l4(unix.IPPROTO_UDP), port(fromPort, d.client), port(toPort, d.server))
		may(c, in, protocol(d.family), l4(unix.IPPROTO_UDP), port(fromPort, d.server), port(toPort, d.client))
	}
}

// letDiscovery lets the node look for routers and neighbours.
func letDiscovery(c *nftables.Conn, in, out *nftables.Chain) {
	for _, kind := range []byte{routerSolicitation, neighbourSolicitation, neighbourAdvert, listenerReport} {
		may(c, out, protocol(unix.ETH_P_IPV6), l4(unix.IPPROTO_ICMPV6), icmp(kind))
	}
	for _, kind := range []byte{routerAdvertisement, neighbourSolicitation, neighbourAdvert, listenerQuery} {
		may(c, in, protocol(unix.ETH_P_IPV6), l4(unix.IPPROTO_ICMPV6), icmp(kind))
	}
}

// protocol is the frame's EtherType. It works without an Ethernet header too, as on a PPP link.
func protocol(kind uint16) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, equal(binary.BigEndian.AppendUint16(nil, kind))}
}

// l4 is the protocol inside IP, behind the extension headers of IPv6.
func l4(kind byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{kind})}
}

// Offsets of the ports in UDP and TCP.
const fromPort, toPort = 0, 2

// port is one of both.
func port(offset uint32, n uint16) []expr.Any {
	return []expr.Any{field(expr.PayloadBaseTransportHeader, offset, 2), equal(binary.BigEndian.AppendUint16(nil, n))}
}

// answers keeps out who would connect to the node: a segment with SYN and without ACK.
func answers() []expr.Any {
	const flags, syn, ack = 13, 0x02, 0x10
	return append(l4(unix.IPPROTO_TCP),
		field(expr.PayloadBaseTransportHeader, flags, 1),
		masked([]byte{syn | ack}),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{syn}})
}

func icmp(kind byte) []expr.Any {
	return []expr.Any{field(expr.PayloadBaseTransportHeader, 0, 1), equal([]byte{kind})}
}

func field(base expr.PayloadBase, offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: size}
}

func equal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func masked(mask []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}
