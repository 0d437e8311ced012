package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"airlock/netd/windows"
)

// Frame is what the judgement needs of a captured frame.
type Frame struct {
	Number  int // in its capture, from 1, as Wireshark counts
	Door    windows.Door
	At      time.Time
	Bytes   int
	FromFar bool   // towards the node
	What    string // addresses and protocol, for a person
}

// ReadCaptures reads the captures of both doors.
func ReadCaptures(t Timeline, outer, inner string) ([]Frame, error) {
	cards, err := t.cards()
	if err != nil {
		return nil, err
	}
	frames, err := readCapture(outer, windows.Outer, cards[windows.Outer])
	if err != nil {
		return nil, err
	}
	more, err := readCapture(inner, windows.Inner, cards[windows.Inner])
	return append(frames, more...), err
}

// readCapture refuses a file that is cut off: what is missing might be the frame that matters.
func readCapture(path string, door windows.Door, node net.HardwareAddr) ([]Frame, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s capture: %w", door, err)
	}
	defer file.Close()
	reader, err := pcapgo.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s capture %s: %w: want a classic pcap file", door, path, err)
	}
	if reader.LinkType() != layers.LinkTypeEthernet {
		return nil, fmt.Errorf("read %s capture %s: link type %s, want Ethernet", door, path, reader.LinkType())
	}
	var frames []Frame
	for {
		data, info, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s capture %s: after frame %d: %w", door, path, len(frames), err)
		}
		if len(data) < 14 {
			return nil, fmt.Errorf("read %s capture %s: frame %d has %d bytes, less than an Ethernet header", door, path, len(frames)+1, len(data))
		}
		frames = append(frames, Frame{Number: len(frames) + 1, Door: door, At: info.Timestamp, Bytes: info.Length,
			FromFar: !bytes.Equal(data[6:12], node), What: describe(data)})
	}
}

// describe names a frame for a person: who to whom, and the innermost protocol known.
func describe(data []byte) string {
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	src, dst := net.HardwareAddr(data[6:12]).String(), net.HardwareAddr(data[0:6]).String()
	kind := fmt.Sprintf("type %#04x", uint16(data[12])<<8|uint16(data[13]))
	if arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		kind = fmt.Sprintf("ARP for %s", net.IP(arp.DstProtAddress))
	}
	if network := p.NetworkLayer(); network != nil {
		src, dst = network.NetworkFlow().Src().String(), network.NetworkFlow().Dst().String()
		kind = network.LayerType().String()
	}
	if transport := p.TransportLayer(); transport != nil {
		ports := transport.TransportFlow()
		kind = fmt.Sprintf("%s %s to %s", transport.LayerType(), ports.Src(), ports.Dst())
	}
	return fmt.Sprintf("%s > %s, %s", src, dst, kind)
}
