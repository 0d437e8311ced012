package release

import (
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Bounds of what a manifest may ask for; a manifest beyond them is refused before a byte of it is fetched.
const (
	MaxArtifacts    = 20_000
	MaxManifest     = 8 << 20 // bytes of its JSON
	MaxAssignment   = 64 << 10
	MaxPath         = 1024 // bytes of an artifact's path or the plan's directory
	MaxRestart      = 4096 // bytes
	MaxAttempts     = 1000
	MaxHealthPeriod = 10 * time.Minute // interval and timeout, each
)

// idPattern is what a release may be called: it becomes a folder's name on every target.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+-]{0,199}$`)

// ValidID says whether id may name a release.
func ValidID(id string) bool { return idPattern.MatchString(id) && !strings.Contains(id, "..") }

// Validate refuses a manifest that is malformed or asks for something a target must not be asked
// for. The publisher calls it before signing, the node before trusting. The error names the field.
func (m *Manifest) Validate() error {
	if m.Format != 1 {
		return fmt.Errorf("format is %d, this node knows 1: update the node's firmware", m.Format)
	}
	if !ValidID(m.ID) {
		return fmt.Errorf("id %q: want letters, digits, dot, dash, plus", m.ID)
	}
	if len(m.Artifacts) == 0 || len(m.Artifacts) > MaxArtifacts {
		return fmt.Errorf("artifacts: %d, want 1 to %d", len(m.Artifacts), MaxArtifacts)
	}
	files := map[string]bool{}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		if err := a.validate(); err != nil {
			return fmt.Errorf("artifacts[%d] %q: %w", i, a.Path, err)
		}
		if files[a.Path] {
			return fmt.Errorf("artifacts[%d] %q: named twice", i, a.Path)
		}
		files[a.Path] = true
	}
	for f := range files {
		for dir := path.Dir(f); dir != "."; dir = path.Dir(dir) {
			if files[dir] {
				return fmt.Errorf("artifacts: %q is a file and the folder of %q", dir, f)
			}
		}
	}
	return m.Plan.validate()
}

// Bytes is the size of the release as installed.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, a := range m.Artifacts {
		n += a.Size
	}
	return n
}

// validate refuses an artifact that could land outside the release's folder or carry special bits.
func (a *Artifact) validate() error {
	switch {
	case a.Path == "" || len(a.Path) > MaxPath:
		return fmt.Errorf("path has %d bytes, want 1 to %d", len(a.Path), MaxPath)
	case strings.HasPrefix(a.Path, "/") || path.Clean(a.Path) != a.Path || a.Path == ".." || strings.HasPrefix(a.Path, "../"):
		return fmt.Errorf("path leaves the release's folder or is not in its shortest form")
	case !plain(a.Path):
		return fmt.Errorf("path holds a control character or a backslash")
	case a.Mode&^0o777 != 0:
		return fmt.Errorf("mode %o has bits beyond 0777", a.Mode)
	case a.Size < 0:
		return fmt.Errorf("size is %d", a.Size)
	case a.Encoding != "" && a.Encoding != "zstd":
		return fmt.Errorf("encoding %q, want zstd or none", a.Encoding)
	}
	if d, err := hex.DecodeString(a.SHA256); err != nil || len(d) != 32 || strings.ToLower(a.SHA256) != a.SHA256 {
		return fmt.Errorf("sha256 %q is not 64 lower-case hex digits", a.SHA256)
	}
	if !strings.HasPrefix(a.Target, "releases/") || path.Clean(a.Target) != a.Target {
		return fmt.Errorf("target %q is not below releases/", a.Target)
	}
	return nil
}

// validate refuses a plan which no target could carry out.
func (p *Plan) validate() error {
	d := p.Directory
	if !strings.HasPrefix(d, "/") || d == "/" || path.Clean(d) != d || len(d) > MaxPath || !plain(d) {
		return fmt.Errorf("plan.directory %q: want an absolute path in its shortest form, not /", d)
	}
	if len(p.Restart) > MaxRestart || strings.ContainsRune(p.Restart, 0) {
		return fmt.Errorf("plan.restart: want at most %d bytes and no NUL", MaxRestart)
	}
	return p.Health.validate()
}

// validate refuses a check that cannot succeed or would never end.
func (h *Health) validate() error {
	switch {
	case h.Port < 1 || h.Port > 65535:
		return fmt.Errorf("plan.health.port is %d, want 1 to 65535", h.Port)
	case !strings.HasPrefix(h.Path, "/") || !plain(h.Path) || strings.ContainsAny(h.Path, " #"):
		return fmt.Errorf("plan.health.path %q: want a path such as /health", h.Path)
	case h.Status < 100 || h.Status > 599:
		return fmt.Errorf("plan.health.status is %d, want 100 to 599", h.Status)
	case h.Attempts < 1 || h.Attempts > MaxAttempts:
		return fmt.Errorf("plan.health.attempts is %d, want 1 to %d", h.Attempts, MaxAttempts)
	case h.Interval < 0 || h.Interval > MaxHealthPeriod:
		return fmt.Errorf("plan.health.interval is %v, want 0 to %v", h.Interval, MaxHealthPeriod)
	case h.Timeout <= 0 || h.Timeout > MaxHealthPeriod:
		return fmt.Errorf("plan.health.timeout is %v, want more than 0, at most %v", h.Timeout, MaxHealthPeriod)
	}
	return nil
}

// Validate refuses an assignment that is not meant for node or is malformed.
func (a *Assignment) Validate(node string) error {
	switch {
	case a.Format != 1:
		return fmt.Errorf("format is %d, this node knows 1: update the node's firmware", a.Format)
	case a.Node != node:
		return fmt.Errorf("it is for node %q, this is %q", a.Node, node)
	case !ValidID(a.Release):
		return fmt.Errorf("release %q: want letters, digits, dot, dash, plus", a.Release)
	}
	return nil
}

// plain says whether s can stand in a line of text, a checksum list and a shell word alike.
func plain(s string) bool {
	for _, r := range s {
		if r == '\\' || r == unicode.ReplacementChar || unicode.IsControl(r) {
			return false
		}
	}
	return true
}
