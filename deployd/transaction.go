package deployd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"airlock/deployd/api"
	"airlock/deployd/deploy"
	"airlock/deployd/release"
)

// keepOnTargets is how many releases stay on a target, the running one and its predecessor included.
const keepOnTargets = 3

// revertTime bounds the way back, which goes on when the job was cancelled.
const revertTime = 15 * time.Minute

// transaction is one deployment over the site: every target or none.
type transaction struct {
	c        *Courier
	window   Window
	manifest release.Manifest
	say      api.Say
	rec      *record
	members  []*member
}

// member is one target's part. Each is used by one goroutine at a time.
type member struct {
	target api.Target
	host   *deploy.Host // nil: not connected
	facts  deploy.Facts
	result release.TargetResult
}

// newTransaction makes one without members.
func (c *Courier) newTransaction(_ context.Context, w Window, m release.Manifest, say api.Say) *transaction {
	return &transaction{c: c, window: w, manifest: m, say: say}
}

// add adds a target.
func (t *transaction) add(target api.Target) *member {
	m := &member{target: target, result: release.TargetResult{Target: target.Name, Address: target.Address}}
	t.members = append(t.members, m)
	return m
}

// close ends every connection, at the same time.
func (t *transaction) close() {
	var all sync.WaitGroup
	for _, m := range t.members {
		if m.host != nil {
			all.Go(m.host.Close)
		}
	}
	all.Wait()
}

// advance moves the machine and stores where it is, before anything of the new state is done.
func (t *transaction) advance(on event) error {
	to, err := next(t.rec.State, on)
	if err != nil {
		return err
	}
	t.rec.State = to
	rec := t.rec.copy()
	return t.c.state.update(func(s *state) { s.Deployment = rec })
}

// run goes from nothing to new everywhere, or back.
func (t *transaction) run(ctx context.Context) (release.Report, error) {
	err := t.prepare(ctx)
	if err == nil {
		err = t.switchAll(ctx)
	}
	if err == nil {
		return t.commit(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	if derr := t.c.damaged(err); derr != nil {
		err = errors.Join(err, derr)
	}
	t.say(api.Progress{Text: "failed: " + err.Error()})
	return t.giveUp(ctx, err)
}

// prepare brings the whole release to every target, without touching what runs there.
func (t *transaction) prepare(ctx context.Context) error {
	if err := t.advance(begin); err != nil {
		return told("store the deployment's state", err)
	}
	if err := t.each(ctx, t.connect); err != nil {
		return err
	}
	if err := t.each(ctx, t.look); err != nil {
		return err
	}
	if err := t.uploadAll(ctx); err != nil {
		return err
	}
	if err := t.each(ctx, func(ctx context.Context, m *member) error {
		return t.step(m, "check", func() error { return m.host.Check(ctx, t.manifest) })
	}); err != nil {
		return err
	}
	return told("store the deployment's state", t.advance(uploaded))
}

// each does something on all targets at the same time, on every one to its end: whoever mends one
// target wants to know of the others too.
func (t *transaction) each(ctx context.Context, do func(context.Context, *member) error) error {
	var all sync.WaitGroup
	errs := make(several, len(t.members))
	for i, m := range t.members {
		all.Go(func() { errs[i] = do(ctx, m) })
	}
	all.Wait()
	if errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil }); len(errs) == 0 {
		return nil
	}
	return errs
}

// several are errors in one sentence.
type several []error

