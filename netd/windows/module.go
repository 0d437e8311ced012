package windows

import "time"

// ModuleRequest asks the module something, or tells it something, in a window for service.
type ModuleRequest struct {
	Do ModuleVerb `json:"do"`
	// Operator is the PLMN to register with, with Select; empty: the module chooses.
	Operator string `json:"operator,omitempty"`
	// PIN is the SIM's, with EnterPIN, or its new one, with Unblock.
	PIN string `json:"pin,omitempty"`
	// PUK unblocks the SIM, with Unblock.
	PUK string `json:"puk,omitempty"`
	// Slot is the SIM slot to use, from 1, with UseSlot.
	Slot int `json:"slot,omitempty"`
	// Command is an AT command as typed, with RawCommand.
	Command string `json:"command,omitempty"`
}

// ModuleVerb is what a ModuleRequest asks for.
type ModuleVerb string

// Verbs.
const (
	Inspect    ModuleVerb = "status" // reads identity, SIM, counters and clock anew; the radio stays as it is
	Measure    ModuleVerb = "signal" // switches the radio on, waits for a network, and reads the signal
	ScanAir    ModuleVerb = "scan"   // lists the operators around; takes minutes
	Select     ModuleVerb = "select" // registers with one operator
	EnterPIN   ModuleVerb = "pin"
	Unblock    ModuleVerb = "puk" // by PUK, which sets a new PIN
	UseSlot    ModuleVerb = "slot"
	RawCommand ModuleVerb = "at" // recorded as it was typed
)

// ModuleAnswer is what came of it. Status is always set.
type ModuleAnswer struct {
	Status    ModemStatus `json:"status"`
	Operators []Operator  `json:"operators,omitempty"` // ScanAir
	Lines     []string    `json:"lines,omitempty"`     // RawCommand: the reply, its final result last
}

// Operator is a network that a scan found.
type Operator struct {
	PLMN   string `json:"plmn"` // five or six digits
	Name   string `json:"name,omitempty"`
	State  string `json:"state"`            // available, current, forbidden, unknown
	Access string `json:"access,omitempty"` // LTE, 5G, …
}

// ModemStatus is the module as last read back.
type ModemStatus struct {
	Present     bool           `json:"present"`
	Model       string         `json:"model,omitempty"`
	Firmware    string         `json:"firmware,omitempty"`
	IMEI        string         `json:"imei,omitempty"`
	Profile     string         `json:"profile,omitempty"`   // the family, as `airlock modem profiles` lists it
	Port        string         `json:"port,omitempty"`      // the AT port, for people
	SIM         string         `json:"sim,omitempty"`       // ready, missing, pin, puk, broken, unknown
	ICCID       string         `json:"iccid,omitempty"`     // of the card
	PINTries    *int           `json:"pin_tries,omitempty"` // left before the card asks for its PUK
	PUKTries    *int           `json:"puk_tries,omitempty"` // left before the card is dead
	Slot        int            `json:"slot,omitempty"`      // from 1; 0: the module has one
	Radio       string         `json:"radio,omitempty"`     // on, off, unknown
	Registered  bool           `json:"registered"`
	Roaming     bool           `json:"roaming,omitempty"`
	Operator    string         `json:"operator,omitempty"`
	Access      string         `json:"access,omitempty"`     // LTE, 5G, …
	Reject      string         `json:"reject,omitempty"`     // why the network refused last
	SignalDBm   *int           `json:"signal_dbm,omitempty"` // RSSI by +CSQ, dBm
	Signal      *Signal        `json:"signal,omitempty"`
	Bearer      string         `json:"bearer,omitempty"` // interface or ppp, while data is on
	Address     string         `json:"address,omitempty"`
	MTU         int            `json:"mtu,omitempty"` // bytes, as the network told
	Clock       *NetworkTime   `json:"clock,omitempty"`
	Recovery    []RecoveryStep `json:"recovery,omitempty"` // rungs taken since the last raising began
	FlashWrites uint64         `json:"flash_writes,omitempty"`
	Problem     string         `json:"problem,omitempty"`
}

// Signal is what the receiver measures; absent members were not told.
type Signal struct {
	Query  string   `json:"query"` // the AT command that told
	Access string   `json:"access,omitempty"`
	RSSI   *float64 `json:"rssi_dbm,omitempty"`
	RSCP   *float64 `json:"rscp_dbm,omitempty"`
	EcIo   *float64 `json:"ecio_db,omitempty"`
	RSRP   *float64 `json:"rsrp_dbm,omitempty"`
	RSRQ   *float64 `json:"rsrq_db,omitempty"`
	SINR   *float64 `json:"sinr_db,omitempty"`
}

// NetworkTime is the clock that the network gave to the module.
type NetworkTime struct {
	At        time.Time `json:"at"`           // as read; UTC
	ZoneMin   int       `json:"zone_minutes"` // local time east of UTC
	Source    string    `json:"source"`       // the AT command that told
	ReadAt    time.Time `json:"read_at"`      // the node's clock at that moment
	Plausible bool      `json:"plausible"`    // false: too far from what the node knows to be believed
}

// RecoveryStep is one rung of the recovery ladder that was taken.
type RecoveryStep struct {
	At   time.Time `json:"at"`
	Rung string    `json:"rung"`            // rebind, resync, hang-up, cfun, vendor-reset, usb-reset, power, give-up
	Why  string    `json:"why"`             // what had failed
	Err  string    `json:"error,omitempty"` // why the rung itself failed
}
