package interlock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What follows only reads, but for Trip, which shuts. The guard, a process of its own, lives on it.

// State is the interlock as the kernel has it at one moment.
type State struct {
	// Missing names what of the base is not there, or not as it was loaded: tables, sets and chains.
	Missing []string
	// Sets are those of the base that are there.
	Sets []SetState
	// Chains says, by device, what is wrong with its two chains; "" when nothing is. A device that is not in it has none.
	Chains map[string]string
}

// SetState is one of the sets that open the gate.
type SetState struct {
	Name     string        // table and set, as "door lease"
	Limit    time.Duration // the longest that an element may live
	Size     uint32        // room for so many; 0: without a bound
	Timed    bool          // elements are forgotten
	Timeout  time.Duration // of an element that brings none of its own
	Elements []Element
}

// Element is an interface's name in a set.
type Element struct {
	Name string
	Life time.Duration // from its adding; 0: for ever
	Left time.Duration
}

// Holders are the interfaces that some set but the budget lets pass, each once. There is one at most.
func (s State) Holders() (names []string) {
	for _, set := range s.Sets {
		if set.Name == doorName+" "+budgetSet {
			continue
		}
		for _, e := range set.Elements {
			if !slices.Contains(names, e.Name) {
				names = append(names, e.Name)
			}
		}
	}
	return names
}

// baseChain is a chain that stands for interfaces of any name.
type baseChain struct {
	family       byte
	table, chain string
	hook         uint32
	rules        int
}

// baseChains are those that base makes, and interlock.nft.
func baseChains() []baseChain {
	const inet, arp = unix.NFPROTO_INET, unix.NFPROTO_ARP
	return []baseChain{
		{inet, ipName, "in", uint32(*nftables.ChainHookInput), 3},
		{inet, ipName, "out", uint32(*nftables.ChainHookOutput), 3},
		{inet, ipName, "forw", uint32(*nftables.ChainHookForward), 1},
		{arp, arpName, "in", uint32(arpIn), 2},
		{arp, arpName, "out", uint32(arpOut), 2},
	}
}

// tries bounds how often Observe begins anew because the rules changed under it; netd moves once a second.
const tries = 12

// settling is how long the kernel is given to end a commit. While one runs, under its new generation already, a base chain
// whose policy is drop shows accept (nft_chain_commit_drop_policy of net/netfilter/nf_tables_api.c), which was seen on the
// image when netd loaded its rules: a flaw is believed when it is still there after so many looks.
const settling, doubts = 50 * time.Millisecond, 4

// Observe reads the interlock. What it returns is of one moment: it begins anew when the kernel's number of the rules'
// generation has changed meanwhile.
func Observe() (State, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return State{}, fmt.Errorf("observe the interlock: %w", err)
	}
	defer c.Close()
	doubted := 0
	for range tries {
		before, err := generation(c)
		if err != nil {
			return State{}, fmt.Errorf("observe the interlock: %w", err)
		}
		s, err := observe(c)
		after, gerr := generation(c)
		switch {
		case gerr != nil:
			return State{}, fmt.Errorf("observe the interlock: %w", gerr)
		case before != after:
			continue
		case err != nil:
			return State{}, fmt.Errorf("observe the interlock: %w", err)
		case s.flawed() && doubted < doubts:
			doubted++
			<-time.After(settling)
			continue
		}
		return s, nil
	}
	return State{}, fmt.Errorf("observe the interlock: the rules changed %d times while they were read", tries)
}

// flawed says that something is not as it was loaded.
func (s State) flawed() bool {
	for _, flaw := range s.Chains {
		if flaw != "" {
			return true
		}
	}
	return len(s.Missing) > 0
}

