package repo

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// keepVersions is how many superseded versions of a role's metadata stay for nodes in mid-fetch.
const keepVersions = 20

// index reads the manifests and assignments that the metadata names. It verifies each: what was
// damaged on the disk is found here and not on a site.
func (r *Repo) index() error {
	r.releases, r.assignments = map[string]publisher.ReleaseInfo{}, map[string]release.Assignment{}
	sizes := map[string]int64{}
	targets := r.state.targets[release.RoleReleases].Signed.Targets
	for target, f := range targets {
		sizes[filepath.Dir(target)] += f.Length
	}
	for target, f := range targets {
		if filepath.Base(target) != "release.json" {
			continue
		}
		info := publisher.ReleaseInfo{StoredBytes: sizes[filepath.Dir(target)]}
		if err := r.readTarget(target, f, &info.Manifest); err != nil {
			return err
		}
		r.releases[info.ID] = info
	}
	for target, f := range r.state.targets[release.RoleAssignments].Signed.Targets {
		var a release.Assignment
		if err := r.readTarget(target, f, &a); err != nil {
			return err
		}
		r.assignments[a.Node] = a
	}
	return nil
}

func (r *Repo) readTarget(target string, f *metadata.TargetFiles, v any) error {
	data, err := os.ReadFile(filepath.Join(r.targets, filepath.FromSlash(storedName(target, f))))
	if err != nil {
		return fmt.Errorf("read target %s: %w", target, err)
	}
	if err := f.VerifyLengthHashes(data); err != nil {
		return fmt.Errorf("target %s is damaged, restore it from a backup: %w", target, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read target %s: %w", target, err)
	}
	return nil
}

// sweep removes what an interrupted write left and what no metadata names any more.
func (r *Repo) sweep() error {
	named := map[string]bool{}
	for _, role := range targetRoles {
		for target, f := range r.state.targets[role].Signed.Targets {
			named[filepath.FromSlash(storedName(target, f))] = true
			named[filepath.Dir(filepath.FromSlash(target))] = true
		}
	}
	for _, kind := range []string{"releases", "assignments"} {
		if err := sweepTargets(r.targets, kind, named); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(r.metadata)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if r.stale(e.Name()) {
			if err := os.Remove(filepath.Join(r.metadata, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func sweepTargets(dir, kind string, named map[string]bool) error {
	return filepath.WalkDir(filepath.Join(dir, kind), func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == kind || named[rel] {
			return err
		}
		if err := os.RemoveAll(name); err != nil {
			return err
		}
		if e.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// stale tells whether a metadata file may go: a rest of a write, a version that was never stamped, or one long superseded.
func (r *Repo) stale(name string) bool {
	version, role, ok := strings.Cut(strings.TrimSuffix(name, ".json"), ".")
	n, err := strconv.ParseInt(version, 10, 64)
	if !ok || err != nil {
		return strings.HasPrefix(name, ".tmp-")
	}
	var current int64
	switch role {
	case metadata.SNAPSHOT:
		current = r.state.snapshot.Signed.Version
	case metadata.ROOT:
		return false
	default:
		m, ok := r.state.targets[role]
		if !ok {
			return false
		}
		current = m.Signed.Version
	}
	return n > current || n <= current-keepVersions
}
