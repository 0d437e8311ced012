package db

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"airlock/publisher"
)

func open(t *testing.T, file string) *DB {
	t.Helper()
	d, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, err error, want publisher.Code) {
	t.Helper()
	if err == nil || publisher.CodeOf(err) != want {
		t.Fatalf("error = %v, want code %s", err, want)
	}
}

func TestProjects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "with space.db")
	d := open(t, file)
	ctx := t.Context()
	must[publisher.Project](t)(d.AddProject(ctx, "shop"))
	_, err := d.AddProject(ctx, "shop")
	wantCode(t, err, publisher.CodeConflict)
	_, err = d.Project(ctx, "shoe' OR 1=1")
	wantCode(t, err, publisher.CodeNotFound)
	d.Close()

	again := open(t, file)
	all := must[[]publisher.Project](t)(again.Projects(ctx))
	if len(all) != 1 || all[0].Name != "shop" || all[0].Created.IsZero() {
		t.Errorf("after reopening, projects = %+v", all)
	}
}

func TestEnrolOnce(t *testing.T) {
	d, ctx := open(t, filepath.Join(t.TempDir(), "p.db")), t.Context()
	for _, name := range []string{"a", "b"} {
		must[publisher.Node](t)(d.AddNode(ctx, publisher.Node{Name: name, InviteKey: "ik-" + name, InviteAddress: "ia-" + name}))
	}
	_, err := d.AddNode(ctx, publisher.Node{Name: "a", InviteKey: "x", InviteAddress: "x"})
	wantCode(t, err, publisher.CodeConflict)

	keys := publisher.Node{Name: "a", Key: "k", ReportKey: "r", SSHKey: "s", Address: "fd41::1"}
	n := must[publisher.Node](t)(d.Enrol(ctx, keys))
	if n.State != publisher.Enrolled || n.Enrolled.IsZero() || n.InviteAddress != "ia-a" {
		t.Errorf("enrolled node = %+v", n)
	}
	_, err = d.Enrol(ctx, keys)
	wantCode(t, err, publisher.CodeConflict)
	keys.Name = "b"
	_, err = d.Enrol(ctx, keys)
	wantCode(t, err, publisher.CodeConflict)
	if b := must[publisher.Node](t)(d.Node(ctx, "b")); b.State != publisher.Invited {
		t.Errorf("b = %+v, want still invited", b)
	}
	if err := d.Seen(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if n := must[publisher.Node](t)(d.NodeByAddress(ctx, "fd41::1")); n.LastSeen.IsZero() {
		t.Error("last seen is not noted")
	}
	_, err = d.NodeByAddress(ctx, "")
	wantCode(t, err, publisher.CodeNotFound)
}

func TestBuildQueue(t *testing.T) {
	d, ctx := open(t, filepath.Join(t.TempDir(), "p.db")), t.Context()
	must[publisher.Project](t)(d.AddProject(ctx, "shop"))
	one := must[publisher.Build](t)(d.AddBuild(ctx, "shop", "c1"))
	same := must[publisher.Build](t)(d.AddBuild(ctx, "shop", "c1"))
	if one.ID != same.ID {
		t.Errorf("the same commit waits twice: %d and %d", one.ID, same.ID)
	}
	two := must[publisher.Build](t)(d.AddBuild(ctx, "shop", "c2"))
	if b := must[publisher.Build](t)(d.TakeBuild(ctx)); b.ID != one.ID || b.State != publisher.Running {
		t.Fatalf("took %+v, want build %d running", b, one.ID)
	}
	if n := must[int64](t)(d.RequeueBuilds(ctx)); n != 1 {
		t.Errorf("requeued %d, want 1", n)
	}
	b := must[publisher.Build](t)(d.TakeBuild(ctx))
	b.State, b.Reason = publisher.Failed, "test answers failed"
	if err := d.EndBuild(ctx, b); err != nil {
		t.Fatal(err)
	}
	if b := must[publisher.Build](t)(d.TakeBuild(ctx)); b.ID != two.ID {
		t.Errorf("took build %d, want %d", b.ID, two.ID)
	}
	_, err := d.TakeBuild(ctx)
	wantCode(t, err, publisher.CodeNotFound)
	again := must[publisher.Build](t)(d.AddBuild(ctx, "shop", "c1"))
	if again.ID == one.ID {
		t.Error("a failed commit cannot be queued again")
	}
	if all := must[[]publisher.Build](t)(d.Builds(ctx, "")); len(all) != 3 || all[0].ID != again.ID || all[2].Reason == "" {
		t.Errorf("builds = %+v", all)
	}
	_, err = d.AddBuild(ctx, "nobody", "c1")
	if err == nil {
		t.Error("a build of a project that does not exist was queued")
	}
}

func TestReportsCountOnce(t *testing.T) {
	d, ctx := open(t, filepath.Join(t.TempDir(), "p.db")), t.Context()
	must[publisher.Node](t)(d.AddNode(ctx, publisher.Node{Name: "a", InviteKey: "x", InviteAddress: "x"}))
	body := []byte(`{"id":"r1","node":"a","outcome":"deployed"}`)
	for range 2 {
		if err := d.AddReport(ctx, "a", "r1", body); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, d.AddReport(ctx, "a", "r1", []byte(`{"id":"r1"}`)), publisher.CodeConflict)
	if all := must[[]publisher.ReportRecord](t)(d.Reports(ctx, "a")); len(all) != 1 || all[0].Report.Outcome != "deployed" {
		t.Errorf("reports = %+v", all)
	}
	if all := must[[]publisher.ReportRecord](t)(d.Reports(ctx, "b")); len(all) != 0 {
		t.Errorf("reports of b = %+v", all)
	}
}

func TestRecordContinues(t *testing.T) {
	d, ctx := open(t, filepath.Join(t.TempDir(), "p.db")), t.Context()
	for _, name := range []string{"a", "b"} {
		must[publisher.Node](t)(d.AddNode(ctx, publisher.Node{Name: name, InviteKey: name, InviteAddress: name}))
	}
	part := func(first, last uint64, lines string) publisher.RecordPart {
		return publisher.RecordPart{First: first, Last: last, Hash: fmt.Sprint("h", last), Key: "k", Lines: []byte(lines)}
	}
	if err := errors.Join(d.AddRecordPart(ctx, "a", 0, part(1, 2, "1\n2\n")), d.AddRecordPart(ctx, "a", 2, part(3, 3, "3\n"))); err != nil {
		t.Fatal(err)
	}
	wantCode(t, d.AddRecordPart(ctx, "a", 2, part(3, 4, "other\n")), publisher.CodeConflict)
	for range 2 { // the same is noted once
		if err := d.AddRecordTrouble(ctx, "a", "it was cut back"); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := d.CopyRecord(ctx, "a", &b); err != nil || b.String() != "1\n2\n3\n" {
		t.Errorf("CopyRecord = %q, %v", b.String(), err)
	}
	all := must[[]publisher.NodeRecord](t)(d.Records(ctx))
	if len(all) != 2 || all[0].Seq != 3 || all[0].Hash != "h3" || all[0].Trouble != "it was cut back" || all[0].Received.IsZero() || all[1] != (publisher.NodeRecord{Node: "b"}) {
		t.Errorf("Records = %+v", all)
	}
	if n := must[publisher.Node](t)(d.Node(ctx, "a")); n.RecordKey != "k" {
		t.Errorf("the record's key is %q", n.RecordKey)
	}
	_, err := d.Record(ctx, "nobody")
	wantCode(t, err, publisher.CodeNotFound)
	var troubles int
	if err := d.sql.QueryRow(`SELECT count(*) FROM record_troubles`).Scan(&troubles); err != nil || troubles != 1 {
		t.Errorf("%d troubles, %v", troubles, err)
	}
}

// TestNewerRefused: a file whose tables a newer publisherd made must stay untouched.
func TestNewerRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.db")
	d := open(t, file)
	if _, err := d.sql.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	d.Close()
	_, err := Open(context.Background(), file)
	if err == nil || !strings.Contains(err.Error(), "version 999") {
		t.Errorf("Open = %v, want a refusal that names version 999", err)
	}
}

func TestFullDiskIsNamed(t *testing.T) {
	d, ctx := open(t, filepath.Join(t.TempDir(), "p.db")), t.Context()
	must[publisher.Node](t)(d.AddNode(ctx, publisher.Node{Name: "a", InviteKey: "x", InviteAddress: "x"}))
	// SQLite gives the same error for a full disk as for its own limit of pages.
	if _, err := d.sql.Exec(`PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	err := d.AddReport(ctx, "a", "r1", make([]byte, 1<<20))
	wantCode(t, err, publisher.CodeDiskFull)
	if all := must[[]publisher.ReportRecord](t)(d.Reports(ctx, "")); len(all) != 0 {
		t.Errorf("reports = %+v, want none", all)
	}
}
