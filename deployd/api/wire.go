// Package api is deployd's own socket: what the console and the CLI may ask of the courier, and
// the client for it. It decides nothing; the courier in package deployd does.
//
//	GET  /v1/status   Status
//	POST /v1/enrol    EnrolRequest → stream of Progress
//	POST /v1/fetch    → stream of Progress; fetches what is assigned, in an outer window
//	POST /v1/deploy   → stream of Progress; deploys what is fetched, in an inner window
//	POST /v1/report   → stream of Progress; sends queued reports, in an outer window
//	PUT  /v1/site     Site
//	GET    /v1/job    → stream of Progress of the job that is running, from its first line on
//	DELETE /v1/job    ends that job: a fetch keeps what it has, a deployment reverts first
//
// A stream is application/x-ndjson; its last line has Done set, and Error where it failed. A
// refused request is answered with a body of type Error. One job runs at a time. It goes on when
// its asker is gone: a technician whose serial line drops in the middle of a deployment expects
// to find it finished, and looks at it again with GET /v1/job.
package api

import (
	"time"

	"airlock/deployd/release"
)

// SocketPath is where deployd listens on the appliance.
const SocketPath = "/run/airlock/deployd.sock"

// EnrolRequest carries the token as typed or pasted.
type EnrolRequest struct {
	Token string `json:"token"`
}

// Progress is one line of a stream.
type Progress struct {
	At    time.Time `json:"at"`
	Text  string    `json:"text"`            // a sentence for a person
	Bytes int64     `json:"bytes,omitempty"` // done so far, where Total is known
	Total int64     `json:"total,omitempty"`
	Done  bool      `json:"done,omitempty"`  // the last line
	Error string    `json:"error,omitempty"` // what was wrong, where, what to do; only on the last line
	Code  string    `json:"code,omitempty"`  // a code of netd/windows, or one of ours
	// Report is the result of a deployment, on the last line.
	Report *release.Report `json:"report,omitempty"`
}

// Codes of our own, beside those of netd/windows.
const (
	CodeBadToken   = "bad-token"  // mistyped, used, expired or of another publisher
	CodeUntrusted  = "untrusted"  // metadata or artifact refused; the text names why
	CodeNothing    = "nothing"    // nothing assigned, nothing new, nothing queued
	CodeBadSite    = "bad-site"   // no targets, or the site is malformed
	CodeReverted   = "reverted"   // the deployment failed and every target is back on its release
	CodeIncomplete = "incomplete" // a target could not be brought back; the text names it
	CodeDiskFull   = "disk-full"
	CodeBusy       = "busy"
	CodeBadRequest = "bad-request"  // the request itself is malformed
	CodeEnrolled   = "enrolled"     // the node is a member already
	CodeCancelled  = "cancelled"    // somebody ended the job
	CodeNotRunning = "not-running"  // deployd does not answer; only the client gives it
	CodeInternal   = "internal"     // deployd's own failure
	CodeNoAnswer   = "no-answer"    // the publisher or a target did not answer; the text names which
	CodeRefused    = "refused"      // the publisher refused; the text says why
	CodeNotMember  = "not-enrolled" // enrol first
)

// Site is what deployd must know of the isolated network.
type Site struct {
	Targets []Target `json:"targets"`
}

// Target is one server of the site.
type Target struct {
	Name    string `json:"name"`
	Address string `json:"address"` // IP address
	Port    int    `json:"port"`    // of sshd
	User    string `json:"user"`
	HostKey string `json:"host_key"` // "ssh-ed25519 AAAA…", pinned
}

// Network is what deployd's process could use of a network, as it found out itself.
type Network struct {
	Interfaces []string `json:"interfaces"` // "lo" alone on the appliance
	Families   []string `json:"families"`   // kinds of socket that the kernel grants beside unix: none on the appliance
}

// Status is what deployd tells of itself.
type Status struct {
	Now        time.Time           `json:"now"`
	Enrolled   bool                `json:"enrolled"`
	Node       string              `json:"node,omitempty"`
	Phase      string              `json:"phase"` // idle, enrolling, fetching, deploying, reporting
	Network    Network             `json:"network"`
	SSHKey     string              `json:"ssh_key"`
	Site       *Site               `json:"site,omitempty"`
	Assignment *release.Assignment `json:"assignment,omitempty"`
	Fetched    string              `json:"fetched,omitempty"` // release ID, whole and verified in the store
	Running    string              `json:"running,omitempty"` // release ID last deployed on every target
	Last       *release.Report     `json:"last,omitempty"`
	Queued     int                 `json:"queued_reports"`
}
