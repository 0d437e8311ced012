package interlock

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A device's chains are named after it.
const (
	inPrefix  = "in_"
	outPrefix = "out_"
)

// hookDevs is NFTA_HOOK_DEVS of linux/netfilter/nf_tables.h.
const hookDevs = 4

// hook is where a chain really hangs.
type hook struct {
	number  uint32
	devices []string // empty when the device has vanished under the chain
	drops   bool     // its policy
}

// devices lists the interfaces but for the loopback ones.
func devices() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	var names []string
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names, nil
}

func present(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// deviceOf is the device that a chain was made for; ok is false for the chains that belong to none.
func deviceOf(chain string) (device string, ok bool) {
	if device, ok = strings.CutPrefix(chain, inPrefix); ok {
		return device, true
	}
	return strings.CutPrefix(chain, outPrefix)
}

// verify reads both chains of a device back: that they hang on it, drop by default, and have their
// rules; and that the device is still the one that had this index.
func verify(name string, index int) error {
	all, err := hung()
	if err != nil {
		return fmt.Errorf("verify the guard of %s: %w", name, err)
	}
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("verify the guard of %s: %w", name, err)
	}
	for _, want := range []struct {
		chain string
		hook  nftables.ChainHook
	}{{inPrefix + name, *nftables.ChainHookIngress}, {outPrefix + name, *nftables.ChainHookEgress}} {
		h, ok := all[want.chain]
		if !ok || h.number != uint32(want.hook) || !slices.Equal(h.devices, []string{name}) || !h.drops {
			return fmt.Errorf("verify the guard of %s: chain %s does not hang on it (%+v)", name, want.chain, h)
		}
		rules, err := c.GetRules(doorTable(), &nftables.Chain{Name: want.chain})
		if err != nil || len(rules) != 2 {
			return fmt.Errorf("verify the guard of %s: chain %s has %d rules, want 2 (%v)", name, want.chain, len(rules), err)
		}
	}
	if now, err := net.InterfaceByName(name); err != nil || now.Index != index {
		return fmt.Errorf("verify the guard of %s: the device was exchanged meanwhile", name)
	}
	return nil
}

// hung lists the devices' chains of the door table with the devices that they hang on. The library's own
// listing leaves the devices out, which are what matters: a chain whose device has vanished is
// still listed, and filters nothing.
func hung() (map[string]hook, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("list the chains: %w", err)
	}
	defer c.Close()
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETCHAIN),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: []byte{unix.NFPROTO_NETDEV, unix.NFNETLINK_V0, 0, 0}, // struct nfgenmsg
	})
	if err != nil {
		return nil, fmt.Errorf("list the chains: %w", err)
	}
	chains := map[string]hook{}
	for _, m := range answers {
		table, chain, h, err := parseChain(m.Data)
		if err != nil {
			return nil, fmt.Errorf("list the chains: %w", err)
		}
		if _, ok := deviceOf(chain); ok && table == doorName {
			chains[chain] = h
		}
	}
	return chains, nil
}

// parseChain reads one NFT_MSG_NEWCHAIN.
func parseChain(data []byte) (table, chain string, h hook, err error) {
	const header = 4 // struct nfgenmsg
	if len(data) < header {
		return "", "", h, fmt.Errorf("an answer of %d bytes", len(data))
	}
	ad, err := netlink.NewAttributeDecoder(data[header:])
	if err != nil {
		return "", "", h, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_CHAIN_TABLE:
			table = ad.String()
		case unix.NFTA_CHAIN_NAME:
			chain = ad.String()
		case unix.NFTA_CHAIN_POLICY:
			b := ad.Bytes() // big endian; NF_DROP is 0
			h.drops = len(b) == 4 && b[3] == 0
		case unix.NFTA_CHAIN_HOOK:
			ad.Nested(h.parse)
		}
	}
	return table, chain, h, ad.Err()
}

// parse reads NFTA_CHAIN_HOOK.
func (h *hook) parse(ad *netlink.AttributeDecoder) error {
	var one string
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_HOOK_HOOKNUM:
			if b := ad.Bytes(); len(b) == 4 {
				h.number = uint32(b[3])
			}
		case unix.NFTA_HOOK_DEV:
			one = ad.String()
		case hookDevs:
			ad.Nested(func(in *netlink.AttributeDecoder) error {
				for in.Next() {
					h.devices = append(h.devices, in.String())
				}
				return in.Err()
			})
		}
	}
	if len(h.devices) == 0 && one != "" {
		h.devices = []string{one}
	}
	return ad.Err()
}