// Error joins them.
func (s several) Error() string {
	var texts []string
	for _, err := range s {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.As find each.
func (s several) Unwrap() []error { return s }

// step does one step on one target, and notes it in the report. Its error names the target and the step.
func (t *transaction) step(m *member, name string, do func() error) error {
	s := release.StepResult{Step: name, Started: t.c.cfg.Clock().UTC()}
	began := time.Now()
	t.c.at("before " + name + " " + m.target.Name)
	err := do()
	t.c.at("after " + name + " " + m.target.Name)
	s.Seconds = time.Since(began).Seconds()
	if err != nil {
		s.Error = err.Error()
		err = fmt.Errorf("target %s (%s): %s: %w", m.target.Name, m.target.Address, name, err)
	}
	m.result.Steps = append(m.result.Steps, s)
	return err
}

// connect connects one target.
func (t *transaction) connect(ctx context.Context, m *member) error {
	return t.step(m, "connect", func() (err error) {
		m.host, err = deploy.Connect(ctx, t.window.DialContext, m.target, t.c.signer)
		return err
	})
}

// look learns what the target has, and refuses one that cannot take the release.
func (t *transaction) look(ctx context.Context, m *member) error {
	return t.step(m, "look", func() (err error) {
		if m.facts, err = m.host.Look(ctx, t.manifest.Plan.Directory); err != nil {
			return err
		}
		m.result.Before = deploy.ReleaseOf(m.facts.Link)
		m.result.After = m.result.Before
		t.mark(m).Link = m.facts.Link
		if err := deploy.Allowed(ctx, t.window.DialContext, m.target.Address, t.manifest.Plan.Health); err != nil {
			return err
		}
		if need := t.manifest.Bytes(); m.facts.Free < need {
			return fmt.Errorf("%d bytes free in %s, the release needs %d", m.facts.Free, t.manifest.Plan.Directory, need)
		}
		return nil
	})
}

// mark is a member's line of the record.
func (t *transaction) mark(m *member) *mark {
	for i := range t.rec.Marks {
		if t.rec.Marks[i].Target == m.target.Name {
			return &t.rec.Marks[i]
		}
	}
	return &mark{} // not of this deployment: nothing to note
}

// uploadAll sends the release to all targets at the same time.
func (t *transaction) uploadAll(ctx context.Context) error {
	total := t.manifest.Bytes() * int64(len(t.members))
	tell := t.c.paced(t.say)
	var mu sync.Mutex
	var done int64
	sent := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		done += n
		tell(api.Progress{Text: fmt.Sprintf("uploading %s to %d targets", t.manifest.ID, len(t.members)), Bytes: done, Total: total})
	}
	group, ctx := errgroup.WithContext(ctx) // the first error stops the others: these are the long steps
	for _, m := range t.members {
		group.Go(func() error {
			return t.step(m, "upload", func() error { return m.host.Upload(ctx, t.manifest, t.c.source, sent) })
		})
	}
	return group.Wait()
}

// switchAll takes one target after the other to the new release; the first that is not healthy ends it.
func (t *transaction) switchAll(ctx context.Context) error {
	for _, m := range t.members {
		if t.runsAlready(ctx, m) {
			t.say(api.Progress{Text: fmt.Sprintf("%s runs %s already, and is healthy", m.target.Name, t.manifest.ID)})
			continue
		}
		t.mark(m).Touched = true
		if err := t.advance(proceed); err != nil {
			return told("store the deployment's state", err)
		}
		if err := t.switchOne(ctx, m); err != nil {
			return err
		}
		if err := t.advance(switched); err != nil {
			return told("store the deployment's state", err)
		}
		t.say(api.Progress{Text: fmt.Sprintf("asking %s for its health", m.target.Name)})
		if err := t.step(m, "health", func() error {
			return deploy.Healthy(ctx, t.window.DialContext, m.target.Address, t.manifest.Plan.Health)
		}); err != nil {
			return err
		}
	}
	return nil
}

// runsAlready says whether a target needs no change, as after a server was added to a site.
func (t *transaction) runsAlready(ctx context.Context, m *member) bool {
	once := t.manifest.Plan.Health
	once.Attempts = 1
	return m.facts.Link == deploy.LinkTo(t.manifest.ID) &&
		deploy.Healthy(ctx, t.window.DialContext, m.target.Address, once) == nil
}

// switchOne lets a target run the new release.
func (t *transaction) switchOne(ctx context.Context, m *member) error {
	t.say(api.Progress{Text: fmt.Sprintf("switching %s to %s", m.target.Name, t.manifest.ID)})
	plan := t.manifest.Plan
	err := t.step(m, "switch", func() error { return m.host.Point(ctx, plan.Directory, deploy.LinkTo(t.manifest.ID)) })
	if err != nil {
		return err
	}
	m.result.After = t.manifest.ID
	return t.step(m, "restart", func() error { return m.host.Restart(ctx, plan) })
}

// commit makes it final. From the moment its state is stored no power cut brings the old release back.
func (t *transaction) commit(ctx context.Context) (release.Report, error) {
	if err := t.advance(healthy); err != nil {
		return t.giveUp(ctx, told("store the deployment's state", err))
	}
	for _, m := range t.members {
		m.result.Outcome = release.Deployed
	}
	r := t.report(release.Deployed, nil)
	if err := t.c.settle(r); err != nil {
		return r, told("every target runs the new release; store the result", err)
	}
	t.say(api.Progress{Text: fmt.Sprintf("release %s runs on every target", t.manifest.ID)})
	// Old releases on the targets are a matter of space: a failure to remove them fails nothing.
	if err := t.each(ctx, func(ctx context.Context, m *member) error {
		return m.host.Prune(ctx, t.manifest.Plan.Directory, keepOnTargets, t.manifest.ID, path.Base(m.facts.Link))
	}); err != nil {
		t.c.log.Warn("old releases stay on a target", "error", err)
	}
	return r, nil
}

// report is the deployment's result.
func (t *transaction) report(o release.Outcome, reason error) release.Report {
	r := release.Report{Format: 1, ID: t.c.reportID(t.rec), Node: t.c.state.node().Node, Serial: t.rec.Serial,
		Release: t.rec.Release, Outcome: o, Started: t.rec.Started, Ended: t.c.cfg.Clock().UTC()}
	if reason != nil {
		r.Reason = reason.Error()
	}
	for _, m := range t.members {
		r.Targets = append(r.Targets, m.result)
	}
	return r
}
