package netd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"airlock/netd/durable"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// Files in the state folder.
const (
	keyFile      = "key"           // the node's private WireGuard key, base64; made here, never leaves
	signFile     = "record.key"    // the seed of the ed25519 key that signs the record, base64; made here, never leaves
	identityFile = "identity.json" // windows.Identity
	siteFile     = "site.json"     // windows.Site
	faultFile    = "fault.json"    // a latched fault, which a restart must not clear
	lockdownFile = "lockdown.json" // windows.Lockdown, which a restart must not lift
	recordFile   = "record.jsonl"
)

// latched is a fault as it is kept.
type latched struct {
	Why string `json:"why"`
	// By is who latched it: empty for netd itself, which could not read a door back as shut, else guardName.
	By string `json:"by,omitempty"`
}

// store is what netd keeps across restarts. Its methods may be called by several goroutines.
type store struct {
	dir       string
	key       [32]byte
	recordKey ed25519.PrivateKey

	mu       sync.Mutex
	identity *windows.Identity // guarded by mu; nil before enrolment
	site     *windows.Site     // guarded by mu; nil before it was told
	fault    *latched          // guarded by mu; nil when none is latched
	lockdown *windows.Lockdown // guarded by mu; nil when there is none
}

// openStore reads the state folder, which it makes if it is not there.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	s := &store{dir: dir}
	if err := load(s.path(faultFile), &s.fault); err != nil { // a fault that cannot be read is one all the same
		s.fault = &latched{Why: err.Error()}
	}
	if err := load(s.path(lockdownFile), &s.lockdown); err != nil { // and so is a lockdown
		s.lockdown = &windows.Lockdown{By: "netd", Why: err.Error()}
	}
	return s, errors.Join(
		s.loadKey(),
		s.loadRecordKey(),
		load(s.path(identityFile), &s.identity),
		load(s.path(siteFile), &s.site),
	)
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// loadKey reads the node's key, or makes it on the first start.
func (s *store) loadKey() error {
	b, err := os.ReadFile(s.path(keyFile))
	if err == nil {
		if s.key, err = tunnel.ParseKey(string(b)); err != nil {
			return fmt.Errorf("read %s: its content is no key; restore it, or remove it and enrol the node anew", s.path(keyFile))
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the node's key: %w", err)
	}
	if s.key, err = tunnel.NewKey(); err != nil {
		return err
	}
	return writeFile(s.path(keyFile), []byte(tunnel.KeyText(s.key)+"\n"))
}

// loadRecordKey reads the key that signs the record, or makes it on the first start.
func (s *store) loadRecordKey() error {
	path := s.path(signFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, s.recordKey, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return fmt.Errorf("make the record's key: %w", err)
		}
		return writeFile(path, []byte(base64.StdEncoding.EncodeToString(s.recordKey.Seed())+"\n"))
	case err != nil:
		return fmt.Errorf("read the record's key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("read %s: its content is no key; restore it, or remove it: the record then goes on with another key, "+
			"which `airlock record verify` and the publisher tell", path)
	}
	s.recordKey = ed25519.NewKeyFromSeed(seed)
	return nil
}

// load reads a JSON file into *into, which stays nil when there is none.
func load[T any](path string, into **T) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w; restore it, or remove it and set it anew", path, err)
	}
	*into = v
	return nil
}

// save writes v to a file, and then to where it is read from.
func save[T any](s *store, name string, v *T, into **T) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	if err := writeFile(s.path(name), append(b, '\n')); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*into = v
	return nil
}

// forgetFault removes a latched fault.
func (s *store) forgetFault() error {
	if err := os.Remove(s.path(faultFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear the fault: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
	return durable.SyncFolder(s.dir)
}

// read gives what is kept; the values are never changed in place.
func (s *store) read() (*windows.Identity, *windows.Site, *latched) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity, s.site, s.fault
}

// writeFile replaces a file as a whole: after a power cut it holds the old content or the new.
func writeFile(path string, content []byte) error { return durable.Write(path, content) }

// checkIdentity refuses what could not be used later.
func checkIdentity(id windows.Identity) error {
	bad := func(format string, args ...any) error {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "identity: " + fmt.Sprintf(format, args...)}
	}
	if id.Node == "" {
		return bad("the node's name is missing")
	}
	if _, err := netip.ParseAddr(id.Address); err != nil {
		return bad("address %q is no IP address", id.Address)
	}
	if host, port, err := net.SplitHostPort(id.Hub); err != nil || host == "" || port == "" {
		return bad("hub %q is not of the form host:port", id.Hub)
	}
	if _, err := tunnel.ParseKey(id.HubKey); err != nil {
		return bad("hub_key: %v", err)
	}
	if _, err := netip.ParseAddrPort(id.PublisherAddress); err != nil {
		return bad("publisher_address %q is not of the form [address]:port", id.PublisherAddress)
	}
	return nil
}

// mostAllowed bounds the places of a site; a site has a handful of targets with a few ports each.
const mostAllowed = 1024

// checkSite refuses a site whose targets could not be reached, or are none.
func checkSite(s windows.Site) error {
	bad := func(format string, args ...any) error {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "site: " + fmt.Sprintf(format, args...)}
	}
	lan, err := netip.ParsePrefix(s.Address)
	if err != nil {
		return bad("address %q is not of the form 10.90.0.2/24", s.Address)
	}
	if s.Gateway != "" {
		g, err := netip.ParseAddr(s.Gateway)
		if err != nil || !lan.Contains(g) || g == lan.Addr() {
			return bad("gateway %q is not another address within %s", s.Gateway, lan.Masked())
		}
	}
	if len(s.Allow) > mostAllowed {
		return bad("%d places are allowed, more than %d", len(s.Allow), mostAllowed)
	}
	for _, place := range s.Allow {
		a, err := netip.ParseAddrPort(place)
		switch {
		case err != nil || a.Port() == 0:
			return bad("allowed place %q is not of the form address:port, with an IP address", place)
		case a.Addr() == lan.Addr():
			return bad("allowed place %q is this node itself", place)
		case s.Gateway == "" && !lan.Contains(a.Addr()):
			return bad("allowed place %q is outside %s, and the site has no gateway", place, lan.Masked())
		case !lan.Contains(a.Addr()) && !a.Addr().IsGlobalUnicast():
			return bad("allowed place %q cannot be behind a gateway", place)
		}
	}
	return nil
}
