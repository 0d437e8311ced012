// Package repo is the artifact store and the trust of the publisher: a TUF repository with
// consistent snapshots (https://theupdateframework.github.io/specification/). It signs what it is
// handed and serves it to nodes; it never judges a build, never changes a release that exists, and
// never shows a state that is not whole. The pipeline publishes through it, the API assigns, the
// hub mounts its handler inside the tunnel.
//
//	root (offline) ─┬─ targets (offline) ─┬─ releases (offline)    releases/*/*
//	                │                     └─ assignments (online)  assignments/*
//	                ├─ snapshot (online)
//	                └─ timestamp (online)
package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Repo is an open repository.
type Repo struct {
	metadata string // folder
	targets  string // folder
	keys     keyring
	log      *slog.Logger
	now      func() time.Time

	mu          sync.Mutex // guards what follows and every write below the folders
	state       *state
	releases    map[string]publisher.ReleaseInfo // by ID
	assignments map[string]release.Assignment    // by node
}

// Open opens the repository in dir, with its keys in keys, and makes both where they do not exist.
// now is the clock that signatures are dated by.
func Open(dir, keys string, log *slog.Logger, now func() time.Time) (*Repo, error) {
	r := &Repo{
		metadata: filepath.Join(dir, "metadata"), targets: filepath.Join(dir, "targets"),
		keys: keyring{keys}, log: log, now: now,
	}
	for _, d := range []string{r.metadata, filepath.Join(r.targets, "releases"), filepath.Join(r.targets, "assignments")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("open repository: %w", err)
		}
	}
	there, err := exists(r.metadata)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if !there {
		if err := r.create(); err != nil {
			return nil, fmt.Errorf("create repository: %w", err)
		}
	}
	if r.state, err = load(r.metadata); err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	if err := r.index(); err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	if err := r.sweep(); err != nil {
		return nil, fmt.Errorf("tidy repository %s: %w", dir, err)
	}
	return r, r.Renew()
}

// create makes the keys and the first version of everything. A first start that was interrupted is
// taken up again: keys and root that exist are kept.
func (r *Repo) create() error {
	keys := map[string]*metadata.Key{}
	for role := range keyPlaces {
		k, err := r.keys.create(role)
		if err != nil {
			return err
		}
		keys[role] = k
	}
	if err := r.createRoot(keys); err != nil {
		return err
	}
	snapshot := metadata.Snapshot()
	for _, role := range targetRoles {
		m := metadata.Targets()
		if role == metadata.TARGETS {
			d, err := delegations(keys)
			if err != nil {
				return err
			}
			m.Signed.Delegations = d
		}
		data, err := r.write(role, 1, m)
		if err != nil {
			return err
		}
		snapshot.Signed.Meta[role+".json"] = metaFile(1, data)
	}
	data, err := r.write(metadata.SNAPSHOT, 1, snapshot)
	if err != nil {
		return err
	}
	r.log.Warn("made signing keys; carry the folder offline away on two media and leave only what has to sign: "+
		"root and targets are needed once a year, releases for each release", "folder", r.keys.dir)
	return r.stamp(&state{snapshot: snapshot}, data)
}

func (r *Repo) createRoot(keys map[string]*metadata.Key) error {
	if _, err := newestRoot(r.metadata); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	root := metadata.Root()
	for _, role := range []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := root.Signed.AddKey(keys[role], role); err != nil {
			return err
		}
	}
	_, err := r.write(metadata.ROOT, 1, root)
	return err
}

// delegations hands the two path patterns to the two roles. Both end the search: no other role may
// speak for these paths.
func delegations(keys map[string]*metadata.Key) (*metadata.Delegations, error) {
	d := &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	for _, role := range []struct{ name, paths string }{
		{release.RoleReleases, "releases/*/*"},
		{release.RoleAssignments, "assignments/*"},
	} {
		id, err := keys[role.name].ID()
		if err != nil {
			return nil, err
		}
		d.Keys[id] = keys[role.name]
		d.Roles = append(d.Roles, metadata.DelegatedRole{
			Name: role.name, KeyIDs: []string{id}, Threshold: 1, Terminating: true, Paths: []string{role.paths},
		})
	}
	return d, nil
}

// Root is the first root metadata, which a node pins by its digest at enrolment, and that digest.
func (r *Repo) Root() (root []byte, digest [sha256.Size]byte, err error) {
	root, err = os.ReadFile(filepath.Join(r.metadata, fileName(metadata.ROOT, 1)))
	if err != nil {
		return nil, digest, fmt.Errorf("read root: %w", err)
	}
	return root, sha256.Sum256(root), nil
}

// Run renews signatures until ctx ends.
func (r *Repo) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := r.Renew(); err != nil {
				r.log.Error("signatures could not be renewed; nodes refuse them once they have expired", "error", err)
			}
		}
	}
}
