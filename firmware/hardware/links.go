package hardware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"airlock/drivers/lan"
	"airlock/firmware/config"
	"airlock/netd"
	"airlock/netd/windows"
)

// Outer is the network interface of the module. Its address comes by DHCP.
type Outer struct {
	want lan.Want
	log  *slog.Logger
	sys  string // root of sysfs; empty: the real one
}

// NewOuter makes the outer door's link as the configuration describes it.
func NewOuter(c config.Modem, log *slog.Logger) *Outer {
	o := &Outer{want: lan.Want{Role: lan.Modem}, log: log}
	if c.Interface != config.Auto {
		o.want.Name = c.Interface
	}
	return o
}

func (o *Outer) link() *lan.Link {
	return lan.New(lan.Config{Want: o.want, Log: o.log, Sys: o.sys})
}

// Find implements netd.Link.
func (o *Outer) Find() (string, error) {
	i, err := o.link().Find()
	return i.Name, outerProblem(err)
}

// Up implements netd.Link.
func (o *Outer) Up(ctx context.Context, say func(string)) (netd.Network, error) {
	n, err := o.link().Up(ctx, func(text string) { say(sentence(text)) })
	return network(n), outerProblem(err)
}

// Down implements netd.Link. Every interface that looks like a module's goes down, not only the one that is used:
// a second module is no second way out.
func (o *Outer) Down(ctx context.Context) error {
	return lower(ctx, o.sys, o.log, o.owns, o.want.Name)
}

// owns says whether an interface belongs to the outer side.
func (o *Outer) owns(i lan.Interface) bool { return i.Role == lan.Modem || i.Name == o.want.Name }

// Counters implements netd.Meter.
func (o *Outer) Counters() (in, out uint64, err error) { return counters(o) }

// FrameCounters implements netd.FrameMeter.
func (o *Outer) FrameCounters() (in, out uint64, err error) { return frameCounters(o) }

// Inner is the network interface towards the site. Which one, and its address, the site says.
type Inner struct {
	outer *Outer
	site  func() *windows.Site
	log   *slog.Logger
}

// NewInner makes the inner door's link. site is asked at each call; it returns nil before the site is known.
func NewInner(outer *Outer, site func() *windows.Site, log *slog.Logger) *Inner {
	return &Inner{outer: outer, site: site, log: log}
}

// Find implements netd.Link: the interface that the site names, or the only wired one.
func (n *Inner) Find() (string, error) {
	i, err := n.find()
	return i.Name, innerProblem(err)
}

func (n *Inner) find() (lan.Interface, error) {
	if site := n.site(); site != nil && site.Interface != "" {
		i, err := lan.New(lan.Config{Want: lan.Want{Path: site.Interface}, Sys: n.outer.sys}).Find()
		if err == nil && n.outer.owns(i) {
			err = &lan.Error{Kind: lan.NoInterface, Detail: fmt.Sprintf("%s belongs to the outer door: name another as lan.interface in site.yaml", i)}
		}
		return i, err
	}
	all, err := lan.List(n.outer.sys)
	if err != nil {
		return lan.Interface{}, err
	}
	wired := slices.DeleteFunc(all, n.outer.owns)
	switch len(wired) {
	case 0:
		return lan.Interface{}, &lan.Error{Kind: lan.NoInterface, Detail: "there is no wired network interface for the LAN: check that the network card is plugged in"}
	case 1:
		return wired[0], nil
	}
	var names []string
	for _, i := range wired {
		names = append(names, i.String())
	}
	return lan.Interface{}, &lan.Error{Kind: lan.Ambiguous, Detail: "several interfaces could be the LAN: name the path of one as lan.interface in site.yaml: " + strings.Join(names, "; ")}
}

// Up implements netd.Link.
func (n *Inner) Up(ctx context.Context, say func(string)) (netd.Network, error) {
	site := n.site()
	if site == nil {
		return netd.Network{}, &windows.Problem{Code: windows.CodeNoSite, Detail: "the LAN's address is not known: import a site.yaml first"}
	}
	address, gateway, err := addresses(*site)
	if err != nil {
		return netd.Network{}, err
	}
	found, err := n.find()
	if err != nil {
		return netd.Network{}, innerProblem(err)
	}
	link := lan.New(lan.Config{Want: lan.Want{Name: found.Name}, Address: address, Gateway: gateway, Log: n.log})
	got, err := link.Up(ctx, func(text string) { say(sentence(text)) })
	return network(got), innerProblem(err)
}

