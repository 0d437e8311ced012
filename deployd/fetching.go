package deployd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/fetch"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// fetch brings what is assigned into the store, in one outer window that ends with the last
// byte. Reports that wait go out in the same window.
func (c *Courier) fetch(ctx context.Context, say api.Say) error {
	if c.state.node() == nil {
		return problem(api.CodeNotMember, "this node is not enrolled: type the token first")
	}
	r := windows.Request{Door: windows.Outer, Purpose: windows.Fetch}
	return c.during(ctx, r, say, func(ctx context.Context, w Window) error {
		client, shut := through(w)
		defer shut()
		base, err := c.publisher(w)
		if err != nil {
			return err
		}
		if len(c.queued()) > 0 {
			if err := c.sendReports(ctx, client, base, say); err != nil {
				say(api.Progress{Text: "reports stay queued: " + err.Error()})
			}
		}
		c.sendRecord(ctx, client, base, say)
		return told("fetch", c.fetchAssigned(ctx, client, base, say))
	})
}

// now is the time by which signatures are judged: the clock, but never before the floor.
func (c *Courier) now() time.Time {
	now := c.cfg.Clock()
	if floor := c.state.get().Floor; now.Before(floor) {
		return floor
	}
	return now
}

// fetchAssigned does the work inside the window.
func (c *Courier) fetchAssigned(ctx context.Context, client *http.Client, base string, say api.Say) error {
	anchor, err := os.ReadFile(filepath.Join(c.cfg.Dir, "root.json"))
	if err != nil {
		return fmt.Errorf("read the publisher's root: %w", err)
	}
	say(api.Progress{Text: "asking the publisher what is assigned"})
	session, err := fetch.Begin(ctx, fetch.Config{HTTP: client, Publisher: base, Anchor: anchor,
		Dir: filepath.Join(c.cfg.Dir, "tuf"), Now: c.now(), Limits: c.cfg.Limits})
	if err != nil {
		return err
	}
	a, err := session.Assignment(c.state.node().Node)
	if err != nil {
		return err
	}
	if old := c.state.get().Assignment; old != nil && a.Serial < old.Serial {
		return &fetch.Refused{File: release.AssignmentPath(a.Node), Reason: fetch.Rollback,
			Detail: fmt.Sprintf("serial %d, this node has seen %d", a.Serial, old.Serial)}
	}
	m, raw, err := session.Manifest(a.Release)
	if err != nil {
		return err
	}
	err = c.state.update(func(s *state) {
		s.Assignment, s.PublisherTime = &a, session.PublisherTime()
		if floor := session.Vouched(m); floor.After(s.Floor) {
			s.Floor = floor
		}
	})
	if err != nil {
		return err
	}
	return c.fetchRelease(ctx, session, m, raw, say)
}

// fetchRelease brings one release into the store.
func (c *Courier) fetchRelease(ctx context.Context, session *fetch.Session, m release.Manifest, raw []byte, say api.Say) error {
	if c.whole(m.ID) && c.state.get().Fetched == m.ID {
		return problem(api.CodeNothing, "release %s is here already: nothing to fetch", m.ID)
	}
	plan, err := session.Plan(m, c.store)
	if err != nil {
		return err
	}
	say(api.Progress{Text: fmt.Sprintf("release %s: %d of %d files to fetch, %d bytes, %d of them here already",
		m.ID, len(plan.Items), len(m.Artifacts), plan.Total, plan.Held), Bytes: plan.Held, Total: plan.Total})
	if err := c.store.MakeRoom(plan.Room, c.keep(m.ID), plan.Wanted); err != nil {
		return err
	}
	tell := c.paced(say)
	err = session.Artifacts(ctx, plan, c.store, func(done int64) {
		tell(api.Progress{Text: "fetching " + m.ID, Bytes: done, Total: plan.Total})
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	if err := c.store.Complete(m, raw); err != nil {
		return err
	}
	say(api.Progress{Text: fmt.Sprintf("release %s is here, whole and verified", m.ID), Bytes: plan.Total, Total: plan.Total})
	return c.state.update(func(s *state) { s.Fetched = m.ID })
}

// whole says whether a release can be deployed from the store.
func (c *Courier) whole(id string) bool {
	m, err := c.store.Manifest(id)
	if err != nil {
		return false
	}
	for _, a := range m.Artifacts {
		if !c.store.Has(a.SHA256, a.Size) {
			return false
		}
	}
	return true
}

// keep are the releases that must not leave the store.
func (c *Courier) keep(more ...string) []string {
	s := c.state.get()
	ids := append(more, s.Running, s.LastGood)
	if s.Deployment != nil {
		ids = append(ids, s.Deployment.Release)
		for _, m := range s.Deployment.Marks {
			ids = append(ids, filepath.Base(m.Link))
		}
	}
	return ids
}

// paced passes on at most four lines a second, and the one that completes.
func (c *Courier) paced(say api.Say) api.Say {
	var last time.Time
	return func(p api.Progress) {
		if now := time.Now(); now.Sub(last) >= 250*time.Millisecond || p.Bytes == p.Total {
			last = now
			say(p)
		}
	}
}
