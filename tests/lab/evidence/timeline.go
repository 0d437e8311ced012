// Package evidence judges from outside whether the airlock held: it lays the captures of both doors over the windows
// that the node says it opened, and looks for a frame that has no business there. It is pure: it reads what it is
// given, and knows neither QEMU nor netd's state. The demo and the command verdict call it.
//
// Both captures are classic pcap files with absolute times of the host's clock. The windows stand in a timeline, a JSON
// object (times in RFC 3339 with fractions, host's clock):
//
//	{"clock": {"offset_ns", "uncertainty_ns", "how"},
//	 "macs": {"outer": "40:…", "inner": "52:…"},                     optional: the node's cards, when not the lab's
//	 "windows": [{"door", "purpose", "asker", "asked", "opened", "closed", "bytes_in", "bytes_out"}],
//	 "modem": [{"at", "state"}],
//	 "deployments": [{"release", "version", "target", "outcome", "started", "ended", "before", "after", "reason"}]}
package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"airlock/netd/windows"
)

// The node's cards in the lab: by a frame's source, its direction is known. QEMU's usb-net gives the guest the card's
// configured address with 40 as its first byte, so the lab configures that byte to be the same.
const (
	OuterMAC = "40:54:00:a1:00:01"
	InnerMAC = "52:54:00:a1:00:02"
)

// Timeline is what the node did, in times of the host's clock.
type Timeline struct {
	Clock Clock `json:"clock"`
	// MACs are the node's card at each door; a door that is not named has the lab's.
	MACs        map[windows.Door]string `json:"macs,omitempty"`
	Windows     []Window                `json:"windows"`
	Modem       []ModemState            `json:"modem"`
	Deployments []Deployment            `json:"deployments"`
}

// Clock says how the node's times became times of the host.
type Clock struct {
	Offset      time.Duration `json:"offset_ns"`      // added to the node's times
	Uncertainty time.Duration `json:"uncertainty_ns"` // at most so wrong, either way
	How         string        `json:"how"`            // how both were found
}

// Window is one window of one door. The door counts as open from Asked, before anything moves, to Closed, when it has
// been read back as shut: frames of a DHCP lease or of a handshake come before Opened.
type Window struct {
	Door     windows.Door    `json:"door"`
	Purpose  windows.Purpose `json:"purpose"`
	Asker    string          `json:"asker,omitempty"`
	Asked    time.Time       `json:"asked"`
	Opened   time.Time       `json:"opened,omitzero"` // zero: it failed before it was open
	Closed   time.Time       `json:"closed"`
	BytesIn  int64           `json:"bytes_in"`  // as the capture has them, towards the node
	BytesOut int64           `json:"bytes_out"` // and from it
}

// Length is how long the door counted as open.
func (w Window) Length() time.Duration { return w.Closed.Sub(w.Asked) }

// ModemState is a state that the module came to.
type ModemState struct {
	At    time.Time `json:"at"`
	State string    `json:"state"`
}

// Deployment is what became of a release on one target.
type Deployment struct {
	Release string    `json:"release"`
	Version string    `json:"version"`
	Target  string    `json:"target"`
	Outcome string    `json:"outcome"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Before  string    `json:"before,omitempty"`
	After   string    `json:"after,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// ReadTimeline reads and checks a timeline.
func ReadTimeline(path string) (Timeline, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Timeline{}, fmt.Errorf("read timeline: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields() // a misspelt "closed" must not become a window without an end
	var t Timeline
	if err := decoder.Decode(&t); err != nil {
		return Timeline{}, fmt.Errorf("read timeline %s: %w", path, err)
	}
	if err := t.Check(); err != nil {
		return Timeline{}, fmt.Errorf("read timeline %s: %w", path, err)
	}
	return t, nil
}

// Write writes the timeline as JSON, indented.
func (t Timeline) Write(path string) error {
	content, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	return nil
}

// Check refuses a timeline that nothing can be judged by.
func (t Timeline) Check() error {
	if t.Clock.Uncertainty < 0 {
		return fmt.Errorf("clock: uncertainty %s: want 0 or more", t.Clock.Uncertainty)
	}
	if len(t.Windows) == 0 {
		return fmt.Errorf("windows: none: there is nothing to judge")
	}
	for i, w := range t.Windows {
		switch {
		case w.Door != windows.Outer && w.Door != windows.Inner:
			return fmt.Errorf("windows[%d]: door %q: want %q or %q", i, w.Door, windows.Outer, windows.Inner)
		case w.Asked.IsZero():
			return fmt.Errorf("windows[%d]: asked is missing", i)
		case w.Closed.Before(w.Asked):
			return fmt.Errorf("windows[%d]: closed %s is before asked %s", i, w.Closed, w.Asked)
		case !w.Opened.IsZero() && (w.Opened.Before(w.Asked) || w.Opened.After(w.Closed)):
			return fmt.Errorf("windows[%d]: opened %s is not between asked %s and closed %s", i, w.Opened, w.Asked, w.Closed)
		}
	}
	_, err := t.cards()
	return err
}

// cards returns the node's card at each door.
func (t Timeline) cards() (map[windows.Door]net.HardwareAddr, error) {
	cards := map[windows.Door]net.HardwareAddr{}
	for door, mac := range map[windows.Door]string{windows.Outer: OuterMAC, windows.Inner: InnerMAC} {
		if other := t.MACs[door]; other != "" {
			mac = other
		}
		card, err := net.ParseMAC(mac)
		if err != nil {
			return nil, fmt.Errorf("macs: %s: %w", door, err)
		}
		cards[door] = card
	}
	return cards, nil
}
