package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Names inside a target: its network card, and the other end of the virtual cable, where we take the frames.
// A pair of virtual cards is used rather than a tap, since an ordinary user may not open /dev/net/tun everywhere.
const (
	cardName  = "eth0"
	cableName = "cable"
)

// joinLAN gives the target its network card and starts the two pumps between its cable and frames.
func joinLAN(o orders, frames *os.File) error {
	if err := silenceIPv6(); err != nil {
		return err
	}
	mac, err := net.ParseMAC(o.MAC)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = cardName, mac
	veth := netlink.NewVeth(attrs)
	veth.PeerName = cableName
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make network card (kernel module veth): %w", err)
	}
	card, cable, err := raise(o)
	if err != nil {
		return err
	}
	if err := silenceARP(card.Attrs().Index); err != nil {
		return err
	}
	socket, err := openCable(cable.Attrs().Index)
	if err != nil {
		return err
	}
	go pumpOut(socket, frames)
	go pumpIn(socket, frames)
	return nil
}

// raise configures both ends and the loopback. Multicast is off before the link is up: no IGMP report leaves.
func raise(o orders) (card, cable netlink.Link, err error) {
	for _, name := range []string{"lo", cableName, cardName} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return nil, nil, fmt.Errorf("find %s: %w", name, err)
		}
		switch name {
		case cardName:
			card = link
			if err := offloadOff(name); err != nil {
				return nil, nil, err
			}
			address := &netlink.Addr{IPNet: &net.IPNet{IP: o.Address.Addr().AsSlice(), Mask: net.CIDRMask(o.Address.Bits(), 32)}}
			if err := netlink.AddrAdd(link, address); err != nil {
				return nil, nil, fmt.Errorf("give %s the address %s: %w", name, o.Address, err)
			}
		case cableName:
			cable = link
			if err := netlink.LinkSetARPOff(link); err != nil {
				return nil, nil, fmt.Errorf("silence %s: %w", name, err)
			}
		}
		if name != "lo" {
			if err := netlink.LinkSetMulticastOff(link); err != nil {
				return nil, nil, fmt.Errorf("silence %s: %w", name, err)
			}
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return nil, nil, fmt.Errorf("raise %s: %w", name, err)
		}
	}
	return card, cable, nil
}

// silenceIPv6 is called before there is a card, so that no router solicitation or listener report ever leaves one.
func silenceIPv6() error {
	for _, which := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // not there: a kernel without IPv6
			return fmt.Errorf("disable IPv6: %w", err)
		}
	}
	return nil
}

// Attributes of a table of neighbours, linux/neighbour.h (NDTA_*, NDTPA_*).
const (
	tableName           = 1
	tableParameters     = 6
	parameterIndex      = 1
	parameterReachable  = 4
	parameterDelayProbe = 7
)

// neighbourTable is struct ndtmsg for IPv4: the family and padding.
type neighbourTable struct{}

// Len is the length of the message's own header.
func (neighbourTable) Len() int { return 4 }

// Serialize returns that header.
func (neighbourTable) Serialize() []byte { return []byte{unix.AF_INET, 0, 0, 0} }

// silenceARP keeps the kernel from asking, seconds after the last packet, whether a neighbour is still there
// (RFC 4861 7.3's delay, which Linux uses for ARP too): that question would leave when the node's door has long been
// shut. It goes by netlink because the sysctls of neighbours are hidden in a user's own network namespace.
func silenceARP(index int) error {
	const hour = uint64(3600 * 1000) // milliseconds
	request := nl.NewNetlinkRequest(unix.RTM_SETNEIGHTBL, unix.NLM_F_ACK)
	request.AddData(neighbourTable{})
	request.AddData(nl.NewRtAttr(tableName, nl.ZeroTerminated("arp_cache")))
	parameters := nl.NewRtAttr(tableParameters|unix.NLA_F_NESTED, nil)
	parameters.AddRtAttr(parameterIndex, nl.Uint32Attr(uint32(index)))
	parameters.AddRtAttr(parameterDelayProbe, nl.Uint64Attr(hour))
	parameters.AddRtAttr(parameterReachable, nl.Uint64Attr(hour))
	request.AddData(parameters)
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("silence ARP's probes: %w", err)
	}
	return nil
}

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// offloadOff makes the kernel finish its packets: a virtual card would else hand us checksums that nobody has
// computed yet, and segments longer than the MTU.
func offloadOff(name string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	for _, command := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_SSG, unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO} {
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		value := ethtoolValue{command: command}
		// struct ifreq: 16 bytes of name, then a pointer to the value.
		raw := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(raw.name[:], request.Name())
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&raw))); errno != 0 {
			return fmt.Errorf("switch offloads of %s off: %w", name, errno)
		}
	}
	return nil
}

// openCable opens a socket that takes and gives whole frames at the far end of the cable. It is blocking: each pump has
// a thread of its own, and the process ends without waiting for them.
func openCable(index int) (int, error) {
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8 // network order
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open cable: %w", err)
	}
	// Our own frames are not ours to read again.
	if err := unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return 0, fmt.Errorf("open cable: %w", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return 0, fmt.Errorf("open cable: %w", err)
	}
	return socket, nil
}

// pumpOut takes what the target sends to the LAN. A pump that fails ends the target: a server without a network would
// look like a fault of the node.
func pumpOut(socket int, lan *os.File) {
	frame := make([]byte, longestFrame)
	for {
		n, err := unix.Read(socket, frame)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil {
			err = writeFrame(lan, frame[:n])
		}
		if err != nil {
			endOfCable(err)
		}
	}
}

// pumpIn gives the target what the LAN sends.
func pumpIn(socket int, lan *os.File) {
	frames := newFrameReader(lan)
	for {
		frame, err := frames.next()
		if err != nil {
			endOfCable(err)
		}
		// A frame that the card does not take (full, too long) is lost, as on any wire.
		_, _ = unix.Write(socket, frame)
	}
}

func endOfCable(err error) {
	if ended(err) {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "target: cable:", err)
	os.Exit(1)
}