func addresses(s windows.Site) (address netip.Prefix, gateway netip.Addr, err error) {
	if address, err = netip.ParsePrefix(s.Address); err == nil && s.Gateway != "" {
		gateway, err = netip.ParseAddr(s.Gateway)
	}
	if err != nil {
		err = &windows.Problem{Code: windows.CodeNoSite, Cause: err, Detail: fmt.Sprintf("the site's addresses are not readable (%v): import its site.yaml again", err)}
	}
	return address, gateway, err
}

// Down implements netd.Link. Every interface that is not the outer door's goes down: which one is the LAN may be
// unknown yet, or have changed since it was raised.
func (n *Inner) Down(ctx context.Context) error {
	return lower(ctx, n.outer.sys, n.log, func(i lan.Interface) bool { return !n.outer.owns(i) }, "")
}

// Counters implements netd.Meter.
func (n *Inner) Counters() (in, out uint64, err error) { return counters(n) }

// FrameCounters implements netd.FrameMeter.
func (n *Inner) FrameCounters() (in, out uint64, err error) { return frameCounters(n) }

var (
	_ netd.Link       = (*Outer)(nil)
	_ netd.Link       = (*Inner)(nil)
	_ netd.Meter      = (*Outer)(nil)
	_ netd.Meter      = (*Inner)(nil)
	_ netd.FrameMeter = (*Outer)(nil)
	_ netd.FrameMeter = (*Inner)(nil)
)

// lower takes down every physical interface that belongs, and the named one, which may be none of those.
func lower(ctx context.Context, sys string, log *slog.Logger, belongs func(lan.Interface) bool, name string) error {
	all, err := lan.List(sys)
	if err != nil {
		return err
	}
	var names []string
	if name != "" {
		names = append(names, name)
	}
	for _, i := range all {
		if belongs(i) && i.Name != name {
			names = append(names, i.Name)
		}
	}
	var failures []error
	for _, name := range names {
		failures = append(failures, lan.New(lan.Config{Want: lan.Want{Name: name}, Log: log}).Down(ctx))
	}
	return errors.Join(failures...)
}

// network is a raised link in netd's words.
func network(n lan.Network) netd.Network {
	return netd.Network{Address: n.Address, Gateway: n.Gateway, DNS: n.DNS, MTU: n.MTU}
}

// counters reads the interface's bytes as the kernel counts them.
func counters(l netd.Link) (in, out uint64, err error) {
	s, err := statistics(l)
	return s.RxBytes, s.TxBytes, err
}

// frameCounters reads its frames.
func frameCounters(l netd.Link) (in, out uint64, err error) {
	s, err := statistics(l)
	return s.RxPackets, s.TxPackets, err
}

func statistics(l netd.Link) (netlink.LinkStatistics, error) {
	name, err := l.Find()
	if err != nil {
		return netlink.LinkStatistics{}, err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return netlink.LinkStatistics{}, fmt.Errorf("read the counters of %s: %w", name, err)
	}
	s := link.Attrs().Statistics
	if s == nil {
		return netlink.LinkStatistics{}, fmt.Errorf("read the counters of %s: the kernel tells none", name)
	}
	return *s, nil
}

// outerProblem gives an error of the driver the code that netd's askers know.
func outerProblem(err error) error {
	return linkProblem(err, windows.CodeNoModem, windows.CodeNoNetwork)
}

func innerProblem(err error) error {
	return linkProblem(err, windows.CodeNoLink, windows.CodeNoLink)
}

func linkProblem(err error, missing, dead string) error {
	var e *lan.Error
	if !errors.As(err, &e) {
		return err
	}
	code := windows.CodeInternal // lan.NotDown: the keeper tries again and latches a fault
	switch e.Kind {
	case lan.NoInterface, lan.Ambiguous:
		code = missing
	case lan.NoCarrier, lan.NoLease:
		code = dead
	}
	return &windows.Problem{Code: code, Detail: e.Error(), Cause: err}
}

// Interfaces lists the physical interfaces with the door that each belongs to, for the console.
func Interfaces(outer *Outer, inner *Inner, log *slog.Logger) []windows.Interface {
	all, err := lan.List(outer.sys)
	if err != nil {
		log.Warn("network interfaces cannot be listed", "error", err)
		return nil
	}
	out, _ := outer.Find() // empty: none
	in, _ := inner.Find()
	var list []windows.Interface
	for _, i := range all {
		role := "unknown"
		switch i.Name {
		case out:
			role = string(windows.Outer)
		case in:
			role = string(windows.Inner)
		}
		list = append(list, windows.Interface{Name: i.Name, Path: i.Path, MAC: i.MAC, Role: role, Up: i.Up})
	}
	return list
}
