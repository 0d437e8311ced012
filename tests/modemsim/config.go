package modemsim

import (
	"net/netip"
	"time"
)

// Config describes a module, its SIM and its network. The zero value is a Quectel EC25 with a good SIM, in tests' time.
type Config struct {
	Personality Personality
	SIM         SIM
	// OtherSIM is the card in the second slot of a module that has two.
	OtherSIM SIM
	Network  Network
	Times    Times
	Faults   Faults
	// Script lets faults strike by themselves.
	Script *Script
	// Seed makes drift and faults repeatable.
	Seed uint64
	// LeftOn starts the module as a crash may have left it: registered, and data flowing.
	LeftOn bool
	// Function is the +CFUN that the module wakes up with: 1 for most modules in most cases, 4 when that was
	// stored. Zero means 1.
	Function int
	// OnData is called when data can flow, and when it no longer can. It returns before the module
	// answers the command that caused it.
	OnData func(active bool)
	// OnPacket gets every IP packet that the host sends over a PPP call while data can flow; SendPacket is the
	// other way.
	OnPacket func(ip []byte)
	// OnState is called with every change of radio, registration and data, in order.
	OnState func(StateChange)
}

// StateChange is one line of the history.
type StateChange struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // one of the constants below
	// Detail is the line of the script that struck.
	Detail string `json:"detail,omitempty"`
}

// What can change.
const (
	RadioOn      = "radio on"
	RadioOff     = "radio off"
	Registered   = "registered"
	Deregistered = "deregistered"
	DataOn       = "data on"
	DataOff      = "data off"
	FaultStruck  = "fault"
	Unplugged    = "off the bus"
	Enumerated   = "on the bus"
)

// SIM is the card.
type SIM struct {
	Missing bool
	PIN     string // asked for after power-up when set
	PUK     string // unblocks; 12345678 when empty
	PINLeft int    // tries at first; 0 means 3, a negative number none
	PUKLeft int    // 0 means 10, a negative number none
	ICCID   string
	IMSI    string
}

// Network is what the module hears on the air.
type Network struct {
	Name    string // long operator name
	PLMN    string // five or six digits
	Access  int    // <AcT> of 27.007 §7.3; 7 is LTE
	Roaming bool
	RSSI    int // <rssi> of +CSQ around which the signal drifts, 0 to 31
	APN     string
	Address netip.Addr // IPv4
	// NoIPv6: whoever asks for both families gets IPv4 alone.
	NoIPv6 bool
	// User, when set, must be proved with Password in a PPP call, by CHAP or PAP.
	User, Password string
	Zone           int        // of the local time, in quarters of an hour east of UTC
	Others         []Operator // heard besides
}

// Times are how long the module takes; zero values are short, for tests.
type Times struct {
	Boot     time.Duration // from the first Serve to the first answer
	SIM      time.Duration // from boot until the SIM is ready
	Function time.Duration // +CFUN
	Search   time.Duration // from radio on to searching
	Register time.Duration // from searching to registered
	Activate time.Duration // +CGACT, +QNETDEVCTL
	Guard    time.Duration // silence around +++; 1 s when zero
	Away     time.Duration // off the bus after a restart by a command; a module on a plain serial line never is
}

// Lifelike are times as real modules take them, roughly; for demonstrations.
func Lifelike() Times {
	return Times{Boot: 200 * time.Millisecond, SIM: 800 * time.Millisecond, Function: 300 * time.Millisecond,
		Search: 500 * time.Millisecond, Register: 1500 * time.Millisecond, Activate: 400 * time.Millisecond}
}

// Faults are what can be wrong. SetFaults changes them while the module runs.
type Faults struct {
	Silent     bool // takes bytes, says nothing
	Deny       bool // the network refuses the SIM
	Stuck      bool // searches for ever
	URCInReply bool // puts an unsolicited line before the final result of every reply
	Split      bool // sends byte by byte
	Merge      bool // holds a reply back and sends it with what follows
	// StrayErrors sends so many ERRORs after the first command (seen with Quectel RM500U).
	StrayErrors int
	// IgnoreOff answers OK to so many +CFUN=4 and does nothing.
	IgnoreOff int
	// IgnoreFunction answers OK to so many +CFUN, on and off, and does nothing.
	IgnoreFunction int
	// Linger stays registered for that long after +CFUN=4.
	Linger time.Duration
	// BogusPIN says SIM PIN for that long after boot though the SIM has none (seen with RM520N).
	BogusPIN time.Duration
	// Late answers commands that start with Command only after Delay, each Times times.
	Late Late
	// RefuseData answers so many activations with +CME ERROR: 30, then grants.
	RefuseData int
	// DataError, when set, is the CME code for every activation.
	DataError int
	// RejectCause is the cause (24.301 §9.9.3.9) with which the network refuses the SIM; 0 none.
	RejectCause int
	// NoTraffic grants so many times a context, a binding and an address, and carries no packet.
	NoTraffic int
	// Delay holds every answer and every unsolicited line up.
	Delay time.Duration
	// NoBinding accepts the binding so many times without tying the interface to the context.
	NoBinding int
}

// Late delays answers.
type Late struct {
	Command string // beginning of the command line without AT
	Delay   time.Duration
	Times   int
}

func (c Config) withDefaults() Config {
	if c.Personality.Name == "" {
		c.Personality = QuectelEC25()
	}
	if c.Function == 0 || c.LeftOn { // who is registered has its radio on
		c.Function = 1
	}
	setDefault(&c.SIM.ICCID, "8988211000000123456")
	setDefault(&c.OtherSIM.ICCID, "8988211000000654321")
	for _, card := range [...]*SIM{&c.SIM, &c.OtherSIM} {
		setDefault(&card.PUK, "12345678")
		setDefault(&card.IMSI, "001010123456789")
	}
	setDefault(&c.Network.Name, "Airlock Mobile")
	setDefault(&c.Network.PLMN, "00101")
	setDefault(&c.Network.APN, "internet")
	if c.Times.Guard == 0 {
		c.Times.Guard = time.Second
	}
	if c.Network.Access == 0 {
		c.Network.Access = 7
	}
	if c.Network.RSSI == 0 {
		c.Network.RSSI = 20
	}
	if !c.Network.Address.IsValid() {
		c.Network.Address = netip.AddrFrom4([4]byte{10, 64, 0, 2})
	}
	return c
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
