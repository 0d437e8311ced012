package repo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// lifetime is how long a role's signature holds. What an online key signs is renewed while the
// server runs; a role with an offline key is signed anew with each change, and by a person once a year.
var lifetime = map[string]time.Duration{
	metadata.ROOT:           3 * 365 * 24 * time.Hour,
	metadata.TARGETS:        365 * 24 * time.Hour,
	release.RoleReleases:    365 * 24 * time.Hour,
	release.RoleAssignments: 90 * 24 * time.Hour,
	metadata.SNAPSHOT:       14 * 24 * time.Hour,
	metadata.TIMESTAMP:      2 * 24 * time.Hour,
}

// The types of TUF metadata, by their short names.
type (
	targetsMeta   = metadata.Metadata[metadata.TargetsType]
	snapshotMeta  = metadata.Metadata[metadata.SnapshotType]
	timestampMeta = metadata.Metadata[metadata.TimestampType]
)

// state is one consistent set of metadata. It is replaced as a whole and never changed in place.
type state struct {
	root      *metadata.Metadata[metadata.RootType]
	targets   map[string]*targetsMeta // targets, releases, assignments
	snapshot  *snapshotMeta
	timestamp *timestampMeta
}

// targetRoles are the roles of type targets, the delegator first.
var targetRoles = []string{metadata.TARGETS, release.RoleReleases, release.RoleAssignments}

// load reads and verifies the state that timestamp.json names.
func load(dir string) (*state, error) {
	s := &state{targets: map[string]*targetsMeta{}}
	var err error
	version, err := newestRoot(dir)
	if err != nil {
		return nil, err
	}
	if s.root, err = metadata.Root().FromFile(filepath.Join(dir, fileName(metadata.ROOT, version))); err != nil {
		return nil, fmt.Errorf("read root: %w", err)
	}
	if s.timestamp, err = metadata.Timestamp().FromFile(filepath.Join(dir, "timestamp.json")); err != nil {
		return nil, fmt.Errorf("read timestamp: %w", err)
	}
	if err := s.root.VerifyDelegate(metadata.TIMESTAMP, s.timestamp); err != nil {
		return nil, err
	}
	if s.snapshot, err = metadata.Snapshot().FromFile(filepath.Join(dir, fileName(metadata.SNAPSHOT, s.timestamp.Signed.Meta["snapshot.json"].Version))); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if err := s.root.VerifyDelegate(metadata.SNAPSHOT, s.snapshot); err != nil {
		return nil, err
	}
	for _, role := range targetRoles {
		if s.targets[role], err = s.loadTargets(dir, role); err != nil {
			return nil, fmt.Errorf("read %s: %w", role, err)
		}
	}
	return s, nil
}

func (s *state) loadTargets(dir, role string) (*targetsMeta, error) {
	meta, ok := s.snapshot.Signed.Meta[role+".json"]
	if !ok {
		return nil, fmt.Errorf("the snapshot does not name it")
	}
	m, err := metadata.Targets().FromFile(filepath.Join(dir, fileName(role, meta.Version)))
	if err != nil {
		return nil, err
	}
	if role == metadata.TARGETS {
		return m, s.root.VerifyDelegate(role, m)
	}
	return m, s.targets[metadata.TARGETS].VerifyDelegate(role, m)
}

// newestRoot finds the highest N of N.root.json.
func newestRoot(dir string) (int64, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.root.json"))
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		n, _, _ := strings.Cut(filepath.Base(name), ".")
		if v, err := strconv.ParseInt(n, 10, 64); err == nil {
			newest = max(newest, v)
		}
	}
	if newest == 0 {
		return 0, fmt.Errorf("find root: %w in %s", fs.ErrNotExist, dir)
	}
	return newest, nil
}

// fileName is the name under consistent snapshots (TUF 6.2); only the timestamp has no version.
func fileName(role string, version int64) string {
	if role == metadata.TIMESTAMP {
		return "timestamp.json"
	}
	return fmt.Sprintf("%d.%s.json", version, role)
}

// metaFile describes a metadata file for the role above it.
func metaFile(version int64, data []byte) *metadata.MetaFiles {
	sum := sha256.Sum256(data)
	return &metadata.MetaFiles{Version: version, Length: int64(len(data)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

// clone is a copy that may be changed.
func clone[T metadata.Roles](m *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	data, err := m.ToBytes(false)
	if err != nil {
		return nil, err
	}
	return (&metadata.Metadata[T]{}).FromBytes(data)
}

// exists tells whether timestamp.json is there. A repository that has lost it is refused: starting
// anew would roll the versions back, and every node would refuse them.
func exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, "timestamp.json"))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if later, _ := filepath.Glob(filepath.Join(dir, "2.*.json")); len(later) > 0 {
		return false, publisher.Errorf(publisher.CodeUnavailable,
			"%s has metadata but no timestamp.json: restore it from a backup, since a new one would be refused by every node", dir)
	}
	return false, nil
}
