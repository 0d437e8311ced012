// Package repotest is a publisher's repository in memory, signed with real keys by go-tuf and
// served over real HTTP, which can be told to attack. Only tests use it.
package repotest

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
)

// Repo is a repository. Its fields may be changed between two calls of Publish.
type Repo struct {
	tb   testing.TB
	Keys map[string]ed25519.PrivateKey // by role
	// Expires is when metadata signed from now on expires.
	Expires time.Time
	// Targets are the target files by role and target path.
	Targets map[string]map[string][]byte
	// Delegate is what the role may delegate: extra roles below a role, for attacks.
	Delegate map[string]*metadata.Delegations
	// Sign replaces the key that signs a role, for attacks.
	Sign map[string]ed25519.PrivateKey

	version int64
	root    *metadata.Metadata[metadata.RootType]

	mu     sync.Mutex
	files  map[string][]byte // served, by path below the server's root; guarded by mu
	attack http.HandlerFunc  // nil: none; guarded by mu
	asked  []string          // guarded by mu
}

// New makes a repository with the roles of an Airlock publisher and no release.
func New(tb testing.TB) *Repo {
	r := &Repo{tb: tb, Keys: map[string]ed25519.PrivateKey{}, Expires: time.Now().Add(24 * time.Hour),
		Targets: map[string]map[string][]byte{}, Delegate: map[string]*metadata.Delegations{},
		Sign: map[string]ed25519.PrivateKey{}, files: map[string][]byte{}}
	for _, role := range []string{"root", "targets", "snapshot", "timestamp", release.RoleReleases, release.RoleAssignments} {
		r.Keys[role] = Key(tb)
	}
	for _, role := range []string{"targets", release.RoleReleases, release.RoleAssignments} {
		r.Targets[role] = map[string][]byte{}
	}
	r.root = metadata.Root(r.Expires.AddDate(10, 0, 0))
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		r.check(r.root.Signed.AddKey(public(tb, r.Keys[role]), role))
	}
	r.sign(r.root.Sign, r.Keys["root"])
	r.put(release.PathMetadata+"1.root.json", r.bytes(r.root.ToBytes(false)))
	return r
}

// Key makes a key.
func Key(tb testing.TB) ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// Root is the first root's bytes, as a token's digest names them.
func (r *Repo) Root() []byte { return r.File(release.PathMetadata + "1.root.json") }

// RootDigest is its SHA-256, hex.
func (r *Repo) RootDigest() string { return digest(r.Root()) }

// AddRelease makes a release of contents (by installed path; mode 0755), signed by the role
// releases with the next Publish.
func (r *Repo) AddRelease(id string, plan release.Plan, contents map[string][]byte) release.Manifest {
	m := release.Manifest{Format: 1, ID: id, Project: "demo", Version: "1", Built: time.Now().Add(-time.Hour).UTC(), Plan: plan}
	z, err := zstd.NewWriter(nil)
	r.check(err)
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		stored := z.EncodeAll(contents[name], nil)
		target := release.ArtifactPath(id, digest(stored)+".zst")
		r.Targets[release.RoleReleases][target] = stored
		m.Artifacts = append(m.Artifacts, release.Artifact{Path: name, Mode: 0o755, SHA256: digest(contents[name]),
			Size: int64(len(contents[name])), Target: target, Encoding: "zstd"})
	}
	r.SetManifest(release.RoleReleases, m)
	return m
}

// SetManifest lets a role sign a manifest.
func (r *Repo) SetManifest(role string, m release.Manifest) {
	b, err := json.Marshal(m)
	r.check(err)
	r.Targets[role][release.ManifestPath(m.ID)] = b
}

// Assign assigns a release, signed by the role assignments with the next Publish.
func (r *Repo) Assign(node, id string, serial int64) {
	b, err := json.Marshal(release.Assignment{Format: 1, Node: node, Release: id, From: time.Now().Add(-time.Minute), Serial: serial})
	r.check(err)
	r.Targets[release.RoleAssignments][release.AssignmentPath(node)] = b
}

// Publish signs everything anew, with the next version number.
func (r *Repo) Publish() {
	r.version++
	snapshot := metadata.Snapshot(r.Expires)
	snapshot.Signed.Version = r.version
	delegations := &metadata.Delegations{Keys: map[string]*metadata.Key{}, Roles: []metadata.DelegatedRole{
		r.delegated(release.RoleReleases, "releases/*/*"), r.delegated(release.RoleAssignments, "assignments/*")}}
	for _, role := range []string{release.RoleReleases, release.RoleAssignments} {
		k := public(r.tb, r.Keys[role])
		delegations.Keys[id(r.tb, k)] = k
	}
	for role := range r.Targets {
		d := r.Delegate[role]
		if role == "targets" {
			d = delegations
		}
		snapshot.Signed.Meta[role+".json"] = metadata.MetaFile(r.version)
		r.put(fmt.Sprintf("%s%d.%s.json", release.PathMetadata, r.version, role), r.role(role, d))
	}
	r.sign(snapshot.Sign, r.key("snapshot"))
	r.put(fmt.Sprintf("%s%d.snapshot.json", release.PathMetadata, r.version), r.bytes(snapshot.ToBytes(false)))
	stamp := metadata.Timestamp(r.Expires)
	stamp.Signed.Version = r.version
	stamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.version)
	r.sign(stamp.Sign, r.key("timestamp"))
	r.put(release.PathMetadata+"timestamp.json", r.bytes(stamp.ToBytes(false)))
}

