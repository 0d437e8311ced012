package netd

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// plan is what one window is for and what it may reach, fixed when it is asked for.
type plan struct {
	limit     time.Duration // of the open door
	hub       string        // host:port, outer windows only
	peer      Peer          // but for Hub, which is resolved inside the window
	publisher string        // host:port inside the tunnel; the only place of an outer window
	service   bool          // nothing is raised and nothing may be dialled: the module is asked
	allow     []netip.AddrPort
	// opened is what the Open event tells besides.
	opened windows.Event
}

// makePlan judges a request by what is known; the errors are *windows.Problem.
func makePlan(r windows.Request, s *store) (plan, error) {
	refuse := func(code, format string, args ...any) (plan, error) {
		return plan{}, &windows.Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
	}
	p := plan{limit: MaxWindow, service: r.Purpose == windows.Service}
	if p.service {
		p.limit = MaxService
	}
	if r.MaxSeconds < 0 {
		return refuse(windows.CodeBadRequest, "max_seconds is %d: ask for a positive time, or for 0 to get the limit", r.MaxSeconds)
	}
	if asked := time.Duration(r.MaxSeconds) * time.Second; r.MaxSeconds > 0 && r.MaxSeconds < int(p.limit/time.Second) {
		p.limit = asked
	}
	door := map[windows.Purpose]windows.Door{
		windows.Enrol: windows.Outer, windows.Fetch: windows.Outer, windows.Report: windows.Outer, windows.Deploy: windows.Inner,
		windows.Service: windows.Outer,
	}[r.Purpose]
	switch {
	case r.Door != windows.Outer && r.Door != windows.Inner:
		return refuse(windows.CodeBadRequest, "there is no door %q: ask for %q or %q", r.Door, windows.Outer, windows.Inner)
	case door == "":
		return refuse(windows.CodeBadRequest, "there is no purpose %q: ask for enrol, fetch, report, deploy or service", r.Purpose)
	case door != r.Door:
		return refuse(windows.CodeBadRequest, "the purpose %q belongs to the %s door, not the %s one", r.Purpose, door, r.Door)
	case r.Asker == "":
		return refuse(windows.CodeBadRequest, "the request does not say who asks")
	case r.Token != "" && r.Purpose != windows.Enrol:
		return refuse(windows.CodeBadRequest, "a token goes with the purpose enrol only")
	}
	identity, site, _ := s.read()
	var err error
	switch r.Purpose {
	case windows.Enrol:
		err = p.enrol(r.Token, s.key)
	case windows.Deploy:
		err = p.deploy(site)
	case windows.Service: // needs no identity: a technician asks the module before the node is enrolled
	default:
		err = p.publish(identity, s.key)
	}
	return p, err
}

// enrol is a first contact: all that is known comes from the token.
func (p *plan) enrol(text string, nodeKey [32]byte) error {
	t, err := tunnel.ParseToken(text)
	if err != nil {
		return windows.AsProblem(err, windows.CodeBadToken, "")
	}
	key := t.Key()
	p.hub, p.publisher = t.Hub, tunnel.PublisherAddress()
	p.peer = Peer{PrivateKey: key, HubKey: t.HubKey, Address: tunnel.AddressOf(tunnel.PublicKey(key))}
	p.opened.NodeKey = tunnel.KeyText(tunnel.PublicKey(nodeKey))
	p.opened.RootDigest = fmt.Sprintf("%x", t.RootDigest)
	p.opened.Hub, p.opened.HubKey = t.Hub, tunnel.KeyText(t.HubKey)
	p.opened.PublisherAddress = p.publisher
	return nil
}

// publish is any later talk with the publisher.
func (p *plan) publish(id *windows.Identity, nodeKey [32]byte) error {
	if id == nil {
		return &windows.Problem{Code: windows.CodeNotEnrolled, Detail: "this node is not enrolled yet: ask the publisher's operator for a token and enrol it first"}
	}
	hubKey, err := tunnel.ParseKey(id.HubKey)
	if err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "the stored identity is unusable")
	}
	address, err := netip.ParseAddr(id.Address)
	if err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "the stored identity is unusable")
	}
	p.hub, p.publisher = id.Hub, id.PublisherAddress
	p.peer = Peer{PrivateKey: nodeKey, HubKey: hubKey, Address: address}
	p.opened.PublisherAddress = p.publisher
	return nil
}

// deploy is a window to the site's targets.
func (p *plan) deploy(s *windows.Site) error {
	if s == nil || len(s.Allow) == 0 {
		return &windows.Problem{Code: windows.CodeNoSite, Detail: "this node does not know its site yet: set the LAN's address and the targets first"}
	}
	for _, place := range s.Allow {
		a, err := netip.ParseAddrPort(place)
		if err != nil {
			return windows.AsProblem(err, windows.CodeInternal, "the stored site is unusable")
		}
		p.allow = append(p.allow, a)
	}
	return nil
}

// allows says whether a dial may go to address.
func (p *plan) allows(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err == nil && p.publisher != "" {
		if only, perr := netip.ParseAddrPort(p.publisher); perr == nil && a == only {
			return nil
		}
	}
	if err == nil && slices.Contains(p.allow, a) {
		return nil
	}
	places := p.publisher
	switch {
	case p.service:
		places = "one for service reaches none"
	case places == "":
		places = fmt.Sprint(p.allow)
	}
	return &windows.Problem{Code: windows.CodeNotAllowed, Detail: fmt.Sprintf(
		"%s is no place that this window may reach (%s)", address, places)}
}
