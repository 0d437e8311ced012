package publisher

import (
	"strings"
	"time"

	"airlock/deployd/release"
)

// Spec is airlock.yaml as the program uses it: complete, checked, defaults filled in.
type Spec struct {
	Project   string
	Version   string
	Build     BuildSpec
	Artifacts []ArtifactSpec
	Tests     []TestSpec
	Plan      release.Plan // {version} already replaced
}

// BuildSpec says how the project is built.
type BuildSpec struct {
	Command string
	Network bool
	Timeout time.Duration
}

// ArtifactSpec names one built file.
type ArtifactSpec struct {
	Path    string // in the checkout
	Install string // in the release's folder on the target
	Mode    uint32
}

// TestSpec is one gate.
type TestSpec struct {
	Name    string
	Command string
	Timeout time.Duration
}

// ReleaseID names the release that a commit with this spec becomes.
func (s *Spec) ReleaseID(commit string) string {
	return s.Project + "-" + s.Version + "-" + commit[:12]
}

// Env is what every command of the project finds in its environment.
func (s *Spec) Env(commit string) map[string]string {
	return map[string]string{
		"AIRLOCK_PROJECT": s.Project,
		"AIRLOCK_VERSION": s.Version,
		"AIRLOCK_COMMIT":  commit,
	}
}

// ValidName tells whether a name may be used for a project or a node: lower-case letters, digits
// and inner dashes, 1 to 63 of them, as in a DNS label. Names become paths, URLs and TUF targets.
func ValidName(name string) bool {
	if len(name) == 0 || len(name) > 63 || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
