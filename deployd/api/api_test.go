package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlock/deployd/release"
)

// serveWork serves one kind of work on a socket and returns a client of it.
func serveWork(t *testing.T, work Work) (*Client, *Jobs) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	jobs := NewJobs(time.Now)
	srv := &http.Server{Handler: (&Server{
		Jobs: jobs, Context: func() context.Context { return ctx },
		Status:  func() Status { return Status{Node: "plant-7", Phase: string(jobs.Running())} },
		SetSite: func(Site) error { return &Error{Code: CodeBadSite, Text: "no targets"} },
		Work:    func(Kind, string) Work { return work },
	}).Handler()}
	go srv.Serve(l)
	t.Cleanup(func() {
		cancel()
		jobs.Wait()
		srv.Close()
	})
	return NewClient(socket), jobs
}

// wantCode asserts an *Error with that code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error = %v, want code %q", err, code)
	}
}

func TestJobIsStreamedWithItsResult(t *testing.T) {
	c, _ := serveWork(t, func(_ context.Context, say Say) (*release.Report, error) {
		say(Progress{Text: "half", Bytes: 5, Total: 10})
		return &release.Report{ID: "r1", Outcome: release.Reverted}, fmt.Errorf("deploy: %w", &Error{Code: CodeReverted, Text: "web1 is ill"})
	})
	var lines []Progress
	r, err := c.Deploy(t.Context(), func(p Progress) { lines = append(lines, p) })
	wantCode(t, err, CodeReverted)
	if r == nil || r.ID != "r1" || len(lines) != 2 || lines[0].Bytes != 5 || !lines[1].Done || !strings.Contains(lines[1].Error, "web1 is ill") {
		t.Errorf("Deploy = %+v, lines %+v", r, lines)
	}
	if err := c.Fetch(t.Context(), nil); err == nil {
		t.Error("a job whose work failed was told as done")
	}
}

// A technician's serial line drops: the job goes on, and another line finds it.
func TestJobOutlivesItsAsker(t *testing.T) {
	goOn := make(chan struct{})
	c, jobs := serveWork(t, func(ctx context.Context, say Say) (*release.Report, error) {
		say(Progress{Text: "first"})
		select {
		case <-goOn:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		say(Progress{Text: "second"})
		return nil, nil
	})
	line, drop := context.WithCancel(t.Context())
	err := c.Fetch(line, func(Progress) { drop() })
	if !errors.Is(err, context.Canceled) || jobs.Running() != KindFetch {
		t.Fatalf("Fetch = %v, running %q; want the job to go on", err, jobs.Running())
	}
	wantCode(t, c.Report(t.Context(), nil), CodeBusy)
	var seen []string
	_, err = c.Watch(t.Context(), func(p Progress) {
		if p.Text == "first" {
			close(goOn)
		}
		seen = append(seen, p.Text)
	})
	if err != nil || strings.Join(seen, " ") != "first second done" {
		t.Errorf("Watch = %v, saw %q", err, seen)
	}
	_, err = c.Watch(t.Context(), nil)
	wantCode(t, err, CodeNothing)
}

func TestCancel(t *testing.T) {
	c, _ := serveWork(t, func(ctx context.Context, say Say) (*release.Report, error) {
		say(Progress{Text: "waiting"})
		<-ctx.Done()
		return nil, fmt.Errorf("fetch: %w", context.Cause(ctx))
	})
	err := c.Fetch(t.Context(), func(p Progress) {
		if !p.Done {
			if err := c.Cancel(t.Context()); err != nil {
				t.Errorf("Cancel = %v", err)
			}
		}
	})
	wantCode(t, err, CodeCancelled)
	wantCode(t, c.Cancel(t.Context()), CodeNothing)
}

func TestRefusalsOfTheSocket(t *testing.T) {
	c, _ := serveWork(t, nil)
	if s, err := c.Status(t.Context()); err != nil || s.Node != "plant-7" {
		t.Errorf("Status = %+v, %v", s, err)
	}
	wantCode(t, c.SetSite(t.Context(), Site{}), CodeBadSite)
	_, err := c.do(t.Context(), http.MethodPut, "/v1/site", map[string]int{"unknown": 1})
	wantCode(t, err, CodeBadRequest)
	_, err = c.do(t.Context(), http.MethodGet, "/v1/nothing", nil)
	wantCode(t, err, CodeInternal)
	wantCode(t, NewClient("/nowhere/s").Fetch(t.Context(), nil), CodeNotRunning)
}

// Thousands of lines do not pile up for those who come late.
func TestLinesAreBounded(t *testing.T) {
	jobs := NewJobs(time.Now)
	job, err := jobs.Start(t.Context(), KindFetch, func(_ context.Context, say Say) (*release.Report, error) {
		for range 10 * maxLines {
			say(Progress{Text: "x"})
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs.Wait()
	n := 0
	if err := job.Follow(t.Context(), func(Progress) error { n++; return nil }); err != nil || n != maxLines {
		t.Errorf("Follow = %v with %d lines, want %d", err, n, maxLines)
	}
}
