// Package recorder keeps the record of what the airlock did: an append-only file of JSON lines, of
// which each carries the digest of the one before, and which the node's key signs at each window's end.
// It decides nothing and never rewrites a line. The keeper in package netd writes it; the console reads
// and verifies it, and deployd carries it to the publisher. docs/record.md describes the lines for others.
package recorder

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"airlock/netd/recorder/chain"
	"airlock/netd/windows"
)

// Event names what a line tells.
type Event string

// The events.
const (
	Started       Event = "started"        // netd came up; both doors are lowered next
	Stopped       Event = "stopped"        // netd went down in order
	Repaired      Event = "repaired"       // the file's last line was torn (Text and Lost hold it)
	Broken        Event = "broken"         // the chain was found broken when the file was opened; Text names the line
	Gap           Event = "gap"            // events could not be written; Text says how many and why
	WindowAsked   Event = "window-asked"   // Window, Door, Purpose, Asker
	WindowOpened  Event = "window-opened"  // Window, Door
	WindowClosed  Event = "window-closed"  // Window, Door; In and Out of the door, and Account; Code when it was ended early
	WindowFailed  Event = "window-failed"  // as WindowClosed, for a window that never opened
	Dialled       Event = "dialled"        // Window, Address; In and Out when it ended; Text when it failed
	Refused       Event = "refused"        // Window, and Address: a dial that the policy does not name; or Text: a question that is not put
	RadioOn       Event = "radio-on"       // the module's data context is active
	RadioOff      Event = "radio-off"      // read back from the module, or there is no module
	LinkUp        Event = "link-up"        // Door, Address
	LinkDown      Event = "link-down"      // Door; read back
	InterlockOpen Event = "interlock-open" // Door, Address: the interface that frames may pass
	InterlockShut Event = "interlock-shut" // nothing passes
	TunnelUp      Event = "tunnel-up"      // Address: the hub that answered
	TunnelDown    Event = "tunnel-down"
	// ModuleAsked is a technician's question to the module, and ModuleEnded what came of it: Window, Door, Purpose,
	// Asker, Text (without PINs and passwords); Code when it failed. What is not recorded as asked is not asked.
	ModuleAsked Event = "module-asked"
	ModuleEnded Event = "module-ended"
	// ModuleRecovery is a rung of the module's recovery ladder that was taken; Text: which, why, and whether it failed.
	ModuleRecovery Event = "module-recovery"
	StepFailed     Event = "step-failed" // Text: a lowering step that is going to be tried again
	FaultLatched   Event = "fault-latched"
	FaultCleared   Event = "fault-cleared"
	IdentitySet    Event = "identity-set" // Text: node and hub
	SiteSet        Event = "site-set"     // Text: address and allowed targets
	KeySet         Event = "key-set"      // Key: the one that signs from here on
	Acknowledged   Event = "acknowledged" // Through, ThroughHash: the publisher has the lines up to there, says deployd
	Checkpoint     Event = chain.Checkpoint
	Dropped        Event = chain.Dropped // Code when the publisher had not acknowledged them
)

// Events of what the site's operator decides.
const (
	LockedDown     Event = "locked-down"     // Asker, Text: why
	LockdownLifted Event = "lockdown-lifted" // Asker
	Approved       Event = "approved"        // Door, Purpose, Asker: a person's yes to the next such window
)

// durable events are on the disk before Append returns: what happens next must not be able to outrun its line.
func (e Event) durable() bool {
	switch e {
	case Started, KeySet, Dropped, WindowAsked, RadioOn, InterlockOpen, ModuleAsked, FaultLatched, FaultCleared, IdentitySet, SiteSet,
		LockedDown, LockdownLifted, Approved:
		return true
	}
	return false
}

// Unacknowledged is the Code of lines that were dropped before the publisher had them.
const Unacknowledged = "unacknowledged"

