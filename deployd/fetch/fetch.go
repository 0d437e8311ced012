// Package fetch gets what is assigned to this node from the publisher: TUF metadata by go-tuf,
// artifacts streamed by itself into the store. It opens no connection of its own: the HTTP client
// that it is given dials through an open window. It trusts nothing but the root that came with
// the enrolment, and asks one rule beyond TUF (as Uptane does): an assignment can only name a
// release whose manifest the role `releases` itself signed. deployd calls it.
package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"airlock/deployd/durable"
	"airlock/deployd/release"
)

// Config is what a session needs.
type Config struct {
	// HTTP dials through the window.
	HTTP *http.Client
	// Publisher is the base of the publisher's addresses, such as "http://[fd41::1]:80".
	Publisher string
	// Dir keeps the metadata seen last, which is what a rollback is judged by.
	Dir string
	// Anchor is the TUF root received at enrolment.
	Anchor []byte
	// Now is the time by which expiry is judged during the whole session.
	Now    time.Time
	Limits Limits
}

// Session is one cycle: metadata once, then what it names. It lives inside one window.
type Session struct {
	cfg     Config
	updater *updater.Updater
	web     *web
}

// Begin refreshes the top-level metadata. A *Refused names the file and the reason.
func Begin(ctx context.Context, cfg Config) (*Session, error) {
	s := &Session{cfg: cfg, web: &web{ctx: ctx, cfg: &cfg}}
	if err := s.start(cfg.newestRoot()); err != nil {
		return nil, err
	}
	if err := s.updater.Refresh(); err != nil {
		return nil, s.explain(err)
	}
	return s, s.sync()
}

// newestRoot is the newest root seen, or the anchor when that is not readable: go-tuf does not sync
// what it writes, and a power cut may have torn it.
func (c *Config) newestRoot() []byte {
	b, err := os.ReadFile(filepath.Join(c.Dir, "root.json"))
	if err != nil {
		return c.Anchor
	}
	root, err := metadata.Root().FromBytes(b)
	if err != nil || root.VerifyDelegate(metadata.ROOT, root) != nil {
		return c.Anchor
	}
	return b
}

// start makes the updater.
func (s *Session) start(root []byte) error {
	c, err := config.New(s.cfg.Publisher+release.PathMetadata, root)
	if err != nil {
		return fmt.Errorf("address the publisher: %w", err)
	}
	c.Fetcher = s.web
	c.LocalMetadataDir = s.cfg.Dir
	c.LocalTargetsDir = s.cfg.Dir
	if s.updater, err = updater.New(c); err != nil {
		return classify("root.json", err)
	}
	// The library calls this unsafe since it decides expiry: deciding it by a floor is what we want.
	s.updater.UnsafeSetRefTime(s.cfg.Now.UTC())
	return nil
}

// sync makes the metadata survive, so that no power cut forgets a version that was seen.
func (s *Session) sync() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("sync metadata: %w", err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(s.cfg.Dir, e.Name()))
		if err != nil {
			return fmt.Errorf("sync metadata: %w", err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("sync metadata: %w", err)
		}
	}
	return durable.SyncDir(s.cfg.Dir)
}

// explain names the file of an error of go-tuf, and the clock where time decided.
func (s *Session) explain(err error) error {
	err = classify(s.web.last, err)
	var r *Refused
	if errors.As(err, &r) && r.Reason == Expired {
		r.Detail += "; this node takes it to be " + s.cfg.Now.UTC().Format(time.RFC3339) +
			": if that is wrong set the clock, if it is right the publisher has to sign anew"
	}
	return err
}

// PublisherTime is the time in the publisher's last answer; zero when it named none. It is not
// signed: good for a hint, never for judging expiry.
func (s *Session) PublisherTime() time.Time { return s.web.date }

// Assignment is what is assigned to node; ErrNothing when nothing is.
func (s *Session) Assignment(node string) (release.Assignment, error) {
	var a release.Assignment
	name := release.AssignmentPath(node)
	info, err := s.signedBy(release.RoleAssignments, name)
	if err != nil {
		return a, err
	}
	b, err := s.target(info, release.MaxAssignment)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, refuse(name, Malformed, "%v", err)
	}
	if err := a.Validate(node); err != nil {
		return a, refuse(name, Malformed, "%v", err)
	}
	return a, nil
}

