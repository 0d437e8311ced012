package interlock

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"airlock/netd/passage"
)

// Names of tables and sets, as `nft list ruleset` shows them.
const (
	doorName  = "door"
	ipName    = "doorip"
	arpName   = "doorarp"
	leaseSet  = "lease"
	budgetSet = "budget"
	openSet   = "open"
)

// Hooks of the ARP family (NF_ARP_IN, NF_ARP_OUT); they are not numbered like those of IP.
const (
	arpIn  nftables.ChainHook = 0
	arpOut nftables.ChainHook = 1
)

func doorTable() *nftables.Table {
	return &nftables.Table{Name: doorName, Family: nftables.TableFamilyNetdev}
}

func ipTable() *nftables.Table {
	return &nftables.Table{Name: ipName, Family: nftables.TableFamilyINet}
}

func arpTable() *nftables.Table {
	return &nftables.Table{Name: arpName, Family: nftables.TableFamilyARP}
}

// sets are all that a move touches.
func sets() []*nftables.Set {
	return []*nftables.Set{
		set(doorTable(), leaseSet, Lease),
		set(doorTable(), budgetSet, MaxBudget),
		set(ipTable(), openSet, Lease),
		set(arpTable(), openSet, Lease),
	}
}

// base orders the three tables, replacing them if they are there.
func base(c *nftables.Conn) error {
	for _, t := range []*nftables.Table{doorTable(), ipTable(), arpTable()} {
		c.AddTable(t) // so that the deletion finds one
		c.DelTable(t)
		c.AddTable(t)
	}
	for _, s := range sets() {
		if err := c.AddSet(s, nil); err != nil {
			return err
		}
	}
	for _, name := range []string{passIn, passOut} {
		c.AddChain(&nftables.Chain{Table: doorTable(), Name: name})
	}
	for _, s := range allPlaces() {
		if err := c.AddSet(s.set, nil); err != nil {
			return err
		}
	}
	if err := let(c, passage.Passage{}); err != nil {
		return err
	}
	lowest, highest := priorityIn, priorityOut
	first := func(t *nftables.Table, name string, hook nftables.ChainHook, p *nftables.ChainPriority) *nftables.Chain {
		drop := nftables.ChainPolicyDrop
		return c.AddChain(&nftables.Chain{Table: t, Name: name, Type: nftables.ChainTypeFilter, Hooknum: &hook, Priority: p, Policy: &drop})
	}
	for _, d := range []struct {
		chain *nftables.Chain
		key   expr.MetaKey
	}{
		{first(ipTable(), "in", *nftables.ChainHookInput, &lowest), expr.MetaKeyIIFNAME},
		{first(ipTable(), "out", *nftables.ChainHookOutput, &highest), expr.MetaKeyOIFNAME},
		{first(arpTable(), "in", arpIn, &lowest), expr.MetaKeyIIFNAME},
		{first(arpTable(), "out", arpOut, &highest), expr.MetaKeyOIFNAME},
	} {
		if d.chain.Table.Family == nftables.TableFamilyINet {
			c.AddRule(rule(d.chain, name(d.key), is("lo"), accept()))
		}
		c.AddRule(rule(d.chain, name(d.key), in(openSet), &expr.Counter{}, accept()))
		c.AddRule(rule(d.chain, &expr.Counter{}, drop()))
	}
	c.AddRule(rule(first(ipTable(), "forw", *nftables.ChainHookForward, &lowest), &expr.Counter{}, drop()))
	return nil
}

// hang orders the two chains of a device.
func hang(c *nftables.Conn, device string) {
	for _, d := range []struct {
		prefix   string
		hook     nftables.ChainHook
		priority nftables.ChainPriority
		key      expr.MetaKey
		pass     string
	}{
		{inPrefix, *nftables.ChainHookIngress, priorityIn, expr.MetaKeyIIFNAME, passIn},
		{outPrefix, *nftables.ChainHookEgress, priorityOut, expr.MetaKeyOIFNAME, passOut},
	} {
		policy := nftables.ChainPolicyDrop
		chain := c.AddChain(&nftables.Chain{
			Table: doorTable(), Name: d.prefix + device, Type: nftables.ChainTypeFilter,
			Hooknum: &d.hook, Priority: &d.priority, Policy: &policy, Device: device,
		})
		c.AddRule(rule(chain, name(d.key), in(leaseSet), name(d.key), in(budgetSet), &expr.Counter{}, to(d.pass)))
		c.AddRule(rule(chain, &expr.Counter{}, drop()))
	}
}

// The words of a rule; register 1 holds the interface's name.
func rule(c *nftables.Chain, words ...expr.Any) *nftables.Rule {
	return &nftables.Rule{Table: c.Table, Chain: c, Exprs: words}
}

func name(k expr.MetaKey) expr.Any { return &expr.Meta{Key: k, Register: 1} }

func is(name string) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: nameKey(name)}
}

func in(set string) expr.Any { return &expr.Lookup{SourceRegister: 1, SetName: set} }

func accept() expr.Any { return &expr.Verdict{Kind: expr.VerdictAccept} }

// to goes on in another chain and does not come back: its end is its caller's policy, which is drop.
func to(chain string) expr.Any { return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain} }

func drop() expr.Any { return &expr.Verdict{Kind: expr.VerdictDrop} }
