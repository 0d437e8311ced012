package deployd

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// The whole way: enrol, fetch, deploy, upgrade, a release that is not healthy, reports.
func TestReleasesReachEveryTargetOrNone(t *testing.T) {
	e := newEdge(t)
	e.addTargets(2)
	e.enrolled()
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	r := e.must(e.do(e.deploy))
	if r.Outcome != release.Deployed || len(r.Targets) != 2 || r.Targets[1].After != "demo-1" {
		t.Errorf("report = %+v", r)
	}
	e.runs("demo-1")

	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	e.must(e.do(job(e.fetch)))
	e.must(e.do(e.deploy))
	e.runs("demo-2")

	e.publish("demo-3", "broken")
	e.assign("demo-3", 3)
	e.must(e.do(job(e.fetch)))
	r, err := e.do(e.deploy)
	e.code(err, api.CodeReverted, "target web1 (127.0.0.2): health:")
	if r.Outcome != release.Reverted || r.Targets[0].Before != "demo-2" || r.Targets[0].After != "demo-2" {
		t.Errorf("report = %+v", r)
	}
	e.runs("demo-2")
	if s := e.Status(); s.Running != "demo-2" || s.Queued != 1 || s.Last.Outcome != release.Reverted {
		t.Errorf("status = %+v", s)
	}
	if got, want := e.doors.purposes(), "enrol fetch deploy fetch deploy fetch deploy"; got != want {
		t.Errorf("windows = %q, want %q", got, want)
	}
	e.must(e.do(job(e.report)))
	if len(e.office.reports) != 3 || e.Status().Queued != 0 {
		t.Errorf("reports with the publisher = %d, queued = %d; want 3 and 0", len(e.office.reports), e.Status().Queued)
	}
}

// Without a release before, going back means that there is none again.
func TestFirstReleaseIsNotHealthy(t *testing.T) {
	e := newEdge(t)
	e.addTargets(1)
	e.enrolled()
	e.publish("demo-1", "broken")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	r, err := e.do(e.deploy)
	e.code(err, api.CodeReverted, "every target is back")
	if link := e.targets[0].Current("/srv/app"); link != "" || r.Targets[0].After != "" {
		t.Errorf("current = %q, report = %+v; want no release", link, r.Targets[0])
	}
}

// One target that does not answer keeps the others from being switched.
func TestUnreachableTargetSwitchesNothing(t *testing.T) {
	e := newEdge(t)
	e.addTargets(2)
	e.enrolled()
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	e.targets[1].Stop()
	r, err := e.do(e.deploy)
	e.code(err, windows.CodeUnreachable, "target web2 (127.0.0.3): connect: sshd at 127.0.0.3:")
	e.code(err, windows.CodeUnreachable, "nothing was switched on any target")
	if r.Outcome != release.Reverted || e.targets[0].Current("/srv/app") != "" {
		t.Errorf("outcome = %s, current of web1 = %q", r.Outcome, e.targets[0].Current("/srv/app"))
	}
	if e.Status().Queued != 1 {
		t.Error("no report of the refused deployment is queued")
	}
}

// A target that vanishes while the others go back is brought back later, in a window of its own.
func TestTargetThatVanishesIsBroughtBackLater(t *testing.T) {
	e := newEdge(t)
	e.addTargets(2)
	e.enrolled()
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	e.must(e.do(e.deploy))
	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	e.must(e.do(job(e.fetch)))
	e.boundary = func(name string) {
		if name == "after switch web2" {
			e.targets[1].Stop()
		}
	}
	r, err := e.do(e.deploy)
	e.code(err, api.CodeIncomplete, "target web2")
	if r.Outcome != release.Failed || r.Targets[1].Outcome != release.Failed || r.Targets[0].After != "demo-1" {
		t.Errorf("report = %+v", r)
	}
	e.boundary = nil
	e.targets[1].Run("/usr/sbin/sshd")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e.restart(durable.Disk{})
	e.bringBack(ctx)
	e.runs("demo-1")
	e.doors.shut()
	if s := e.Status(); s.Last.Outcome != release.Reverted || s.Running != "demo-1" {
		t.Errorf("status = %+v", s)
	}
}

// A window that ends early takes the site back in the next one.
func TestWindowEndsInTheMiddle(t *testing.T) {
	e := newEdge(t)
	e.addTargets(2)
	e.enrolled()
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.must(e.do(job(e.fetch)))
	e.must(e.do(e.deploy))
	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	e.must(e.do(job(e.fetch)))
	e.doors.purposes()
	e.boundary = func(name string) {
		if name == "before restart web2" {
			e.boundary = nil
			e.doors.open.end(&windows.Problem{Code: windows.CodeTimeUp, Detail: "the window's time ran out"})
		}
	}
	r, err := e.do(e.deploy)
	e.code(err, api.CodeReverted, "target web2 (127.0.0.3): restart:")
	if r.Outcome != release.Reverted {
		t.Errorf("report = %+v, want it reverted by the second window", r)
	}
	if got := e.doors.purposes(); got != "deploy deploy" {
		t.Errorf("windows = %q, want two to deploy", got)
	}
	e.runs("demo-1")
}

