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
	"airlock/drivers/modem"
	"airlock/drivers/ppp"
	"airlock/firmware/config"
	"airlock/netd"
	"airlock/netd/windows"
)

// Carrier tells how the module's packets reach the network; *Modem is one.
type Carrier interface {
	// Path is what the interface has to be given.
	Path() modem.Path
	// Call is the data call whose interface it is; nil: the module has an interface of its own.
	Call() *ppp.Session
}

// Outer is the network interface of the module: its own, or the one that a data call makes.
type Outer struct {
	want    lan.Want
	carrier Carrier // nil: DHCP on the module's own interface
	log     *slog.Logger
	sys     string // root of sysfs; empty: the real one
}

// NewOuter makes the outer door's link as the configuration describes it.
func NewOuter(c config.Modem, carrier Carrier, log *slog.Logger) *Outer {
	return &Outer{want: wantOf(c), carrier: carrier, log: log}
}

// wantOf is the module's own interface.
func wantOf(c config.Modem) lan.Want {
	want := lan.Want{Role: lan.Modem}
	if c.Interface != config.Auto {
		want.Name = c.Interface
	}
	return want
}

// call is the data call that carries the packets; nil when there is none.
func (o *Outer) call() *ppp.Session {
	if o.carrier == nil {
		return nil
	}
	return o.carrier.Call()
}

// link is the interface with what the network has granted for it.
func (o *Outer) link() *lan.Link {
	cfg := lan.Config{Want: o.want, Log: o.log, Sys: o.sys}
	if o.carrier != nil {
		grant(&cfg, o.carrier.Path())
	}
	if call := o.call(); call != nil {
		cfg.Want = lan.Want{Role: lan.Modem, Name: call.Name()}
		cfg.Dial = func(ctx context.Context) (lan.Dialled, error) { return open(ctx, call) }
	}
	return lan.New(cfg)
}

// grant puts the path into the link's configuration.
func grant(cfg *lan.Config, p modem.Path) {
	cfg.DNS, cfg.MTU, cfg.IPv6, cfg.NoARP = p.DNS, p.MTU, p.IPv6, p.NoARP
	switch {
	case p.Bearer == modem.ByPPP:
		cfg.OnLink = true
	case p.Bearer == modem.ByInterface && !p.DHCP:
		cfg.OnLink, cfg.Gateway, cfg.NoIPv4 = true, p.Gateway, len(p.Addresses) == 0
		if len(p.Addresses) > 0 {
			cfg.Address = p.Addresses[0]
		}
	case p.IPv6 && !p.IPv4: // the module has no IPv4 to lease
		cfg.NoIPv4 = true
	}
}

// open opens the call's gate: the interface is guarded by now.
func open(ctx context.Context, call *ppp.Session) (lan.Dialled, error) {
	n, err := call.Open(ctx)
	d := lan.Dialled{DNS: n.DNS, MTU: n.MTU}
	for _, a := range n.Addresses {
		if a.Is4() {
			d.Address = a
		}
		d.IPv6 = d.IPv6 || a.Is6()
	}
	if err != nil {
		err = &lan.Error{Kind: lan.NoLease, Cause: err, Detail: "the network agreed to a call and gave it no address: check the APN and the SIM's contract"}
	}
	return d, err
}

// Find implements netd.Link.
func (o *Outer) Find() (string, error) {
	if call := o.call(); call != nil {
		select {
		case <-call.Done():
			return "", &windows.Problem{Code: windows.CodeNoNetwork, Cause: ppp.ErrHungUp,
				Detail: "the network ended the data call: try again, and check the coverage if it happens often"}
		default:
		}
	}
	i, err := o.link().Find()
	return i.Name, outerProblem(err)
}

// Up implements netd.Link.
func (o *Outer) Up(ctx context.Context, say func(string)) (netd.Network, error) {
	n, err := o.link().Up(ctx, func(text string) { say(sentence(text)) })
	return network(n), outerProblem(err)
}

// Down implements netd.Link. Every interface that looks like a module's goes down, not only the one that is used:
// a second module is no second way out. A call that was opened ends, and its interface with it; one whose gate is still
// shut has let nothing pass, and stays to be opened.
func (o *Outer) Down(ctx context.Context) error {
	var ended error
	if call := o.call(); call != nil && call.Opened() {
		ended = call.Stop(ctx)
	}
	return errors.Join(ended, lower(ctx, o.sys, o.log, o.owns, o.want.Name), lower1(ctx, ppp.Interface, o.log))
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
		failures = append(failures, lower1(ctx, name, log))
	}
	return errors.Join(failures...)
}

// lower1 takes one interface down; one that is not there is down.
func lower1(ctx context.Context, name string, log *slog.Logger) error {
	return lan.New(lan.Config{Want: lan.Want{Name: name}, Log: log}).Down(ctx)
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
