package deployd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/deploy"
	"airlock/deployd/release"
)

// revertTries is how often the courier tries by itself to bring a site back. Then it waits for a
// person, whose next deploy tries again: doors must not open for ever for a target that is gone.
const revertTries = 6

// errPower is the reason of a deployment that a crash or a power cut ended.
var errPower = errors.New("deployd or the node stopped in the middle of the deployment")

// giveUp ends a deployment that failed: forgotten where nothing was switched, else taken back.
func (t *transaction) giveUp(ctx context.Context, reason error) (release.Report, error) {
	if what := recoveryOf(t.rec.State); what == forget || what == nothing {
		for _, m := range t.members {
			m.result.Outcome = release.Reverted
		}
		r := t.report(release.Reverted, fmt.Errorf("%w; nothing was switched on any target", reason))
		if err := t.c.settle(r); err != nil {
			return r, told("store the result", err)
		}
		return r, refusedBefore(reason, r.Reason)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revertTime)
	defer cancel()
	defer stopWith(t.window, cancel)()
	return t.takeBack(ctx, reason)
}

// stopWith ends ctx with the window; the function that it returns ends the watch.
func stopWith(w Window, cancel func()) func() {
	stop := make(chan struct{})
	go func() {
		select {
		case <-w.Done():
			cancel()
		case <-stop:
		}
	}()
	return func() { close(stop) }
}

// refusedBefore words the failure of a deployment that switched nothing.
func refusedBefore(cause error, text string) error {
	e := told("deploy", cause).(*api.Error)
	code := e.Code
	if code == api.CodeInternal {
		code = api.CodeReverted
	}
	return problem(code, "%s", text)
}

// takeBack brings every marked target back to what it had, newest first, and goes on to the next when one fails.
func (t *transaction) takeBack(ctx context.Context, reason error) (release.Report, error) {
	if _, err := next(t.rec.State, failed); err != nil {
		t.rec.State = Verifying // committing that could not be stored, or a state that is not ours: distrusted
	}
	t.rec.Reason = reason.Error()
	if err := t.advance(failed); err != nil {
		// A full disk must not keep the site half deployed; the state before leads here too.
		t.c.log.Warn("the state of the way back is not stored", "error", err)
	}
	var stuck []string
	for _, m := range slices.Backward(t.members) {
		k := t.mark(m)
		m.result.Outcome = release.Reverted
		if !k.Touched {
			continue
		}
		t.say(api.Progress{Text: fmt.Sprintf("bringing %s back to %s", m.target.Name, before(k.Link))})
		if err := t.step(m, "revert", func() error { return t.back(ctx, m, k.Link) }); err != nil {
			m.result.Outcome, m.result.Reason = release.Failed, err.Error()
			stuck = append(stuck, err.Error())
			continue
		}
		m.result.After = deploy.ReleaseOf(k.Link)
	}
	if len(stuck) > 0 {
		r := t.report(release.Failed, fmt.Errorf("%w; not brought back yet: %s", reason, strings.Join(stuck, "; ")))
		return r, problem(api.CodeIncomplete, "%s", r.Reason)
	}
	r := t.report(release.Reverted, fmt.Errorf("%w; every target is back on what it had", reason))
	if err := t.c.settle(r); err != nil {
		return r, told("every target is back; store the result", err)
	}
	t.say(api.Progress{Text: "every target is back on what it had"})
	return r, problem(api.CodeReverted, "%s", r.Reason)
}

// before words what a target had.
func before(link string) string {
	if link == "" {
		return "no release"
	}
	return link
}