// Entry is one line. The recorder sets Seq, Prev and Hash; the keeper sets the clocks.
type Entry struct {
	Seq     uint64          `json:"seq"`     // from 1, without a gap
	At      time.Time       `json:"at"`      // wall clock, which may jump
	Boot    time.Duration   `json:"boot_ns"` // since boot, which never jumps within BootID
	BootID  string          `json:"boot_id,omitempty"`
	Event   Event           `json:"event"`
	Window  uint64          `json:"window,omitempty"`
	Door    windows.Door    `json:"door,omitempty"`
	Purpose windows.Purpose `json:"purpose,omitempty"`
	Asker   string          `json:"asker,omitempty"`
	Address string          `json:"address,omitempty"`
	In      *uint64         `json:"in,omitempty"`  // bytes towards the node
	Out     *uint64         `json:"out,omitempty"` // bytes from the node
	Code    string          `json:"code,omitempty"`
	Text    string          `json:"text,omitempty"`
	Lost    []byte          `json:"lost,omitempty"` // base64; the beginning of a torn line
	// Account is what a window came to; with WindowClosed and WindowFailed.
	Account     *Account `json:"account,omitempty"`
	Key         string   `json:"key,omitempty"`     // base64; the record's public key, ed25519
	Through     uint64   `json:"through,omitempty"` // Seq of another line, and its Hash
	ThroughHash string   `json:"through_hash,omitempty"`
	Prev        string   `json:"prev"` // hex; Hash of the line before, zeros for the first
	// Sig (base64) is the node's signature over the bytes of the line before `,"sig":`; with Checkpoint and Dropped.
	Sig []byte `json:"sig,omitempty"`
	// Hash is the SHA-256 (hex) over the bytes of the line before `,"hash":`. It is the last member, so
	// that anybody can compute it without agreeing on how JSON is written.
	Hash string `json:"hash"`
}

// Account is the whole of one window, so that one line can be shown to an auditor.
type Account struct {
	Asked     Moment   `json:"asked"`
	Opened    *Moment  `json:"opened,omitempty"` // absent: the door never was open
	Interface string   `json:"interface,omitempty"`
	Address   string   `json:"address,omitempty"` // of the raised link
	Counter   *Traffic `json:"counter,omitempty"` // by the interface's counters; absent: they could not be read
	Capture   *Capture `json:"capture,omitempty"` // by a reader of raw frames; absent: there was none
	Dials     Dials    `json:"dials"`
	// What was read back while the door was being shut; absent: it was not.
	InterlockShut *Moment `json:"interlock_shut,omitempty"`
	LinkDown      *Moment `json:"link_down,omitempty"`
	RadioOff      *Moment `json:"radio_off,omitempty"` // outer only
	// The module as last read back when the outer door was open, and when it was shut again.
	ModemOpened *Modem `json:"modem_opened,omitempty"`
	ModemClosed *Modem `json:"modem_closed,omitempty"`
}

// Moment is a time on both clocks.
type Moment struct {
	At   time.Time     `json:"at"`
	Boot time.Duration `json:"boot_ns"`
}

// Traffic counts what went through an interface.
type Traffic struct {
	BytesIn   uint64  `json:"bytes_in"`
	BytesOut  uint64  `json:"bytes_out"`
	FramesIn  *uint64 `json:"frames_in,omitempty"` // absent: the interface counts bytes only
	FramesOut *uint64 `json:"frames_out,omitempty"`
}

// Capture counts the frames that were seen on the door's link itself.
type Capture struct {
	FramesIn  uint64  `json:"frames_in"`
	FramesOut uint64  `json:"frames_out"`
	BytesIn   uint64  `json:"bytes_in"`
	BytesOut  uint64  `json:"bytes_out"`
	First     *Moment `json:"first,omitempty"` // frame
	Last      *Moment `json:"last,omitempty"`
	Missed    uint64  `json:"missed,omitempty"` // frames that the kernel could not hand over in time
	Error     string  `json:"error,omitempty"`  // why it ended before the window
}

// Dials counts the connections of a window.
type Dials struct {
	Made     uint64 `json:"made"`
	Failed   uint64 `json:"failed,omitempty"`
	Refused  uint64 `json:"refused,omitempty"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// Modem is what the module said of itself.
type Modem struct {
	Present   bool   `json:"present"`
	Radio     string `json:"radio,omitempty"`
	SIM       string `json:"sim,omitempty"`
	Operator  string `json:"operator,omitempty"`
	Access    string `json:"access,omitempty"`
	SignalDBm *int   `json:"signal_dbm,omitempty"`
}

// encode is the line of an entry, newline included, and its hash; signed if there is a key.
func encode(e Entry, key ed25519.PrivateKey) (line []byte, hash string, err error) {
	e.Hash, e.Sig = "", nil
	b, err := json.Marshal(e)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", e.Event, err)
	}
	line, hash = chain.Seal(bytes.TrimSuffix(b, []byte(`,"hash":""}`)), key)
	return line, hash, nil
}
