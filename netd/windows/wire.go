// Package windows is the contract between netd, who keeps the doors, and those who ask for a
// window: the wire format, the server that netd runs and the client that deployd and the
// console use. It never touches a link, a modem or a firewall rule: the server asks the machine
// in package netd.
//
// A window is one long HTTP request on a unix socket. Its answer is a stream of Events, one JSON
// object a line. The window closes when it is given back (DELETE), when its time is up, or when
// the connection of that request ends, whoever died. A dial inside a window is an HTTP CONNECT on
// the same socket carrying the window's number in HeaderWindow.
//
//	POST   /v1/windows        Request → 200, application/x-ndjson of Event; the last one is closed or failed
//	DELETE /v1/windows/{id}   gives a window back; the stream goes on to its last event
//	CONNECT host:port         HeaderWindow: {id} → 200 and a raw byte stream
//	POST   /v1/windows/{id}/module  ModuleRequest → ModuleAnswer; in a window for service only
//	GET    /v1/status         Status
//	PUT    /v1/identity       Identity: who this node is, after enrolment (403 when it is already enrolled to another hub)
//	PUT    /v1/site           Site: the LAN's address and what an inner window may reach
//	GET    /v1/record?from=N  the recorder's lines, as stored, from the one numbered N on, and at least the last
//	GET    /v1/record/export  the same from the first kept, behind a signed line that names the last
//	POST   /v1/record/acknowledged  RecordPosition: the publisher has the lines up to there (400 when it is not of this record)
//	PUT    /v1/lockdown       Lockdown: shuts both doors at once and keeps them shut, over restarts too
//	DELETE /v1/lockdown?by=   a person lifts it
//	PUT    /v1/approvals      Approval: a person's yes to the next window of a purpose
//	DELETE /v1/fault          an operator's word that the fault's cause is gone; netd then reads both doors back again
//
// On a socket of its own, which only root may use, netd hears the guard (see guard.go).
//
// Errors outside a stream are application/problem+json bodies of type Problem.
package windows

import "time"

// SocketPath is where netd listens on the appliance.
const SocketPath = "/run/airlock/netd.sock"

// HeaderWindow carries a window's number in a CONNECT request.
const HeaderWindow = "Airlock-Window"

// Door names one of the two doors.
type Door string

// The two doors of the airlock.
const (
	Outer Door = "outer" // cellular, towards the publisher
	Inner Door = "inner" // the site's LAN
)

// Purpose says what a window is for; the recorder keeps it, the policy judges by it.
type Purpose string

// Purposes and the door that each belongs to.
const (
	Enrol  Purpose = "enrol"  // outer: first contact, with a one-time token
	Fetch  Purpose = "fetch"  // outer: metadata and artifacts
	Report Purpose = "report" // outer: results of deployments
	Deploy Purpose = "deploy" // inner: to the targets of the site
	// Service is for a technician's questions to the module: the outer door counts as open, since the radio may be
	// on, but neither its link nor its tunnel is raised.
	Service Purpose = "service"
)

// Request asks for a window.
type Request struct {
	Door    Door    `json:"door"`
	Purpose Purpose `json:"purpose"`
	// Asker is who wants the window, for the record: "deployd", "console".
	Asker string `json:"asker"`
	// MaxSeconds bounds the window; 0 takes netd's limit, which also caps it.
	MaxSeconds int `json:"max_seconds,omitempty"`
	// Token is the enrolment token as typed; only with the purpose Enrol.
	Token string `json:"token,omitempty"`
}

// State is a window's state as its asker sees it.
type State string

// States of a window in the order in which they come. Closed and Failed are final: both say that
// the door has been read back as shut, unless Fault says otherwise.
const (
	Asked    State = "asked"
	Raising  State = "raising"
	Open     State = "open"
	Lowering State = "lowering"
	Closed   State = "closed"
	Failed   State = "failed" // the window never opened, or netd ended it; Error says why
)

// Event is one line of a window's stream.
type Event struct {
	Window uint64    `json:"window"`
	Door   Door      `json:"door"`
	State  State     `json:"state"`
	At     time.Time `json:"at"` // wall clock
	// Boot is the time since boot, which never jumps.
	Boot time.Duration `json:"boot_ns"`
	// Text is a sentence for a person: progress, or what went wrong and what to do.
	Text string `json:"text,omitempty"`
	// Error is a code of Problem, set with Failed or when the window was ended early.
	Error string `json:"error,omitempty"`
	// NodeKey is the node's public WireGuard key (base64); set with Open for the purpose Enrol.
	NodeKey string `json:"node_key,omitempty"`
	// RootDigest is the SHA-256 of the publisher's TUF root as the token names it (hex); set with Open for the purpose Enrol.
	RootDigest string `json:"root_digest,omitempty"`
	// Hub (host:port, UDP) and HubKey (base64) are the token's; set with Open for the purpose Enrol, so
	// that the asker can hand them back in an Identity without reading tokens itself.
	Hub    string `json:"hub,omitempty"`
	HubKey string `json:"hub_key,omitempty"`
	// RecordKey is the public key that signs the node's record (ed25519, base64); set with Open for the purpose Enrol.
	RecordKey string `json:"record_key,omitempty"`
	// PublisherAddress is where the publisher's API listens inside the tunnel (host:port); set with Open of the outer door.
	PublisherAddress string `json:"publisher_address,omitempty"`
}

