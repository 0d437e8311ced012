package lab

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// synFault loses the first packets of a number of connections towards one address. A nil fault loses nothing.
// The LAN's lock guards it.
type synFault struct {
	to   netip.AddrPort
	most int
	lost map[netip.AddrPort]bool // sources of the connections lost, so that their repeats are lost too
}

func newSynFault(to netip.AddrPort, most int) *synFault {
	if most <= 0 {
		return nil
	}
	return &synFault{to: to, most: most, lost: map[netip.AddrPort]bool{}}
}

func (f *synFault) drops(frame []byte) bool {
	if f == nil {
		return false
	}
	from, ok := f.opening(frame)
	if !ok || f.lost[from] {
		return ok
	}
	if len(f.lost) == f.most {
		return false
	}
	f.lost[from] = true
	return true
}

// opening returns the source of a frame that opens a connection towards f.to.
func (f *synFault) opening(frame []byte) (netip.AddrPort, bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok || !tcp.SYN || tcp.ACK || p.NetworkLayer() == nil {
		return netip.AddrPort{}, false
	}
	flow := p.NetworkLayer().NetworkFlow()
	from, okFrom := netip.AddrFromSlice(flow.Src().Raw())
	to, okTo := netip.AddrFromSlice(flow.Dst().Raw())
	if !okFrom || !okTo || netip.AddrPortFrom(to, uint16(tcp.DstPort)) != f.to {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(from, uint16(tcp.SrcPort)), true
}
