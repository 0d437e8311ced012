package deployd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/deploy"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// deploy puts what is fetched on every target of the site, in one inner window. A deployment of the
// past that is not at its end comes first.
func (c *Courier) deploy(ctx context.Context, say api.Say) (*release.Report, error) {
	if c.state.node() == nil {
		return nil, problem(api.CodeNotMember, "this node is not enrolled: type the token first")
	}
	if c.state.get().Deployment != nil {
		if report, err := c.recover(ctx, say); err != nil {
			return report, err
		}
	}
	m, err := c.due()
	if err != nil {
		return nil, err
	}
	var report release.Report
	err = c.during(ctx, inner(), say, func(ctx context.Context, w Window) error {
		report, err = c.transact(ctx, w, m, say)
		return err
	})
	if report.ID == "" { // it was refused before it began
		return nil, err
	}
	if c.state.get().Deployment != nil { // the window ended before every target was back
		say(api.Progress{Text: "not every target is back: trying again in a window of its own"})
		again, rerr := c.recover(context.WithoutCancel(ctx), say)
		if again != nil {
			report = *again
		}
		if err = rerr; err == nil {
			err = problem(api.CodeReverted, "%s", report.Reason)
		}
	}
	if c.state.get().Deployment != nil {
		select {
		case c.unsettled <- struct{}{}:
		default: // told already
		}
	}
	if c.cfg.ReportAtOnce {
		if rerr := c.report(ctx, say); rerr != nil {
			say(api.Progress{Text: "the report stays queued: " + rerr.Error()})
		}
	}
	return &report, err
}

// inner asks for the window of a deployment.
func inner() windows.Request {
	return windows.Request{Door: windows.Inner, Purpose: windows.Deploy}
}

// due is the release that has to be deployed now; the error says why there is none.
func (c *Courier) due() (release.Manifest, error) {
	s, site := c.state.get(), c.state.site()
	var none release.Manifest
	switch {
	case len(site.Targets) == 0:
		return none, problem(api.CodeBadSite, "the site has no targets yet: describe it first")
	case s.Assignment == nil:
		return none, problem(api.CodeNothing, "nothing is assigned to this node, as far as it knows: fetch first")
	case s.Fetched != s.Assignment.Release || !c.whole(s.Fetched):
		return none, problem(api.CodeNothing, "release %s is not fetched yet: fetch first", s.Assignment.Release)
	case s.Fetched == s.Running && !s.Stale:
		return none, problem(api.CodeNothing, "release %s runs on every target already", s.Running)
	}
	// A node without a clock lives before every From: the publisher's clock helps, if only by a hint.
	now := c.now()
	if s.PublisherTime.After(now) {
		now = s.PublisherTime
	}
	if now.Before(s.Assignment.From) {
		return none, problem(api.CodeNothing, "release %s is meant to run from %s on, it is %s",
			s.Fetched, s.Assignment.From.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return c.store.Manifest(s.Fetched)
}

// transact connects to every target and runs the transaction. Every connection is closed, by both
// ends, when it returns.
func (c *Courier) transact(ctx context.Context, w Window, m release.Manifest, say api.Say) (release.Report, error) {
	s := c.state.get()
	t := c.newTransaction(ctx, w, m, say)
	defer t.close()
	rec := &record{State: None, Release: m.ID, Serial: s.Assignment.Serial, Started: c.cfg.Clock().UTC(), Directory: m.Plan.Directory}
	for _, target := range c.state.site().Targets {
		t.add(target)
		rec.Marks = append(rec.Marks, mark{Target: target.Name})
	}
	t.rec = rec
	return t.run(ctx)
}

// source opens files of the store for uploads.
func (c *Courier) source(sha256 string) (io.ReadCloser, error) { return c.store.Open(sha256) }

// settle makes the end of a deployment stored: the report is queued first, then the state forgets
// the deployment. A power cut between the two repeats the second.
func (c *Courier) settle(r release.Report) error {
	if err := c.queue(r); err != nil {
		return err
	}
	return c.state.update(func(s *state) {
		if r.Outcome == release.Deployed {
			if s.Running != r.Release {
				s.LastGood = s.Running
			}
			s.Running, s.Stale = r.Release, false
		}
		s.Last, s.Deployment = &r, nil
	})
}

// reportID is unique for a deployment, and the same before and after a power cut.
func (c *Courier) reportID(rec *record) string {
	return fmt.Sprintf("%s-%d-%d", c.state.node().Node, rec.Serial, rec.Started.UnixNano())
}

// damaged takes a file out of the store that turned out to be damaged.
func (c *Courier) damaged(err error) error {
	var d *deploy.Damaged
	if !errors.As(err, &d) {
		return nil
	}
	return c.store.Drop(d.SHA256)
}