// Enrolment that fails leaves nothing behind and says why.
func TestEnrolmentRefused(t *testing.T) {
	e := newEdge(t)
	enrol := func(token string) error {
		_, err := e.do(job(func(ctx context.Context, say api.Say) error { return e.enrol(ctx, token, say) }))
		return err
	}
	e.code(enrol(" "), api.CodeBadToken, "empty")
	e.doors.refuse = func(windows.Request) *windows.Problem {
		return &windows.Problem{Code: windows.CodeBadToken, Detail: "the token has a typing error"}
	}
	e.code(enrol("AIRLOCK1-wrong"), api.CodeBadToken, "typing error")
	e.doors.refuse = nil
	e.office.root = repotest.New(t).Root()
	e.code(enrol("AIRLOCK1-token"), api.CodeUntrusted, "another publisher")
	if e.stored("root.json") || e.stored("node.json") || e.doors.identity != nil || e.Status().Enrolled {
		t.Error("something of a refused enrolment was stored")
	}
	e.code(enrol("AIRLOCK1-token"), api.CodeBadToken, "used already")
	e.office.used, e.office.root = false, e.office.Root()
	e.enrolled()
	e.restart(durable.Disk{})
	e.code(enrol("AIRLOCK1-token"), api.CodeEnrolled, "plant-7")
}

// What cannot be done is said before a door opens.
func TestRefusedBeforeADoorOpens(t *testing.T) {
	e := newEdge(t)
	_, err := e.do(e.deploy)
	e.code(err, api.CodeNotMember, "token")
	_, err = e.do(job(e.fetch))
	e.code(err, api.CodeNotMember, "token")
	e.enrolled()
	e.doors.purposes()
	_, err = e.do(e.deploy)
	e.code(err, api.CodeBadSite, "no targets")
	_, err = e.do(job(e.report))
	e.code(err, api.CodeNothing, "no report")
	if got := e.doors.purposes(); got != "" {
		t.Errorf("windows = %q, want none", got)
	}
}

// A publisher that does not take a report keeps it in the queue.
func TestReportsStayUntilTaken(t *testing.T) {
	e := newEdge(t)
	e.enrolled()
	if err := e.queue(release.Report{ID: "plant-7-1-1", Node: "plant-7"}); err != nil {
		t.Fatal(err)
	}
	e.office.refuse = 500
	_, err := e.do(job(e.report))
	e.code(err, api.CodeNoAnswer, "stays queued")
	e.office.refuse = 403
	_, err = e.do(job(e.report))
	e.code(err, api.CodeRefused, "stays queued")
	e.office.refuse = 0
	e.must(e.do(job(e.report)))
	if len(e.office.reports) != 1 || e.Status().Queued != 0 {
		t.Errorf("reports = %d, queued = %d", len(e.office.reports), e.Status().Queued)
	}
}

// A disk that is full at the Nth write never leaves half a release, and recovers when there is room again.
func TestDiskFullAtEveryWrite(t *testing.T) {
	e := newEdge(t)
	e.enrolled()
	e.plan = release.Plan{Directory: "/srv/app", Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: 1}}
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	for n := 1; ; n++ {
		writes := 0
		e.restart(durable.Disk{Before: func(op, path string) error {
			if writes++; writes == n {
				return &os.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
			}
			return nil
		}})
		_, err := e.do(job(e.fetch))
		if err == nil {
			if n < 5 {
				t.Errorf("fetch needs %d writes only: is the disk's hook called?", n-1)
			}
			break
		}
		e.code(err, api.CodeDiskFull, "full")
		if s := e.Status(); s.Fetched != "" {
			t.Errorf("write %d failed, and yet release %q counts as fetched", n, s.Fetched)
		}
	}
	if !e.whole("demo-1") {
		t.Error("release is not whole after the disk had room again")
	}
}

func TestRollbackOfAssignment(t *testing.T) {
	e := newEdge(t)
	e.enrolled()
	e.plan = release.Plan{Directory: "/srv/app", Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: 1}}
	e.publish("demo-1", "good")
	e.assign("demo-1", 5)
	e.must(e.do(job(e.fetch)))
	_, err := e.do(job(e.fetch))
	e.code(err, api.CodeNothing, "here already")
	e.assign("demo-1", 4)
	_, err = e.do(job(e.fetch))
	e.code(err, api.CodeUntrusted, "rollback")
}

// A clock of 1970 is lifted to what the publisher's keys vouched for; one of the far future refuses
// and leaves nothing that would refuse later.
func TestWrongClocks(t *testing.T) {
	e := newEdge(t)
	e.enrolled()
	e.plan = release.Plan{Directory: "/srv/app", Health: release.Health{Port: 80, Path: "/", Status: 200, Attempts: 1, Timeout: 1}}
	e.publish("demo-1", "good")
	e.assign("demo-1", 1)
	e.cfg.Clock = func() time.Time { return time.Now().AddDate(10, 0, 0) }
	_, err := e.do(job(e.fetch))
	e.code(err, api.CodeUntrusted, "expired")
	e.cfg.Clock = func() time.Time { return time.Unix(0, 0) }
	e.must(e.do(job(e.fetch)))
	if floor := e.now(); time.Since(floor) > 2*time.Hour {
		t.Errorf("now with a clock of 1970 = %v, want the floor", floor)
	}
	if _, err := e.due(); errors.Is(err, nil) || !strings.Contains(err.Error(), "no targets") {
		t.Errorf("due = %v", err)
	}
	// Expired metadata stays expired for a clock of 1970, once a later time was vouched for.
	e.office.Expires = time.Now().Add(-90 * time.Minute)
	e.publish("demo-2", "good")
	e.assign("demo-2", 2)
	_, err = e.do(job(e.fetch))
	e.code(err, api.CodeUntrusted, "expired")
}
