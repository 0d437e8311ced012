package nodetest

import (
	"context"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// tokenBody is base64url of 102 bytes: made by hand, with a check sum that fits.
const tokenBody = "AQABAgMEBQYHCAkKCwwNDg8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4faHViLmV4YW1wbGU6NTE4MjA76sVI"

// work is what the model's jobs do.
func (n *Node) work(kind api.Kind, token string) api.Work {
	switch kind {
	case api.KindEnrol:
		return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, n.enrol(ctx, say, token) }
	case api.KindFetch:
		return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, n.fetch(ctx, say) }
	case api.KindReport:
		return func(ctx context.Context, say api.Say) (*release.Report, error) { return nil, n.report(ctx, say) }
	}
	return n.deploy
}

// begin says a job's first line and waits where the test wants it held.
func (n *Node) begin(ctx context.Context, say api.Say, text string) error {
	say(api.Progress{Text: text})
	n.mu.Lock()
	hold := n.hold
	n.mu.Unlock()
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return refuse(api.CodeCancelled, "somebody ended the job; nothing was changed")
	}
}

func (n *Node) enrol(ctx context.Context, say api.Say, token string) error {
	if cleanToken(token) != Token {
		return refuse(api.CodeBadToken, "the token is mistyped: its check sum does not fit; compare it with the original, or paste it")
	}
	if n.courierStatus().Enrolled {
		return refuse(api.CodeEnrolled, "the node is a member already")
	}
	return n.inWindow(windows.Outer, windows.Enrol, func() error {
		if err := n.begin(ctx, say, "outer door: radio on \u2026"); err != nil {
			return err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.identity = &windows.Identity{Node: "berlin-1", Address: "fd41:6972:6c6b::2", Hub: "hub.example:51820"}
		n.status.Enrolled, n.status.Node = true, "berlin-1"
		return nil
	})
}

func (n *Node) fetch(ctx context.Context, say api.Say) error {
	n.mu.Lock()
	enrolled, assigned, fetched := n.status.Enrolled, n.assigned, n.status.Fetched
	n.mu.Unlock()
	switch {
	case !enrolled:
		return refuse(api.CodeNotMember, "the node belongs to no publisher yet; enrol it first")
	case assigned == "" || assigned == fetched:
		return refuse(api.CodeNothing, "nothing new is assigned to this node")
	}
	return n.inWindow(windows.Outer, windows.Fetch, func() error {
		if err := n.begin(ctx, say, "outer door is open"); err != nil {
			return err
		}
		const total = 15_400_000
		for i := int64(0); i <= 200; i++ { // far more lines than anybody wants to read
			say(api.Progress{Text: "fetch " + assigned, Bytes: total * i / 200, Total: total})
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.serial++
		n.status.Fetched = assigned
		n.status.Assignment = &release.Assignment{Format: 1, Node: "berlin-1", Release: assigned, Serial: n.serial}
		return nil
	})
}

func (n *Node) report(ctx context.Context, say api.Say) error {
	if n.courierStatus().Queued == 0 {
		return refuse(api.CodeNothing, "no report is queued")
	}
	return n.inWindow(windows.Outer, windows.Report, func() error {
		if err := n.begin(ctx, say, "outer door is open"); err != nil {
			return err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.status.Queued = 0
		return nil
	})
}

func (n *Node) deploy(ctx context.Context, say api.Say) (*release.Report, error) {
	s := n.courierStatus()
	switch {
	case s.Site == nil:
		return nil, refuse(windows.CodeNoSite, "the node knows no targets yet; import a site first")
	case s.Fetched == "" || s.Fetched == s.Running:
		return nil, refuse(api.CodeNothing, "nothing fetched waits for deployment")
	}
	var r *release.Report
	err := n.inWindow(windows.Inner, windows.Deploy, func() error {
		if err := n.begin(ctx, say, "inner door is open"); err != nil {
			return err
		}
		var err error
		r, err = n.onTargets(s)
		return err
	})
	return r, err
}

// onTargets takes the release everywhere, or nowhere.
func (n *Node) onTargets(s api.Status) (*release.Report, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ended := time.Now()
	r := &release.Report{Format: 1, ID: "r1", Node: s.Node, Release: s.Fetched, Outcome: release.Deployed, Started: ended.Add(-2 * time.Second), Ended: ended}
	for _, t := range s.Site.Targets {
		result := release.TargetResult{Target: t.Name, Address: t.Address, Outcome: release.Deployed, Before: s.Running, After: s.Fetched}
		if n.unwell {
			result.Outcome, result.After, result.Reason = release.Reverted, s.Running, "health check: 503"
		}
		r.Targets = append(r.Targets, result)
	}
	n.status.Last, n.status.Queued = r, n.status.Queued+1
	if n.unwell {
		r.Outcome, r.Reason = release.Reverted, "web-1: health check: 503"
		return r, refuse(api.CodeReverted, "every target is back on its release: web-1: health check: 503")
	}
	n.status.Running = s.Fetched
	return r, nil
}
