package vm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/deployd/release"
)

// published finds the files of the publisher's repository that match a pattern.
func published(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(outputDir, "publisher", "tuf", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file of the repository matches %s: %v", pattern, err)
	}
	return files
}

// damaged changes files of the publisher for the time of do.
func damaged(t *testing.T, files []string, change func([]byte) []byte, do func()) {
	t.Helper()
	for _, file := range files {
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, change(good), 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(file, good, 0o644)
	}
	do()
}

// truncatedArtifact cuts the stored program of the assigned release in half.
func (s *site) truncatedArtifact(ctx context.Context, t *testing.T) {
	id := s.release(ctx, t, values{Version: "1.0.0"})
	var stored []string
	for _, file := range published(t, "targets/releases/"+id+"/*") {
		if !strings.HasSuffix(file, "release.json") {
			stored = append(stored, file)
		}
	}
	damaged(t, stored, func(b []byte) []byte { return b[:len(b)/2] }, func() {
		s.refused(ctx, t, "fetch")
		s.nothingFetched(ctx, t)
	})
}

// badSignature changes one letter of what the online key has signed: the newest statement of what is current.
func (s *site) badSignature(ctx context.Context, t *testing.T) {
	// The version of a time stamp that nobody has seen yet, with the signature of the one before.
	if err := s.Publisher.Do(ctx, nil, "assign", s.assigned(ctx, t), "plant-7"); err != nil {
		t.Fatal(err)
	}
	change := func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"spec_version":"1.0.31"`), []byte(`"spec_version":"1.0.32"`), 1)
	}
	stamp := published(t, "metadata/timestamp.json")
	before, err := os.ReadFile(stamp[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(change(before), before) {
		t.Fatalf("nothing was changed in %s", before)
	}
	damaged(t, stamp, change, func() {
		s.refused(ctx, t, "fetch", "timestamp")
		s.nothingFetched(ctx, t)
	})
}

// assigned is the release that the node was last told of.
func (s *site) assigned(ctx context.Context, t *testing.T) string {
	t.Helper()
	_, courier, err := s.Node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if courier.Assignment == nil {
		t.Fatal("the node knows of no assignment")
	}
	return courier.Assignment.Release
}

func (s *site) nothingFetched(ctx context.Context, t *testing.T) {
	t.Helper()
	_, courier, err := s.Node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if courier.Fetched != "" {
		t.Errorf("the node says that it has fetched %s", courier.Fetched)
	}
	lines, err := s.Node.Run(ctx, "deploy --yes", nil)
	if text := strings.Join(lines, "\n"); err != nil || !strings.Contains(text, "not fetched yet") {
		t.Errorf("deploy without a fetched release: %v, %q", err, text)
	}
	s.shut(ctx, t)
}

func (s *site) deliver(ctx context.Context, t *testing.T) {
	for _, command := range []string{"fetch", "deploy --yes", "report"} {
		s.done(ctx, t, command)
	}
	s.serves(ctx, t, "1.0.0")
}

// serves wants every server to answer with a version, asked from within.
func (s *site) serves(ctx context.Context, t *testing.T, version string) {
	t.Helper()
	for i, target := range s.Targets {
		out, err := target.Exec(ctx, "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3`)
		if want := "hello " + version; err != nil || !strings.Contains(out, want) {
			t.Errorf("target %d answers %q (%v), want %q", i, out, err, want)
		}
	}
}

// unreachableTarget has a new release meet a site of which one server does not answer: no server may change.
func (s *site) unreachableTarget(ctx context.Context, t *testing.T) {
	s.release(ctx, t, values{Version: "1.1.0"})
	s.done(ctx, t, "fetch")
	s.LAN.DropNewConnections(s.TargetAddress(1, 22), 100)
	s.refused(ctx, t, "deploy --yes", "web-2")
	s.LAN.DropNewConnections(s.TargetAddress(1, 22), 0)
	s.serves(ctx, t, "1.0.0")
	for i, target := range s.Targets {
		if out, err := target.Exec(ctx, "sh", "-c", "ls /srv/hello/releases"); err != nil || strings.Contains(out, "1.1.0") {
			t.Errorf("target %d has %q (%v) of the release that was not deployed", i, out, err)
		}
	}
	s.done(ctx, t, "report")
}

// fullDisk assigns a release that is small on the wire and larger than the node's disk.
func (s *site) fullDisk(ctx context.Context, t *testing.T) {
	s.release(ctx, t, values{Version: "2.0.0", Extra: "truncate -s 3G out/ballast"})
	s.refused(ctx, t, "fetch", "full", "data partition")
	s.serves(ctx, t, "1.0.0")
	s.release(ctx, t, values{Version: "2.0.1"})
	for _, command := range []string{"fetch", "deploy --yes", "report"} {
		s.done(ctx, t, command)
	}
	s.serves(ctx, t, "2.0.1")
}

// pulledPlug cuts the power when the first server has been switched and the second is about to be. The node comes up
// again, finds what it had begun, and takes it back by itself: the site is old everywhere.
func (s *site) pulledPlug(ctx context.Context, t *testing.T) {
	id := s.release(ctx, t, values{Version: "3.0.0"})
	s.done(ctx, t, "fetch")
	if err := s.Node.Type(ctx, "deploy --yes", regexp.MustCompile(`switching web-2`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Machine.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Node.AwaitPrompt(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Node.AwaitShut(ctx); err != nil {
		t.Fatal(err)
	}
	s.takenBack(ctx, t, id)
	s.shut(ctx, t)
	s.serves(ctx, t, "2.0.1")
}

// takenBack waits until the courier has settled a deployment that the power cut interrupted.
func (s *site) takenBack(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	for {
		doors, courier, err := s.Node.Status(ctx)
		if err == nil && courier.Last != nil && courier.Last.Release == id && doors.Machine == "shut" {
			if courier.Last.Outcome != release.Reverted || slices.ContainsFunc(courier.Last.Targets, failed) {
				t.Errorf("the interrupted deployment ended as %+v, want reverted on every target", courier.Last)
			}
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			t.Fatalf("the interrupted deployment is not settled: %v, %+v", err, courier.Last)
		}
	}
}

// failed tells of a target that could not be brought back.
func failed(r release.TargetResult) bool { return r.Outcome == release.Failed }
