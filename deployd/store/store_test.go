package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"airlock/deployd/durable"
	"airlock/deployd/release"
)

// newStore is an empty store with plenty of room.
func newStore(t *testing.T) *Store {
	s, err := New(t.TempDir(), durable.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sum is a SHA-256 in hex.
func sum(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

// packed is an artifact and its stored form.
func packed(content []byte) (release.Artifact, []byte) {
	z, _ := zstd.NewWriter(nil)
	stored := z.EncodeAll(content, nil)
	return release.Artifact{Path: "a", SHA256: sum(content), Size: int64(len(content)), Encoding: "zstd"}, stored
}

// put brings content into the store.
func put(t *testing.T, s *Store, content []byte) release.Artifact {
	t.Helper()
	a, stored := packed(content)
	p, err := s.Partial(sum(stored))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Write(stored)
	if err := errors.Join(p.Check(), p.Install(a)); err != nil {
		t.Fatal(err)
	}
	return a
}

// complete makes a release of contents.
func complete(t *testing.T, s *Store, id string, contents ...[]byte) release.Manifest {
	t.Helper()
	m := release.Manifest{ID: id}
	for _, c := range contents {
		m.Artifacts = append(m.Artifacts, put(t, s, c))
	}
	raw, _ := json.Marshal(m)
	if err := s.Complete(m, raw); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPartialGoesOnAfterAReopening(t *testing.T) {
	s := newStore(t)
	a, stored := packed(bytes.Repeat([]byte("content "), 1000))
	for _, part := range [][]byte{stored[:10], stored[10:20], stored[20:]} {
		p, err := s.Partial(sum(stored))
		if err != nil {
			t.Fatal(err)
		}
		p.Write(part)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Has(a.SHA256, a.Size) {
		t.Error("a file counts before it was verified")
	}
	p, err := s.Partial(sum(stored))
	if err != nil || p.Have() != int64(len(stored)) {
		t.Fatalf("Partial = %d, %v", p.Have(), err)
	}
	if err := errors.Join(p.Check(), p.Install(a), p.Close()); err != nil {
		t.Fatal(err)
	}
	if !s.Has(a.SHA256, a.Size) || s.Held(sum(stored)) != 0 {
		t.Errorf("has = %v, partial left = %d", s.Has(a.SHA256, a.Size), s.Held(sum(stored)))
	}
}

// What is not what was promised never becomes a file, and leaves no partial file that would be resumed.
func TestInstallRefuses(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 1000)
	good, stored := packed(content)
	for _, tt := range []struct {
		name   string
		stored []byte
		change func(*release.Artifact)
		want   error
	}{
		{"another content", stored, func(a *release.Artifact) { a.SHA256 = sum([]byte("else")) }, ErrDigest},
		{"more than promised", stored, func(a *release.Artifact) { a.Size = 10 }, ErrSize},
		{"fewer than promised", stored, func(a *release.Artifact) { a.Size++ }, ErrSize},
		{"no zstd", []byte("plain text"), func(a *release.Artifact) {}, ErrDigest},
		{"zstd cut off", stored[:len(stored)-3], func(a *release.Artifact) {}, ErrDigest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, a := newStore(t), good
			tt.change(&a)
			p, err := s.Partial(sum(tt.stored))
			if err != nil {
				t.Fatal(err)
			}
			p.Write(tt.stored)
			if err := errors.Join(p.Check(), p.Install(a)); !errors.Is(err, tt.want) {
				t.Errorf("Install = %v, want %v", err, tt.want)
			}
			p.Close()
			for _, d := range []string{"files", "partial"} {
				if left, _ := os.ReadDir(filepath.Join(s.root, d)); len(left) > 0 {
					t.Errorf("left in %s: %v", d, left)
				}
			}
		})
	}
}

// A disk that fails at the Nth change leaves a store in which every release that is there is whole.
func TestFailureAtEveryChange(t *testing.T) {
	for n := 1; ; n++ {
		changes := 0
		s := newStore(t)
		s.disk.Before = func(op, path string) error {
			if changes++; changes == n {
				return &os.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
			}
			return nil
		}
		a, stored := packed([]byte("content"))
		p, err := s.Partial(sum(stored))
		if err != nil {
			t.Fatal(err)
		}
		p.Write(stored)
		m := release.Manifest{ID: "demo-1", Artifacts: []release.Artifact{a}}
		raw, _ := json.Marshal(m)
		if err = p.Install(a); err == nil {
			err = s.Complete(m, raw)
		}
		p.Close()
		if err == nil {
			break
		}
		var full *Full
		if !errors.As(err, &full) && !durable.IsFull(err) {
			t.Errorf("change %d: error = %v, want one of a full disk", n, err)
		}
		ids, _ := s.Releases()
		for _, id := range ids {
			if m, err := s.Manifest(id); err != nil || !s.Has(m.Artifacts[0].SHA256, m.Artifacts[0].Size) {
				t.Errorf("change %d: release %s is in the store and not whole: %v", n, id, err)
			}
		}
	}
}

func TestCompleteRefusesAReleaseWithAGap(t *testing.T) {
	s := newStore(t)
	a, _ := packed([]byte("not here"))
	if err := s.Complete(release.Manifest{ID: "demo-1", Artifacts: []release.Artifact{a}}, nil); err == nil {
		t.Error("a release whose file is missing was completed")
	}
}

// MakeRoom takes the oldest that is not kept, and shared files stay.
func TestMakeRoom(t *testing.T) {
	s := newStore(t)
	shared := bytes.Repeat([]byte("s"), 1000)
	for i, id := range []string{"running", "older", "newer"} {
		complete(t, s, id, shared, []byte(id))
		when := time.Now().Add(time.Duration(i-10) * time.Hour)
		os.Chtimes(s.manifest(id), when, when)
	}
	s.Partial(sum([]byte("wanted")))
	s.Partial(sum([]byte("stale")))
	free := int64(Reserve)
	s.free = func() (int64, error) {
		ids, _ := s.Releases()
		return free + int64(3-len(ids))*1000, nil
	}
	if err := s.MakeRoom(1000, []string{"running"}, []string{sum([]byte("wanted"))}); err != nil {
		t.Fatal(err)
	}
	if ids, _ := s.Releases(); !slices.Equal(ids, []string{"newer", "running"}) {
		t.Errorf("releases = %v, want newer and running", ids)
	}
	if !s.Has(sum(shared), 1000) || s.Has(sum([]byte("older")), 5) {
		t.Error("the shared file went, or the evicted release's own file stayed")
	}
	if left, _ := os.ReadDir(filepath.Join(s.root, "partial")); len(left) != 1 {
		t.Errorf("partial files = %v, want the wanted one only", left)
	}
	err := s.MakeRoom(5000, []string{"running"}, nil)
	var full *Full
	if !errors.As(err, &full) || full.Need != 5000+Reserve {
		t.Errorf("MakeRoom of too much = %v", err)
	}
	if ids, _ := s.Releases(); !slices.Equal(ids, []string{"running"}) {
		t.Errorf("releases = %v, want running to stay", ids)
	}
}

func TestDropTakesTheReleasesThatNeedIt(t *testing.T) {
	s := newStore(t)
	m := complete(t, s, "one", []byte("a"), []byte("b"))
	complete(t, s, "two", []byte("b"))
	if err := s.Drop(m.Artifacts[0].SHA256); err != nil {
		t.Fatal(err)
	}
	if ids, _ := s.Releases(); !slices.Equal(ids, []string{"two"}) {
		t.Errorf("releases = %v, want two", ids)
	}
}

// A digest or an ID that is a path names nothing outside the store.
func TestNoWayOut(t *testing.T) {
	s := newStore(t)
	os.WriteFile(filepath.Join(s.root, "secret"), []byte("x"), 0o600)
	if s.Has("../secret", 1) {
		t.Error("Has left the store's folder")
	}
	if _, err := s.Manifest("../secret"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Manifest of a path = %v", err)
	}
}
