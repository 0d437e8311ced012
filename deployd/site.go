package deployd

import (
	"net/netip"
	"reflect"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
)

// maxTargets is how many servers one site may have.
const maxTargets = 200

// SetSite stores the targets of the site. A target that left the site is not brought back any more
// when a deployment of the past has to be reverted.
func (c *Courier) SetSite(site api.Site) error {
	if c.jobs.Running() == api.KindDeploy || c.jobs.Running() == api.KindRevert {
		return problem(api.CodeBusy, "a deployment runs: change the site when it has ended")
	}
	if err := checkSite(site); err != nil {
		return err
	}
	if reflect.DeepEqual(site, c.state.site()) {
		return nil
	}
	if err := c.state.setSite(site); err != nil {
		return told("store the site", err)
	}
	return told("store the site", c.state.update(func(s *state) { s.Stale = s.Running != "" }))
}

// checkSite names the first target that is malformed.
func checkSite(site api.Site) error {
	if len(site.Targets) == 0 || len(site.Targets) > maxTargets {
		return problem(api.CodeBadSite, "the site has %d targets, want 1 to %d", len(site.Targets), maxTargets)
	}
	names := map[string]bool{}
	for i, t := range site.Targets {
		_, aerr := netip.ParseAddr(t.Address)
		_, _, _, _, kerr := ssh.ParseAuthorizedKey([]byte(t.HostKey))
		var what string
		switch {
		case t.Name == "":
			what = "it has no name"
		case names[t.Name]:
			what = "its name is there twice"
		case aerr != nil:
			what = "its address is no IP address: " + t.Address
		case t.Port < 1 || t.Port > 65535:
			what = "its port is not between 1 and 65535"
		case t.User == "":
			what = "it names no user"
		case kerr != nil:
			what = "its host_key is not readable; want a line as ssh-keyscan prints it, without the address: ssh-ed25519 AAAA…"
		}
		if what != "" {
			return problem(api.CodeBadSite, "targets[%d] %q: %s", i, t.Name, what)
		}
		names[t.Name] = true
	}
	return nil
}
