// Package recorder keeps the record of what the airlock did: an append-only file of JSON lines, of
// which each carries the digest of the one before. It decides nothing and never rewrites a line.
// The keeper in package netd writes it; the console and, later, the publisher read and verify it.
package recorder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
	WindowClosed  Event = "window-closed"  // Window, Door; In and Out of the door; Code when it was ended early
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
)

// Events of what the site's operator decides.
const (
	LockedDown     Event = "locked-down"     // Asker, Text: why
	LockdownLifted Event = "lockdown-lifted" // Asker
	Approved       Event = "approved"        // Door, Purpose, Asker: a person's yes to the next such window
)

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
	Prev    string          `json:"prev"`           // hex; Hash of the line before, zeros for the first
	// Hash is the SHA-256 (hex) over the bytes of the line before `,"hash":`. It is the last member, so
	// that anybody can compute it without agreeing on how JSON is written.
	Hash string `json:"hash"`
}

// hashMark begins the end of every line.
const hashMark = `,"hash":"`

// genesis is Prev of the first line.
var genesis = hex.EncodeToString(make([]byte, sha256.Size))

// encode is the line of an entry, newline included, and its hash.
func encode(e Entry) (line []byte, hash string, err error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", e.Event, err)
	}
	body := bytes.TrimSuffix(b, []byte(hashMark+`"}`))
	sum := sha256.Sum256(body)
	hash = hex.EncodeToString(sum[:])
	return fmt.Appendf(nil, "%s%s%s\"}\n", body, hashMark, hash), hash, nil
}

// Errors of a line.
var (
	errTorn  = errors.New("it is not a whole line")
	errHash  = errors.New("its hash does not fit its content")
	errChain = errors.New("it does not follow the line before it: a line is missing, added or moved")
)

// decode reads one line, without its newline, and checks its own hash.
func decode(line []byte) (Entry, error) {
	var e Entry
	i := bytes.LastIndex(line, []byte(hashMark))
	if i < 0 || json.Unmarshal(line, &e) != nil {
		return e, errTorn
	}
	sum := sha256.Sum256(line[:i])
	if want := hashMark + hex.EncodeToString(sum[:]) + `"}`; string(line[i:]) != want {
		return e, errHash
	}
	return e, nil
}