// Trip empties every set, so that nothing passes, whoever holds the lease. The caller takes the links down at once.
// It needs no more than the rules of the boot, which have the sets and not the chains of a window's purpose, and holds
// no code that adds a rule: the guard calls it.
func Trip() error {
	err := new(Interlock).batch(func(c *nftables.Conn) error {
		for _, s := range sets() {
			c.FlushSet(s)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trip the interlock: %w", err)
	}
	return nil
}

// chainKey names a chain.
type chainKey struct {
	family       byte
	table, chain string
}

func observe(c *netlink.Conn) (State, error) {
	s := State{Chains: map[string]string{}}
	chains, err := allChains(c)
	if err != nil {
		return s, err
	}
	rules, err := ruleCounts(c)
	if err != nil {
		return s, err
	}
	for _, want := range baseChains() {
		key := chainKey{want.family, want.table, want.chain}
		h, ok := chains[key]
		switch {
		case !ok:
			s.Missing = append(s.Missing, "chain "+want.table+" "+want.chain)
		case h.number != want.hook || !h.drops || rules[key] != want.rules:
			s.Missing = append(s.Missing, fmt.Sprintf("chain %s %s as it was loaded (%d rules, drops %v)", want.table, want.chain, rules[key], h.drops))
		}
	}
	for key := range chains {
		if device, ok := deviceOf(key.chain); ok && key.family == unix.NFPROTO_NETDEV && key.table == doorName {
			s.Chains[device] = flaw(device, chains, rules)
		}
	}
	return s, s.readSets()
}

// flaw is what is wrong with the two chains of a device.
func flaw(device string, chains map[chainKey]hook, rules map[chainKey]int) string {
	for _, want := range []struct {
		chain string
		hook  nftables.ChainHook
	}{{inPrefix + device, *nftables.ChainHookIngress}, {outPrefix + device, *nftables.ChainHookEgress}} {
		key := chainKey{unix.NFPROTO_NETDEV, doorName, want.chain}
		h, ok := chains[key]
		switch {
		case !ok:
			return want.chain + " is missing"
		case !slices.Equal(h.devices, []string{device}) || h.number != uint32(want.hook):
			return fmt.Sprintf("%s hangs on no device of that name (%v)", want.chain, h.devices)
		case !h.drops || rules[key] != 2:
			return fmt.Sprintf("%s was changed (%d rules, drops %v)", want.chain, rules[key], h.drops)
		}
	}
	return ""
}

// readSets reads what each set of the base lets pass.
func (s *State) readSets() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	for _, want := range sets() {
		name := want.Table.Name + " " + want.Name
		now, err := c.GetSetByName(want.Table, want.Name)
		if errors.Is(err, unix.ENOENT) {
			s.Missing = append(s.Missing, "set "+name)
			continue
		}
		if err != nil {
			return fmt.Errorf("read set %s: %w", name, err)
		}
		elements, err := c.GetSetElements(want)
		if err != nil {
			return fmt.Errorf("read the elements of %s: %w", name, err)
		}
		set := SetState{Name: name, Limit: want.Timeout, Size: now.Size, Timed: now.HasTimeout, Timeout: now.Timeout}
		for _, e := range elements {
			life := e.Timeout
			if life == 0 { // the kernel tells only what differs from the set's own
				life = now.Timeout
			}
			set.Elements = append(set.Elements, Element{nameOf(e.Key), life, e.Expires})
		}
		s.Sets = append(s.Sets, set)
	}
	return nil
}

// nameOf reads an interface's name as a set holds it.
func nameOf(key []byte) string {
	name, _, _ := bytes.Cut(key, []byte{0})
	return string(name)
}

// generation is the kernel's count of changes to the rules of this network namespace. Elements that expire do not count.
func generation(c *netlink.Conn) (uint32, error) {
	const genID = 1 // NFTA_GEN_ID
	answers, err := c.Execute(nftRequest(unix.NFT_MSG_GETGEN, unix.NFPROTO_UNSPEC, netlink.Request))
	if err != nil {
		return 0, fmt.Errorf("ask for the generation of the rules: %w", err)
	}
	for _, m := range answers {
		var id uint32
		if err := attributes(m.Data, func(ad *netlink.AttributeDecoder) {
			if b := ad.Bytes(); ad.Type() == genID && len(b) == 4 {
				id = binary.BigEndian.Uint32(b)
			}
		}); err != nil {
			return 0, err
		}
		return id, nil
	}
	return 0, errors.New("the kernel does not tell the generation of the rules")
}

// allChains lists the base chains of every family.
func allChains(c *netlink.Conn) (map[chainKey]hook, error) {
	answers, err := c.Execute(nftRequest(unix.NFT_MSG_GETCHAIN, unix.NFPROTO_UNSPEC, netlink.Request|netlink.Dump))
	if err != nil {
		return nil, fmt.Errorf("list the chains: %w", err)
	}
	chains := map[chainKey]hook{}
	for _, m := range answers {
		table, chain, h, err := parseChain(m.Data)
		if err != nil {
			return nil, fmt.Errorf("list the chains: %w", err)
		}
		chains[chainKey{m.Data[0], table, chain}] = h
	}
	return chains, nil
}

// ruleCounts counts the rules of each chain.
func ruleCounts(c *netlink.Conn) (map[chainKey]int, error) {
	answers, err := c.Execute(nftRequest(unix.NFT_MSG_GETRULE, unix.NFPROTO_UNSPEC, netlink.Request|netlink.Dump))
	if err != nil {
		return nil, fmt.Errorf("list the rules: %w", err)
	}
	counts := map[chainKey]int{}
	for _, m := range answers {
		var key chainKey
		if err := attributes(m.Data, func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case unix.NFTA_RULE_TABLE:
				key.table = ad.String()
			case unix.NFTA_RULE_CHAIN:
				key.chain = ad.String()
			}
		}); err != nil {
			return nil, fmt.Errorf("list the rules: %w", err)
		}
		key.family = m.Data[0]
		counts[key]++
	}
	return counts, nil
}

