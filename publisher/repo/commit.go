package repo

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// commit makes a new consistent state: change alters a copy of a role's targets, then the role, the
// snapshot and the timestamp are signed and written in this order. The rename of timestamp.json is
// the moment at which nodes see it; whatever fails before leaves files that nothing names. An empty
// role signs only the snapshot and the timestamp anew. The caller holds r.mu.
func (r *Repo) commit(role string, change func(*metadata.TargetsType)) error {
	next, err := r.prepare(role, change)
	if err == nil {
		r.state = next
		return nil
	}
	// What the disk says is what nodes get, so it is what counts from here on.
	if s, lerr := load(r.metadata); lerr != nil {
		err = errors.Join(err, lerr)
	} else {
		r.state = s
		err = errors.Join(err, r.index())
	}
	return err
}

func (r *Repo) prepare(role string, change func(*metadata.TargetsType)) (*state, error) {
	next := &state{root: r.state.root, targets: maps.Clone(r.state.targets)}
	var err error
	if next.snapshot, err = clone(r.state.snapshot); err != nil {
		return nil, err
	}
	if role != "" {
		m, err := clone(r.state.targets[role])
		if err != nil {
			return nil, err
		}
		change(&m.Signed)
		data, err := r.write(role, m.Signed.Version+1, m)
		if err != nil {
			return nil, err
		}
		next.targets[role] = m
		next.snapshot.Signed.Meta[role+".json"] = metaFile(m.Signed.Version, data)
	}
	data, err := r.write(metadata.SNAPSHOT, next.snapshot.Signed.Version+1, next.snapshot)
	if err != nil {
		return nil, err
	}
	return next, r.stamp(next, data)
}

// stamp signs and writes the timestamp for a snapshot; the caller makes next the state.
func (r *Repo) stamp(next *state, snapshot []byte) error {
	version := int64(1)
	next.timestamp = metadata.Timestamp(r.now())
	if r.state != nil {
		version = r.state.timestamp.Signed.Version + 1
		next.timestamp.Signed.Meta["snapshot.json"] = r.state.timestamp.Signed.Meta["snapshot.json"]
	}
	if snapshot != nil {
		next.timestamp.Signed.Meta["snapshot.json"] = metaFile(next.snapshot.Signed.Version, snapshot)
	}
	_, err := r.write(metadata.TIMESTAMP, version, next.timestamp)
	return err
}

// write signs m as the given version of role, checks the signature as a node would, and writes it.
func (r *Repo) write(role string, version int64, m any) ([]byte, error) {
	signer, err := r.keys.signer(role)
	if err != nil {
		return nil, err
	}
	expires := r.now().UTC().Add(lifetime[role]).Truncate(time.Second)
	var data []byte
	switch m := m.(type) {
	case *metadata.Metadata[metadata.RootType]:
		m.Signed.Version, m.Signed.Expires = version, expires
		data, err = sign(m, signer)
	case *targetsMeta:
		m.Signed.Version, m.Signed.Expires = version, expires
		data, err = sign(m, signer)
	case *snapshotMeta:
		m.Signed.Version, m.Signed.Expires = version, expires
		data, err = sign(m, signer)
	case *timestampMeta:
		m.Signed.Version, m.Signed.Expires = version, expires
		data, err = sign(m, signer)
	}
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", role, err)
	}
	if err := r.accepted(role, m); err != nil {
		return nil, publisher.Errorf(publisher.CodeUnavailable, "the key at %s is not the one that nodes trust for role %s: put the right one there",
			filepath.Join(r.keys.dir, keyPlaces[role]), role)
	}
	if err := publisher.WriteFile(filepath.Join(r.metadata, fileName(role, version)), data, 0o644); err != nil {
		return nil, fmt.Errorf("write %s: %w", role, err)
	}
	return data, nil
}

// accepted verifies a signature against the role above, once there is one.
func (r *Repo) accepted(role string, m any) error {
	if r.state == nil {
		return nil
	}
	if role == release.RoleReleases || role == release.RoleAssignments {
		return r.state.targets[metadata.TARGETS].VerifyDelegate(role, m)
	}
	return r.state.root.VerifyDelegate(role, m)
}

func sign[T metadata.Roles](m *metadata.Metadata[T], s signature.Signer) ([]byte, error) {
	m.ClearSignatures()
	if _, err := m.Sign(s); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}
