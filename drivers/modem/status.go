package modem

import (
	"net/netip"
	"time"

	"airlock/drivers/modem/reply"
)

// Status is the module as last read back.
type Status struct {
	Present      bool
	Port         string // how the AT port is called, for people
	Manufacturer string
	Model        string
	Firmware     string
	IMEI         string
	Profile      string
	SIM          string // ready, missing, pin, puk, locked (by its operator to other modules), broken, unknown
	ICCID        string // of the card; empty: not told
	PINTries     *int   // left before the card asks for its PUK; nil: not told
	PUKTries     *int   // left before the card is dead; nil: not told
	Slot         int    // of the card in use, from 1; 0: the module has one
	Radio        string // on, off, unknown
	Registered   bool
	Roaming      bool
	Operator     string
	Access       string // LTE, 5G, …
	Reject       string // why the network refused last, in words; empty: it did not
	SignalDBm    *int   // RSSI by +CSQ, for modules that tell nothing better
	Signal       *Signal
	Data         bool   // the context is active and proven
	Address      string // of the context, when the module tells
	Clock        *NetworkTime
	Recovery     []RecoveryStep // since the last Up began
	FlashWrites  uint64
	Problem      string // why the last Up or Down failed
}

// unknown is the status of a module of which nothing was read yet; what was done to it stays known.
func (s Status) unknown() Status {
	return Status{SIM: "unknown", Radio: "unknown", Recovery: s.Recovery}
}

// Signal is what the receiver measures, by the query that tells most on this family; nil members were not told.
type Signal struct {
	Query  string // the command that told
	Access string // LTE, 5G, …
	reply.Levels
}

// NetworkTime is the clock that the network gave to the module.
type NetworkTime struct {
	At        time.Time     // UTC, as read
	Zone      time.Duration // east of UTC
	Source    string        // the command that told
	ReadAt    time.Time     // our clock at that moment
	Plausible bool          // within the window that the session believes
}

// RecoveryStep is one rung of the recovery ladder that was taken.
type RecoveryStep struct {
	At   time.Time
	Rung string // rebind, resync, hang-up, cfun, vendor-reset, usb-reset, power, give-up
	Why  string // what had failed
	Err  string // why the rung itself failed; empty: it was taken
}

// Path is how packets reach the network after Up: what the network interface of the outer door has to be given.
type Path struct {
	Bearer Bearer // ByInterface or ByPPP
	DHCP   bool   // the interface asks by DHCP; else Addresses are set on it
	// Addresses, Gateway and DNS are the context's, where the module tells them (+CGCONTRDP, +CGPADDR).
	Addresses []netip.Prefix
	Gateway   netip.Addr
	DNS       []netip.Addr
	MTU       int  // bytes; 0: not told
	IPv4      bool // the context has IPv4
	IPv6      bool // the context has IPv6; its address comes by router advertisement, but with ByContext and no DHCP
	NoARP     bool // nobody answers ARP behind the interface: frames go to whoever listens
}
