package fetch_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"airlock/deployd/fetch"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
)

// onArtifact lets attack answer requests for the big artifact.
func onArtifact(s *site, attack func(w http.ResponseWriter, r *http.Request, content []byte)) {
	s.repo.Attack(func(w http.ResponseWriter, r *http.Request) bool {
		content := s.repo.File(r.URL.Path)
		if !strings.HasSuffix(r.URL.Path, ".zst") || len(content) < 1000 {
			return false
		}
		attack(w, r, content)
		return true
	})
}

// Each attack on artifacts is refused by name.
func TestHostileArtifacts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason fetch.Reason
		attack func(w http.ResponseWriter, r *http.Request, content []byte)
	}{
		{"truncated, with an honest length", fetch.Truncated, func(w http.ResponseWriter, r *http.Request, content []byte) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)-100))
			w.Write(content[:len(content)-100])
		}},
		{"truncated, without a length", fetch.Truncated, func(w http.ResponseWriter, r *http.Request, content []byte) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			w.Write(content[:len(content)-100])
			w.(http.Flusher).Flush()
		}},
		{"missing", fetch.Truncated, func(w http.ResponseWriter, r *http.Request, content []byte) {
			w.WriteHeader(http.StatusNotFound)
		}},
		{"one byte changed", fetch.WrongDigest, func(w http.ResponseWriter, r *http.Request, content []byte) {
			b := append([]byte(nil), content...)
			b[len(b)/2] ^= 1
			w.Write(b)
		}},
		{"endless, announced", fetch.Endless, func(w http.ResponseWriter, r *http.Request, content []byte) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)+1))
			w.Write(append(content[:len(content):len(content)], 0))
		}},
		{"endless, not announced", fetch.Endless, func(w http.ResponseWriter, r *http.Request, content []byte) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}},
		{"slow before the header", fetch.Slow, func(w http.ResponseWriter, r *http.Request, content []byte) {
			<-r.Context().Done()
		}},
		{"slow after the header", fetch.Slow, func(w http.ResponseWriter, r *http.Request, content []byte) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Write(content[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
		{"another range than asked", fetch.Malformed, func(w http.ResponseWriter, r *http.Request, content []byte) {
			if r.Header.Get("Range") == "" {
				w.Header().Set("Content-Length", strconv.Itoa(len(content)))
				w.Write(content[:5000])
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Range", "bytes 0-9/"+strconv.Itoa(len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			onArtifact(s, tt.attack)
			began := time.Now()
			s.refused(s.fetch(), tt.reason, "releases/demo-1/")
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("refused after %v, want within the limits", took)
			}
			s.repo.Attack(nil)
			if err := s.fetch(); err != nil {
				t.Errorf("after the attack: fetch = %v", err)
			}
		})
	}
}

// Each attack on metadata is refused by name.
func TestHostileMetadata(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason fetch.Reason
		file   string
		attack func(s *site)
	}{
		{"rollback of the timestamp", fetch.Rollback, "timestamp.json", func(s *site) {
			old := s.repo.Files()
			s.repo.Publish()
			if _, err := fetch.Begin(s.Context(), s.cfg); err != nil {
				s.Fatal(err)
			}
			s.repo.Restore(old)
		}},
		{"expired (freeze)", fetch.Expired, "", func(s *site) { s.cfg.Now = time.Now().Add(48 * time.Hour) }},
		{"timestamp by a foreign key", fetch.BadSignature, "timestamp.json", func(s *site) {
			s.repo.Sign["timestamp"] = repotest.Key(s)
			s.repo.Publish()
		}},
		{"releases by the assignments' key", fetch.BadSignature, "releases.json", func(s *site) {
			s.repo.Sign[release.RoleReleases] = s.repo.Keys[release.RoleAssignments]
			s.repo.Publish()
		}},
		{"assignments signs a release", fetch.UnknownRole, "releases/evil-1/release.json", func(s *site) {
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": []byte("a")})
			delete(s.repo.Targets[release.RoleReleases], release.ManifestPath("evil-1"))
			s.repo.SetManifest(release.RoleAssignments, m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"the top role signs a release", fetch.UnknownRole, "releases/evil-1/release.json", func(s *site) {
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": []byte("a")})
			delete(s.repo.Targets[release.RoleReleases], release.ManifestPath("evil-1"))
			s.repo.SetManifest("targets", m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"the top role signs an artifact", fetch.UnknownRole, "releases/mixed-1/", func(s *site) {
			m := s.repo.AddRelease("mixed-1", plan, map[string][]byte{"a": []byte("a")})
			target := m.Artifacts[0].Target
			s.repo.Targets["targets"][target] = s.repo.Targets[release.RoleReleases][target]
			delete(s.repo.Targets[release.RoleReleases], target)
			s.repo.Assign(node, "mixed-1", 2)
			s.repo.Publish()
		}},
		{"assignments delegates to a role of its own", fetch.UnknownRole, "", func(s *site) {
			k := repotest.Key(s)
			s.repo.DelegateTo(release.RoleAssignments, "friend", "assignments/*", k)
			s.repo.Targets["friend"] = s.repo.Targets[release.RoleAssignments]
			s.repo.Targets[release.RoleAssignments] = map[string][]byte{}
			s.repo.Sign["friend"] = k
			s.repo.Publish()
		}},
		// go-tuf keeps verified roles by name: a role called releases below assignments would be taken
		// for the true one.
		{"assignments delegates to its own releases", fetch.UnknownRole, "", func(s *site) {
			k := repotest.Key(s)
			s.repo.DelegateTo(release.RoleAssignments, release.RoleReleases, "assignments/*", k)
			s.repo.Sign[release.RoleReleases] = k
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": []byte("a")})
			s.repo.SetManifest(release.RoleReleases, m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Targets[release.RoleReleases][release.AssignmentPath(node)] = s.repo.Targets[release.RoleAssignments][release.AssignmentPath(node)]
			s.repo.Targets[release.RoleAssignments] = map[string][]byte{}
			s.repo.Publish()
		}},
		{"assignment for another node", fetch.Malformed, "assignments/", func(s *site) {
			s.repo.Assign("plant-8", "demo-1", 2)
			a := s.repo.Targets[release.RoleAssignments]
			a[release.AssignmentPath(node)] = a[release.AssignmentPath("plant-8")]
			s.repo.Publish()
		}},
		{"manifest that leaves its folder", fetch.Malformed, "releases/evil-1/release.json", func(s *site) {
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": []byte("a")})
			m.Artifacts[0].Path = "../../etc/passwd"
			s.repo.SetManifest(release.RoleReleases, m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"manifest of another release", fetch.MixAndMatch, "releases/evil-1/release.json", func(s *site) {
			m := s.repo.Targets[release.RoleReleases]
			m[release.ManifestPath("evil-1")] = m[release.ManifestPath("demo-1")]
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"manifest that lies about content", fetch.WrongDigest, "releases/evil-1/", func(s *site) {
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": []byte("some content")})
			sum := sha256.Sum256([]byte("else content"))
			m.Artifacts[0].SHA256 = hex.EncodeToString(sum[:])
			s.repo.SetManifest(release.RoleReleases, m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"bomb", fetch.WrongDigest, "releases/evil-1/", func(s *site) {
			m := s.repo.AddRelease("evil-1", plan, map[string][]byte{"a": make([]byte, 64<<20)})
			m.Artifacts[0].Size = 1 << 20
			s.repo.SetManifest(release.RoleReleases, m)
			s.repo.Assign(node, "evil-1", 2)
			s.repo.Publish()
		}},
		{"endless timestamp", fetch.Endless, "timestamp.json", func(s *site) {
			s.repo.Attack(func(w http.ResponseWriter, r *http.Request) bool {
				for strings.HasSuffix(r.URL.Path, "/timestamp.json") {
					if _, err := w.Write(make([]byte, 4096)); err != nil {
						return true
					}
				}
				return false
			})
		}},
		{"slow timestamp", fetch.Slow, "timestamp.json", func(s *site) {
			s.repo.Attack(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/timestamp.json") {
					<-r.Context().Done()
				}
				return false
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			tt.attack(s)
			err := s.fetch()
			s.refused(err, tt.reason, tt.file)
			t.Log(err)
		})
	}
}

// A clock of 1970 is lifted by the floor; expiry names the clock as a suspect.
func TestExpiryNamesTheClock(t *testing.T) {
	s := newSite(t)
	s.cfg.Now = time.Now().AddDate(10, 0, 0)
	err := s.fetch()
	s.refused(err, fetch.Expired, "")
	if !strings.Contains(err.Error(), "set the clock") {
		t.Errorf("error = %q, want a hint at the clock", err)
	}
}