// Problem is the body of a refused request (RFC 9457, the members that we use).
type Problem struct {
	Code   string `json:"code"`   // one of the Code constants
	Detail string `json:"detail"` // one or two sentences: what was wrong, and what to do
	Cause  error  `json:"-"`      // never on the wire; for the log and for errors.Is
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Detail }

// Unwrap gives the cause, if it is known on this side of the socket.
func (p *Problem) Unwrap() error { return p.Cause }

// Codes of problems and of failed windows.
const (
	CodeBadRequest    = "bad-request"    // malformed, unknown door or purpose
	CodeBusy          = "busy"           // another window is open or closing
	CodeFault         = "fault"          // a fault is latched; an operator must clear it
	CodeNotEnrolled   = "not-enrolled"   // no identity yet: enrol first
	CodeNoSite        = "no-site"        // no LAN address or target list yet
	CodeNotAllowed    = "not-allowed"    // a dial to a place the policy does not name, or through a closed window
	CodeNoModem       = "no-modem"       // no AT port or no data interface found
	CodeNoSIM         = "no-sim"         // SIM missing, locked or broken
	CodeNoNetwork     = "no-network"     // registration or data context failed
	CodeNoHub         = "no-hub"         // the hub does not answer the tunnel's handshake
	CodeNoLink        = "no-link"        // the LAN has no carrier or no such interface
	CodeTimeUp        = "time-up"        // the window's time ran out
	CodeInternal      = "internal"       // netd's own failure
	CodeUnreachable   = "unreachable"    // a dial through the open door got no connection
	CodeBadToken      = "bad-token"      // mistyped, or the hub does not know it (used, revoked)
	CodeDiskFull      = "disk-full"      // state or record could not be written
	CodeLockdown      = "lockdown"       // a person has locked both doors
	CodeNotNow        = "not-now"        // outside of the hours in which the door may open; Detail says when it may
	CodeNeedsApproval = "needs-approval" // the site wants a person's yes to such a window
	CodeNoGuard       = "no-guard"       // the guard gives no sign of life, and no door opens without it
)

// Identity is who the node is, as the publisher said at enrolment.
type Identity struct {
	Node             string `json:"node"`
	Address          string `json:"address"`           // the node's address inside the tunnel, without length
	Hub              string `json:"hub"`               // host:port (UDP)
	HubKey           string `json:"hub_key"`           // base64, 32 bytes
	PublisherAddress string `json:"publisher_address"` // host:port inside the tunnel
}

// Site is what netd must know of the isolated network.
type Site struct {
	// Interface is the LAN interface's stable path as in `udevadm info` ID_PATH ("pci-0000:00:03.0"); empty
	// means the only wired interface there is, and is refused when there are several.
	Interface string   `json:"interface,omitempty"`
	Address   string   `json:"address"`           // CIDR, such as 10.90.0.2/24
	Gateway   string   `json:"gateway,omitempty"` // for targets beyond the LAN; empty: on-link only
	Allow     []string `json:"allow"`             // host:port which inner windows may dial; hosts are IP addresses
}

// Status is everything netd tells of itself.
type Status struct {
	Now      time.Time     `json:"now"`
	Boot     time.Duration `json:"boot_ns"`
	Machine  string        `json:"machine"`         // the machine's state
	Fault    string        `json:"fault,omitempty"` // why it is latched, and what to do
	Lockdown *Lockdown     `json:"lockdown,omitempty"`
	Approved []Approval    `json:"approved,omitempty"` // given and not used yet
	Outer    DoorStatus    `json:"outer"`
	Inner    DoorStatus    `json:"inner"`
	Modem    ModemStatus   `json:"modem"`
	Tunnel   TunnelStatus  `json:"tunnel"`
	Record   *RecordStatus `json:"record,omitempty"`
	Identity *Identity     `json:"identity,omitempty"`
	Site     *Site         `json:"site,omitempty"`
	// Interfaces are the physical interfaces found, for the console's help.
	Interfaces []Interface `json:"interfaces"`
	// Guard is what netd hears of the guard; nil where none is demanded.
	Guard *GuardStatus `json:"guard,omitempty"`
}

// DoorStatus is one door as last read back.
type DoorStatus struct {
	State   string    `json:"state"` // shut, raising, open, lowering, unknown
	Since   time.Time `json:"since"`
	Purpose Purpose   `json:"purpose,omitempty"`
	Asker   string    `json:"asker,omitempty"`
	Hours   string    `json:"hours,omitempty"` // in which it may open, as configured; empty: at any time
	Next    time.Time `json:"next,omitzero"`   // when it may open next, where that is not now
	// Approval lists the purposes to which a person has to say yes.
	Approval []Purpose `json:"approval,omitempty"`
}

// TunnelStatus is the node's end of the WireGuard tunnel.
type TunnelStatus struct {
	PublicKey     string    `json:"public_key,omitempty"`
	Up            bool      `json:"up"`
	LastHandshake time.Time `json:"last_handshake,omitzero"`
}

// RecordPosition is a line of the record, and by its hash all lines before it.
type RecordPosition struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // hex
}

// RecordStatus is where the record stands.
type RecordStatus struct {
	Key          string         `json:"key"` // public, ed25519, base64
	Last         RecordPosition `json:"last"`
	Acknowledged uint64         `json:"acknowledged"` // the publisher has the lines up to here
}

// Interface is a physical network interface.
type Interface struct {
	Name string `json:"name"`
	Path string `json:"path"` // stable path, as ID_PATH
	MAC  string `json:"mac"`
	Role string `json:"role"` // outer, inner, unknown (stays shut)
	Up   bool   `json:"up"`
}
