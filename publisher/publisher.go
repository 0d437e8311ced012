// Package publisher holds what the rooms of the server side speak about: projects, nodes, builds
// and reports, the program form of airlock.yaml, and the errors an operator reads. It does nothing
// by itself beyond writing a file atomically for whoever asks. Each folder below is one technology (git, TUF,
// SQLite, WireGuard, …), knows these types and no sibling; publisher/cmd/publisherd ties them together.
package publisher

import (
	"context"
	"io"
	"time"

	"airlock/deployd/release"
)

// SpecFile is the file at the top of a project's repository that says how it is built and deployed.
const SpecFile = "airlock.yaml"

// Project is one code repository and what becomes of it.
type Project struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// GitPath is where the operator's listener serves the repository; filled by the API.
	GitPath string `json:"git_path,omitempty"`
}

// NodeState says how far a node has come.
type NodeState string

// States of a node.
const (
	Invited  NodeState = "invited"  // a token was printed and not yet used
	Enrolled NodeState = "enrolled" // the token was used; the node's keys are known
)

// Node is an edge node as the publisher knows it. Keys are public keys as the node sent them.
type Node struct {
	Name      string    `json:"name"`
	State     NodeState `json:"state"`
	Key       string    `json:"key,omitempty"`        // WireGuard, base64
	ReportKey string    `json:"report_key,omitempty"` // ed25519, base64
	RecordKey string    `json:"record_key,omitempty"` // ed25519, base64; signs the node's record; empty: not known yet
	SSHKey    string    `json:"ssh_key,omitempty"`    // authorized_keys line, for the targets' administrator
	Address   string    `json:"address,omitempty"`    // inside the tunnel
	Invited   time.Time `json:"invited"`
	Enrolled  time.Time `json:"enrolled,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"` // last request under its own key
	// InviteKey is the public half of the WireGuard key that the token's secret gives (base64), and
	// InviteAddress its address inside the tunnel. The secret itself is not kept.
	InviteKey     string `json:"-"`
	InviteAddress string `json:"-"`
}

// BuildState says how far a build has come.
type BuildState string

// States of a build; Released and Failed are final.
const (
	Queued   BuildState = "queued"
	Running  BuildState = "running"
	Released BuildState = "released"
	Failed   BuildState = "failed"
)

// Final tells whether a build in this state changes no more.
func (s BuildState) Final() bool { return s == Released || s == Failed }

// Build is one attempt to make a release of a commit.
type Build struct {
	ID      int64      `json:"id"`
	Project string     `json:"project"`
	Commit  string     `json:"commit"` // 40 hex digits
	State   BuildState `json:"state"`
	Reason  string     `json:"reason,omitempty"`  // a sentence: why it failed, or why there was nothing to do
	Release string     `json:"release,omitempty"` // the release's ID, once Released
	Queued  time.Time  `json:"queued"`
	Started time.Time  `json:"started,omitzero"`
	Ended   time.Time  `json:"ended,omitzero"`
}

// ReleaseInfo is a published release with what its storage costs.
type ReleaseInfo struct {
	release.Manifest
	// StoredBytes is what a node without any earlier release has to fetch.
	StoredBytes int64 `json:"stored_bytes"`
}

// ReportRecord is a node's report as received; its signature was verified.
type ReportRecord struct {
	Received time.Time      `json:"received"`
	Report   release.Report `json:"report"`
}

// NodeRecord is how far a node's record has come here: the chain is whole and signed up to Seq.
type NodeRecord struct {
	Node     string    `json:"node"`
	Seq      uint64    `json:"seq"`  // of the last line; 0: nothing yet
	Hash     string    `json:"hash"` // of the last line, hex
	Received time.Time `json:"received,omitzero"`
	// Trouble is why lines that came last did not continue the record, or a gap that the node itself tells; empty: there never was any.
	Trouble   string    `json:"trouble,omitempty"`
	TroubleAt time.Time `json:"trouble_at,omitzero"`
}

// RecordPart is some lines of a node's record that continue what was there.
type RecordPart struct {
	First uint64
	Last  uint64
	Hash  string // of the last line, hex
	Key   string // that signed it
	Lines []byte // as the node wrote them
}

// Output is one built file, waiting to become an artifact of a release.
type Output struct {
	File   string // on this machine, out of reach of the project's commands
	Path   string // where targets install it
	Mode   uint32
	SHA256 string // hex
	Size   int64
}

// Job is one shell command of a project, to be run in a sandbox.
type Job struct {
	Project string            // whose cache is mounted
	Dir     string            // the checkout on this machine, writable inside
	Command string            // for /bin/sh -c
	Env     map[string]string // beside the sandbox's own
	Network bool
	Timeout time.Duration
	Output  io.Writer // standard output and error
}

// Sandbox runs the commands of projects, which nobody here has read. The error of Run says in a
// sentence how the command ended; it is ErrStopped when ctx ended it.
type Sandbox interface {
	Run(ctx context.Context, j Job) error
}
