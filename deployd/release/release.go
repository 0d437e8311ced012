// Package release holds the formats that publisher and node share: the manifest of a release, the
// assignment of a release to a node, the enrolment token and exchange, and the report of a
// deployment. It is a leaf: it imports nothing of ours, opens no file and no connection.
package release

import "time"

// Manifest describes one release. It is a TUF target signed by the role RoleReleases, stored as
// ManifestPath(ID), and never changes once published.
type Manifest struct {
	Format    int        `json:"format"` // 1
	ID        string     `json:"id"`     // project-version-commit12; letters, digits, dot, dash, plus
	Project   string     `json:"project"`
	Version   string     `json:"version"`
	Commit    string     `json:"commit"` // 40 hex digits
	Built     time.Time  `json:"built"`
	Artifacts []Artifact `json:"artifacts"`
	Plan      Plan       `json:"plan"`
	Tests     []Test     `json:"tests"` // the proof that the gate was passed
}

// Artifact is one file of a release.
type Artifact struct {
	Path   string `json:"path"`   // where it is installed, relative to the release's folder; slashes, no dot-dot
	Mode   uint32 `json:"mode"`   // permission bits, 0o777 at most
	SHA256 string `json:"sha256"` // of the installed file, hex
	Size   int64  `json:"size"`   // of the installed file, bytes
	// Target is the TUF target path of the stored form; its digest and length are in the TUF metadata.
	Target   string `json:"target"`
	Encoding string `json:"encoding"` // "zstd" or "" (stored as it is)
}

// Plan says how targets take the release.
type Plan struct {
	// Directory on the target, absolute; a release goes to Directory/releases/ID and Directory/current points to it.
	Directory string `json:"directory"`
	// Restart is a POSIX shell command run on the target after each switch of current, with Directory as
	// its working directory; empty means that nothing has to be restarted.
	Restart string `json:"restart,omitempty"`
	Health  Health `json:"health"`
}

// Health is the check that decides whether a target runs the release: over HTTP, dialled by the
// node, so that a process that answers is needed and not merely a file that is there.
type Health struct {
	Port     int    `json:"port"`
	Path     string `json:"path"`     // "/metrics"
	Status   int    `json:"status"`   // 200
	Contains string `json:"contains"` // text which the body must contain; it names the version
	// Attempts at most, Interval apart, each no longer than Timeout.
	Attempts int           `json:"attempts"`
	Interval time.Duration `json:"interval_ns"`
	Timeout  time.Duration `json:"timeout_ns"`
}

// Test is one gate that the build passed.
type Test struct {
	Name    string  `json:"name"`
	Command string  `json:"command"`
	Seconds float64 `json:"seconds"`
}

// Assignment says which release a node should run. It is a TUF target signed by the role
// RoleAssignments, stored as AssignmentPath(Node).
type Assignment struct {
	Format  int       `json:"format"` // 1
	Node    string    `json:"node"`
	Release string    `json:"release"` // a Manifest's ID
	From    time.Time `json:"from"`    // not before
	Serial  int64     `json:"serial"`  // grows with each assignment of this node
}

// TUF roles below the top-level targets role, and the target paths each may sign.
const (
	RoleReleases    = "releases"    // signs releases/*/*
	RoleAssignments = "assignments" // signs assignments/*; the publisher's online key
)

// ManifestPath is the TUF target path of a release's manifest.
func ManifestPath(id string) string { return "releases/" + id + "/release.json" }

// ArtifactPath is the TUF target path of the stored form of an artifact: named by the digest of its content.
func ArtifactPath(id, name string) string { return "releases/" + id + "/" + name }

// AssignmentPath is the TUF target path of a node's assignment.
func AssignmentPath(node string) string { return "assignments/" + node + ".json" }

// Paths of the node API, served inside the tunnel only, as plain HTTP (the tunnel encrypts and authenticates).
const (
	PathEnrol    = "/v1/enrol"         // POST EnrolRequest → EnrolResponse
	PathMetadata = "/v1/tuf/metadata/" // GET, consistent snapshots
	PathTargets  = "/v1/tuf/targets/"  // GET with Range; hash-prefixed names
	PathReports  = "/v1/reports"       // POST SignedReport → 204
	// PathRecord takes the node's record. GET → RecordReceipt says how far the publisher has it. POST takes lines from that
	// one on, itself included, as netd gives them (JSON lines, gzip as Content-Encoding) → RecordReceipt; 409 when they do
	// not continue what the publisher has. Lines behind the last signed one are not kept: they come again with the next.
	PathRecord = "/v1/record"
)

// RecordReceipt is how far the publisher has a node's record: it is whole up to here, and signed.
type RecordReceipt struct {
	Seq  uint64 `json:"seq"`  // 0: nothing yet
	Hash string `json:"hash"` // of that line, hex
}

// EnrolRequest is what a node tells of itself, through the tunnel that its token opened.
type EnrolRequest struct {
	NodeKey   string `json:"node_key"`   // WireGuard public key, base64
	ReportKey string `json:"report_key"` // ed25519 public key which signs reports, base64
	SSHKey    string `json:"ssh_key"`    // authorized_keys line, for the record of the operator
	// RecordKey is the ed25519 public key which signs the node's record, base64; empty: the first record that comes tells it.
	RecordKey string `json:"record_key,omitempty"`
}

// EnrolResponse makes the node a member.
type EnrolResponse struct {
	Node             string `json:"node"`
	Address          string `json:"address"` // inside the tunnel
	PublisherAddress string `json:"publisher_address"`
	Root             []byte `json:"root"` // TUF root metadata; its SHA-256 begins with the token's RootDigest
}

// Outcome of a deployment over a site or on one target.
type Outcome string

// Outcomes. A site is Deployed on every target or Reverted on every target; Failed says that this could not be reached.
const (
	Deployed Outcome = "deployed"
	Reverted Outcome = "reverted"
	Failed   Outcome = "failed"
)

// Report tells the publisher what became of an assignment.
type Report struct {
	Format  int            `json:"format"` // 1
	ID      string         `json:"id"`     // unique; a report sent twice counts once
	Node    string         `json:"node"`
	Serial  int64          `json:"serial"` // of the assignment
	Release string         `json:"release"`
	Outcome Outcome        `json:"outcome"`
	Reason  string         `json:"reason,omitempty"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended"`
	Targets []TargetResult `json:"targets"`
}

// TargetResult is one target's part of a deployment.
type TargetResult struct {
	Target  string       `json:"target"`
	Address string       `json:"address"`
	Outcome Outcome      `json:"outcome"`
	Before  string       `json:"before,omitempty"` // release ID that current named before
	After   string       `json:"after,omitempty"`  // and after
	Reason  string       `json:"reason,omitempty"`
	Steps   []StepResult `json:"steps"`
}

// StepResult is one step on one target.
type StepResult struct {
	Step    string    `json:"step"` // connect, upload, check, switch, restart, health, revert
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Error   string    `json:"error,omitempty"`
}

// SignedReport is a report on the wire.
type SignedReport struct {
	Report    []byte `json:"report"`    // JSON of Report, as signed
	Signature []byte `json:"signature"` // ed25519 over Report by the node's report key
}