// Opened reads one message of the kernel's that tells a change of the rules, and returns the interfaces that it lets pass.
func Opened(m netlink.Message) []string {
	if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM {
		return nil
	}
	var table, set string
	var names []string
	err := attributes(m.Data, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_SET_ELEM_LIST_TABLE:
			table = ad.String()
		case unix.NFTA_SET_ELEM_LIST_SET:
			set = ad.String()
		case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(e *netlink.AttributeDecoder) error { return elementName(e, &names) })
				}
				return list.Err()
			})
		}
	})
	if err != nil || set != leaseSet && set != openSet || !strings.HasPrefix(table, doorName) {
		return nil
	}
	return names
}

// elementName reads NFTA_SET_ELEM_KEY of one element.
func elementName(e *netlink.AttributeDecoder, names *[]string) error {
	for e.Next() {
		if e.Type() != unix.NFTA_SET_ELEM_KEY {
			continue
		}
		e.Nested(func(key *netlink.AttributeDecoder) error {
			for key.Next() {
				if key.Type() == unix.NFTA_DATA_VALUE {
					*names = append(*names, nameOf(key.Bytes()))
				}
			}
			return key.Err()
		})
	}
	return e.Err()
}

// nftRequest is a message that asks nf_tables and changes nothing.
func nftRequest(kind uint16, family byte, flags netlink.HeaderFlags) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: flags},
		Data:   []byte{family, unix.NFNETLINK_V0, 0, 0}, // struct nfgenmsg
	}
}

// attributes gives each attribute of a message of nf_tables to read.
func attributes(data []byte, read func(*netlink.AttributeDecoder)) error {
	const header = 4 // struct nfgenmsg
	if len(data) < header {
		return fmt.Errorf("an answer of %d bytes", len(data))
	}
	ad, err := netlink.NewAttributeDecoder(data[header:])
	if err != nil {
		return err
	}
	for ad.Next() {
		read(ad)
	}
	return ad.Err()
}