// role signs one role's targets and puts the files up.
func (r *Repo) role(role string, d *metadata.Delegations) []byte {
	t := metadata.Targets(r.Expires)
	t.Signed.Version = r.version
	t.Signed.Delegations = d
	for name, content := range r.Targets[role] {
		info, err := metadata.TargetFile().FromBytes(name, content, "sha256")
		r.check(err)
		info.Path = name
		t.Signed.Targets[name] = info
		dir, base := path.Split(name)
		r.put(release.PathTargets+dir+digest(content)+"."+base, content)
	}
	r.sign(t.Sign, r.key(role))
	return r.bytes(t.ToBytes(false))
}

// delegated is a terminating delegation to one of our roles.
func (r *Repo) delegated(role, pattern string) metadata.DelegatedRole {
	return metadata.DelegatedRole{Name: role, KeyIDs: []string{id(r.tb, public(r.tb, r.Keys[role]))}, Threshold: 1,
		Terminating: true, Paths: []string{pattern}}
}

// DelegateTo lets parent, against the rules, delegate a path to a role of the attacker's with key k.
func (r *Repo) DelegateTo(parent, role, pattern string, k ed25519.PrivateKey) {
	key := public(r.tb, k)
	r.Delegate[parent] = &metadata.Delegations{Keys: map[string]*metadata.Key{id(r.tb, key): key},
		Roles: []metadata.DelegatedRole{{Name: role, KeyIDs: []string{id(r.tb, key)}, Threshold: 1, Paths: []string{pattern}}}}
}

// key is what signs a role.
func (r *Repo) key(role string) ed25519.PrivateKey {
	if k := r.Sign[role]; k != nil {
		return k
	}
	return r.Keys[role]
}

// Attack lets h answer requests first; it answers nothing to let the repository answer. nil ends it.
func (r *Repo) Attack(h func(w http.ResponseWriter, req *http.Request) (answered bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attack = nil
	if h != nil {
		r.attack = func(w http.ResponseWriter, req *http.Request) {
			if !h(w, req) {
				r.serve(w, req)
			}
		}
	}
}

// ServeHTTP serves the repository, with ranges.
func (r *Repo) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	attack := r.attack
	r.asked = append(r.asked, req.URL.Path+" "+req.Header.Get("Range"))
	r.mu.Unlock()
	if attack != nil {
		attack(w, req)
		return
	}
	r.serve(w, req)
}

// serve answers honestly.
func (r *Repo) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	b, ok := r.files[req.URL.Path]
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(b))
}

// Start serves it on loopback until the test ends; it returns the base of its addresses.
func (r *Repo) Start() string {
	s := httptest.NewServer(r)
	r.tb.Cleanup(s.Close)
	return s.URL
}

// File is a served file.
func (r *Repo) File(name string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files[name]
}

// Files is a copy of everything served; Restore brings it back: a repository rolled back.
func (r *Repo) Files() map[string][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.files)
}

// Restore serves what Files returned.
func (r *Repo) Restore(files map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = maps.Clone(files)
}

// Asked are the requests so far whose path contains part: path, space, Range header.
func (r *Repo) Asked(part string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, a := range r.asked {
		if strings.Contains(a, part) {
			found = append(found, a)
		}
	}
	return found
}

// put serves a file.
func (r *Repo) put(name string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = b
}

// sign signs with an ed25519 key.
func (r *Repo) sign(sign func(signature.Signer) (*metadata.Signature, error), k ed25519.PrivateKey) {
	s, err := signature.LoadSigner(k, crypto.Hash(0))
	r.check(err)
	_, err = sign(s)
	r.check(err)
}

// bytes unwraps.
func (r *Repo) bytes(b []byte, err error) []byte {
	r.check(err)
	return b
}

// check ends the test: a repository that cannot be made is a broken test.
func (r *Repo) check(err error) {
	if err != nil {
		r.tb.Helper()
		r.tb.Fatal(err)
	}
}

// public is a key as TUF writes it.
func public(tb testing.TB, k ed25519.PrivateKey) *metadata.Key {
	key, err := metadata.KeyFromPublicKey(k.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// digest is a SHA-256 in hex.
func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// id is a key's name in TUF.
func id(tb testing.TB, k *metadata.Key) string {
	name, err := k.ID()
	if err != nil {
		tb.Fatal(err)
	}
	return name
}
