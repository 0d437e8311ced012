package deployd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/deployd/release"
)

// state is state.json: everything that a power cut must not take.
type state struct {
	// Floor is the latest time that the publisher's keys have vouched for; the clock is never taken to be before it.
	Floor time.Time `json:"floor,omitzero"`
	// PublisherTime is what the publisher's clock said at the last fetch. It is not signed: it only
	// helps to judge an assignment's From where the node has no clock.
	PublisherTime time.Time           `json:"publisher_time,omitzero"`
	Assignment    *release.Assignment `json:"assignment,omitempty"`
	Fetched       string              `json:"fetched,omitempty"` // release that is whole in the store
	Running       string              `json:"running,omitempty"` // release on every target
	LastGood      string              `json:"last_good,omitempty"`
	// Stale says that the site changed since Running was deployed: it may have to be deployed again.
	Stale      bool            `json:"stale,omitempty"`
	Last       *release.Report `json:"last,omitempty"`
	Deployment *record         `json:"deployment,omitempty"`
}

// record is a deployment under way.
type record struct {
	State   State     `json:"state"`
	Release string    `json:"release"`
	Serial  int64     `json:"serial"`
	Started time.Time `json:"started"`
	// Reason is why the deployment is being taken back.
	Reason string `json:"reason,omitempty"`
	// Directory is the plan's; it stands here so that reverting does not depend on the store.
	Directory string `json:"directory"`
	Marks     []mark `json:"targets"`
}

// mark is one target of a deployment under way.
type mark struct {
	Target string `json:"target"`
	Link   string `json:"link,omitempty"` // what current pointed to before; empty: there was none
	// Touched is stored before the first change: this target may be on the new release.
	Touched bool `json:"touched,omitempty"`
}

// copy is one that shares nothing.
func (r *record) copy() *record {
	c := *r
	c.Marks = append([]mark(nil), r.Marks...)
	return &c
}

// keeper holds what is stored: in memory as on disk. Its methods may be called by several goroutines.
type keeper struct {
	dir  string
	disk durable.Disk

	mu      sync.Mutex
	s       state                  // guarded by mu
	sites   api.Site               // guarded by mu
	member  *release.EnrolResponse // without the root; guarded by mu
	trouble error                  // the last write that failed; guarded by mu
}

// loadState reads what is stored. A file that is not readable is an error: nothing may be guessed
// about a site that could be half deployed.
func loadState(dir string, disk durable.Disk) (*keeper, error) {
	k := &keeper{dir: dir, disk: disk}
	var member release.EnrolResponse
	for _, f := range []struct {
		name string
		into any
	}{{"state.json", &k.s}, {"site.json", &k.sites}, {"node.json", &member}} {
		b, err := os.ReadFile(filepath.Join(dir, f.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read stored state: %w", err)
		}
		if err := json.Unmarshal(b, f.into); err != nil {
			return nil, fmt.Errorf("read stored state: %s: %w", filepath.Join(dir, f.name), err)
		}
	}
	if member.Node != "" {
		k.member = &member
	}
	return k, nil
}

// get is a copy of the state.
func (k *keeper) get() state {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.s
	if s.Deployment != nil {
		s.Deployment = s.Deployment.copy()
	}
	return s
}

// update changes the state on disk first, then in memory.
func (k *keeper) update(change func(*state)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.s
	change(&s)
	if err := k.disk.WriteJSON(filepath.Join(k.dir, "state.json"), s, 0o600); err != nil {
		return stored(err)
	}
	k.s = s
	return nil
}

// site is the site as set.
func (k *keeper) site() api.Site {
	k.mu.Lock()
	defer k.mu.Unlock()
	return api.Site{Targets: append([]api.Target(nil), k.sites.Targets...)}
}

// setSite stores the site.
func (k *keeper) setSite(s api.Site) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.disk.WriteJSON(filepath.Join(k.dir, "site.json"), s, 0o600); err != nil {
		return stored(err)
	}
	k.sites = s
	return nil
}

// node is who the node is; nil before enrolment.
func (k *keeper) node() *release.EnrolResponse {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.member
}

// enrol stores the membership. node.json comes last: with it the node is a member, without it root.json means nothing.
func (k *keeper) enrol(r release.EnrolResponse) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.disk.Write(filepath.Join(k.dir, "root.json"), r.Root, 0o600); err != nil {
		return stored(err)
	}
	r.Root = nil
	if err := k.disk.WriteJSON(filepath.Join(k.dir, "node.json"), r, 0o600); err != nil {
		return stored(err)
	}
	k.member = &r
	return nil
}

// stored words an error of writing state.
func stored(err error) error {
	if durable.IsFull(err) {
		return &api.Error{Code: api.CodeDiskFull, Text: "the data partition is full: " + err.Error()}
	}
	return err
}

// keys are the node's own; they are made at the first start and never leave it.
type keys struct {
	report ed25519.PrivateKey
	ssh    ed25519.PrivateKey
}

// loadKeys reads the keys, or makes them.
func loadKeys(dir string, disk durable.Disk) (keys, error) {
	var k keys
	var err error
	if k.report, err = loadKey(filepath.Join(dir, "report.key"), "airlock report key", disk); err != nil {
		return k, err
	}
	k.ssh, err = loadKey(filepath.Join(dir, "ssh.key"), "airlock edge node", disk)
	return k, err
}

// loadKey reads one key in OpenSSH's format, or makes it.
func loadKey(path, comment string, disk durable.Disk) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path, comment, disk)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	raw, err := ssh.ParseRawPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", path, err)
	}
	key, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read key %s: it is no ed25519 key", path)
	}
	return *key, nil
}

// makeKey makes one key.
func makeKey(path, comment string, disk durable.Disk) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, disk.Write(path, pem.EncodeToMemory(block), 0o600)
}

// authorized is the line for a target's authorized_keys.
func (k keys) authorized() string {
	pub, err := ssh.NewPublicKey(k.ssh.Public())
	if err != nil {
		return "" // an ed25519 key always is one
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " airlock"
}