// back brings one target back: its link, its service, and the old release's own health check. A
// target that had no release before loses its link, and nothing is restarted, since there is nothing to run:
// what the first release has started goes on until somebody stops it.
func (t *transaction) back(ctx context.Context, m *member, link string) error {
	if m.host == nil || m.host.Over() {
		if err := t.connect(ctx, m); err != nil {
			return errors.Unwrap(err)
		}
	}
	if err := m.host.Point(ctx, t.rec.Directory, link); err != nil || link == "" {
		return err
	}
	plan, known := t.manifest.Plan, false
	if old, err := t.c.store.Manifest(deploy.ReleaseOf(link)); err == nil {
		plan, known = old.Plan, true
	}
	// The restart runs even where the link was right already: the power may have gone between the two.
	plan.Directory = t.rec.Directory
	if err := m.host.Restart(ctx, plan); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if !known {
		t.say(api.Progress{Text: fmt.Sprintf("%s is back on %s, whose health check this node does not know", m.target.Name, link)})
		return nil
	}
	if err := deploy.Healthy(ctx, t.window.DialContext, m.target.Address, plan.Health); err != nil {
		return fmt.Errorf("health of the old release: %w", err)
	}
	return nil
}

// reasonOf is why a deployment of the past is not at its end.
func (r *record) reasonOf() error {
	if r.Reason != "" {
		return errors.New(r.Reason)
	}
	return errPower
}

// recover ends a deployment that was found in the store, by what its state says.
func (c *Courier) recover(ctx context.Context, say api.Say) (*release.Report, error) {
	s := c.state.get()
	if s.Deployment == nil {
		return nil, nil
	}
	t := &transaction{c: c, say: say, rec: s.Deployment}
	for _, k := range t.rec.Marks {
		targets := c.state.site().Targets
		i := slices.IndexFunc(targets, func(t api.Target) bool { return t.Name == k.Target })
		if i < 0 {
			say(api.Progress{Text: fmt.Sprintf("target %s is not of this site any more: it stays as it is", k.Target)})
			continue
		}
		m := t.add(targets[i])
		m.result.Before = deploy.ReleaseOf(k.Link)
		m.result.After = m.result.Before
	}
	switch recoveryOf(t.rec.State) {
	case nothing, forget:
		say(api.Progress{Text: fmt.Sprintf("a deployment of %s had stopped before anything was switched", t.rec.Release)})
		r, err := t.giveUp(ctx, t.rec.reasonOf())
		if err != nil && c.state.get().Deployment == nil {
			err = nil // its failure is in the report; the site is whole
		}
		return &r, err
	case finish:
		say(api.Progress{Text: fmt.Sprintf("release %s had been healthy on every target", t.rec.Release)})
		for _, m := range t.members {
			m.result.Outcome, m.result.After = release.Deployed, t.rec.Release
		}
		r := t.report(release.Deployed, nil)
		return &r, told("store the result", c.settle(r))
	}
	return c.revert(ctx, t, say)
}

// revert brings the site back, in an inner window of its own.
func (c *Courier) revert(ctx context.Context, t *transaction, say api.Say) (*release.Report, error) {
	say(api.Progress{Text: fmt.Sprintf("a deployment of %s had stopped in state %s: bringing every target back", t.rec.Release, t.rec.State)})
	t.manifest, _ = c.store.Manifest(t.rec.Release) // without it there is no restart where the old one is unknown too
	var report *release.Report
	err := c.during(ctx, inner(), say, func(ctx context.Context, w Window) error {
		t.window = w
		defer t.close()
		r, err := t.takeBack(ctx, t.rec.reasonOf())
		report = &r
		return err
	})
	if c.state.get().Deployment == nil {
		return report, nil // it is back, and the report says so
	}
	return report, err
}

// bringBack does what recover does, at the start and after a deployment that left a target behind: a
// site that is half deployed must not wait for a person. It tries a few times, further and further apart, since netd or the site may not be ready yet.
func (c *Courier) bringBack(ctx context.Context) {
	wait := c.cfg.RetryRevert
	for range revertTries {
		if c.state.get().Deployment == nil {
			return
		}
		job, err := c.jobs.Start(ctx, api.KindRevert, c.recover)
		if err == nil {
			err = job.Follow(ctx, func(p api.Progress) error {
				if p.Error != "" {
					return errors.New(p.Error)
				}
				return nil
			})
		}
		if err == nil {
			continue
		}
		c.log.Warn("a half-done deployment is not brought back yet", "error", err, "again_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait *= 2
	}
	if c.state.get().Deployment != nil {
		c.log.Error("a half-done deployment is still there: `deploy` tries again", "release", c.state.get().Deployment.Release)
	}
}