// Manifest is the manifest of a release, and its bytes as signed.
func (s *Session) Manifest(id string) (release.Manifest, []byte, error) {
	var m release.Manifest
	name := release.ManifestPath(id)
	info, err := s.signedBy(release.RoleReleases, name)
	if errors.Is(err, ErrNothing) {
		return m, nil, refuse(name, UnknownRole, "the assignment names a release which the role %s has not signed", release.RoleReleases)
	}
	if err != nil {
		return m, nil, err
	}
	b, err := s.target(info, release.MaxManifest)
	if err != nil {
		return m, nil, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, nil, refuse(name, Malformed, "%v", err)
	}
	if err := m.Validate(); err != nil {
		return m, nil, refuse(name, Malformed, "%v", err)
	}
	if m.ID != id {
		return m, nil, refuse(name, MixAndMatch, "it describes release %q", m.ID)
	}
	return m, b, nil
}

// signedBy finds a target and makes sure that the role itself, delegated by the top-level targets,
// signed it. ErrNothing: the role is there and does not name the target.
func (s *Session) signedBy(role, name string) (*metadata.TargetFiles, error) {
	info, err := s.updater.GetTargetInfo(name)
	set := s.updater.GetTrustedMetadataSet()
	// go-tuf keeps roles by name, not by delegator. A role of ours that delegated further could bring in
	// its own "releases" before the true one is loaded; so any role beside the known ones is refused.
	for r := range set.Targets {
		if r != metadata.TARGETS && r != release.RoleReleases && r != release.RoleAssignments {
			return nil, refuse(name, UnknownRole, "role %q has no say on this node", r)
		}
	}
	for _, r := range []string{release.RoleReleases, release.RoleAssignments} {
		if t := set.Targets[r]; t != nil && t.Signed.Delegations != nil {
			return nil, refuse(r+".json", UnknownRole, "role %s must not delegate", r)
		}
	}
	signer := set.Targets[role]
	if signer == nil {
		if err == nil {
			return nil, refuse(name, UnknownRole, "it is not signed by the role %s", role)
		}
		if err = s.explain(err); isRefused(err) {
			return nil, err
		}
		if set.Targets[metadata.TARGETS] != nil && s.web.err == nil {
			return nil, refuse(name, UnknownRole, "the publisher's metadata has no role %s for it: %v", role, err)
		}
		return nil, err
	}
	if own := signer.Signed.Targets[name]; own == nil {
		if err == nil {
			return nil, refuse(name, UnknownRole, "it is not signed by the role %s", role)
		}
		return nil, ErrNothing
	} else if info == nil || !own.Equal(*info) {
		return nil, refuse(name, UnknownRole, "another role than %s signs it too", role)
	}
	return info, s.sync()
}

// isRefused says whether err is a refusal already.
func isRefused(err error) bool {
	var r *Refused
	return errors.As(err, &r)
}

// target fetches a target that fits in memory, and verifies it.
func (s *Session) target(info *metadata.TargetFiles, limit int64) ([]byte, error) {
	if info.Length > limit {
		return nil, refuse(info.Path, Endless, "%d bytes are signed, this node takes at most %d", info.Length, limit)
	}
	url, _, err := s.address(info)
	if err != nil {
		return nil, err
	}
	b, _, err := small(s.web.ctx, s.cfg.HTTP, url, info.Path, info.Length, s.cfg.Limits)
	if err != nil {
		return nil, missing(info.Path, err)
	}
	if int64(len(b)) < info.Length {
		return nil, refuse(info.Path, Truncated, "%d of %d bytes", len(b), info.Length)
	}
	if err := info.VerifyLengthHashes(b); err != nil {
		return nil, classify(info.Path, err)
	}
	return b, nil
}

// address is where a target's stored form lies: beside its name, named by its digest, as in
// every repository with consistent snapshots (TUF specification 5.7.3).
func (s *Session) address(info *metadata.TargetFiles) (url, sha256 string, err error) {
	sum, ok := info.Hashes["sha256"]
	if !ok || len(sum) != 32 {
		return "", "", refuse(info.Path, Malformed, "its metadata names no SHA-256")
	}
	sha256 = sum.String()
	dir, base := path.Split(info.Path)
	return s.cfg.Publisher + release.PathTargets + dir + sha256 + "." + base, sha256, nil
}

// missing words an answer that says that a signed file is not there.
func missing(file string, err error) error {
	var h *metadata.ErrDownloadHTTP
	if errors.As(err, &h) && (h.StatusCode == http.StatusNotFound || h.StatusCode == http.StatusGone) {
		return refuse(file, Truncated, "the publisher signed it and does not have it: it answered %d", h.StatusCode)
	}
	return answered(file, err)
}

// Vouched is a time that has certainly come, since the role releases signed that a release was
// built then. A time beyond the timestamp's expiry is a builder's wrong clock: it must not become
// a floor that no later metadata could stand on.
func (s *Session) Vouched(m release.Manifest) time.Time {
	if m.Built.After(s.updater.GetTrustedMetadataSet().Timestamp.Signed.Expires) {
		return time.Time{}
	}
	return m.Built
}
