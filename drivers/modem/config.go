package modem

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"airlock/drivers/ppp"
)

// Config says how to reach the network. The zero value works with most data SIMs.
type Config struct {
	// APN names the network that the data context joins; empty takes the one in the table by operator, else the one
	// that the module has stored.
	APN string
	// Type of the context: IP, IPV6 or IPV4V6; IP when empty.
	Type string
	// CID is the number of the context, 1 to 15; when zero it is 1, which LTE makes of its attachment, or 2 where
	// AttachAPN names another network for that.
	CID int
	// User, Password and Auth (none, pap, chap; empty: what the module prefers) prove to the network who we are.
	User, Password string
	Auth           string
	// AttachAPN is the APN of the LTE attachment (context 1) where the operator wants another one there; empty: the same.
	AttachAPN string
	// Operator is the PLMN (five or six digits) to register with; empty: the module chooses.
	Operator string
	// Slot is the SIM slot of a module that has several, from 1; 0 leaves the one in use.
	Slot int
	// PIN unlocks the SIM; empty: none. It is sent only as the PIN guard allows.
	PIN string
	// Bearer is the way of the packets between module and host.
	Bearer Bearer
	// NotBefore is the earliest time that a clock of the network may show to be believed, such as the day this
	// software was built; zero: the beginning of 2025. The latest is 20 years after it.
	NotBefore time.Time
	// PPP is the host's end of calls; nil: this host makes none.
	PPP *ppp.Config
	// Interface tells whether the module shows a network interface now; nil: it is taken to.
	Interface func() bool
	// Memory keeps what must outlive the process; nil: nothing does.
	Memory Memory
	// Levers are what can be pulled outside of AT commands when those do not help, the gentlest first.
	Levers []Lever
	Times  Times
	Log    *slog.Logger
}

// Bearer is the way of the packets between module and host.
type Bearer string

// Bearers.
const (
	ByEither    Bearer = ""          // the interface, or PPP where the module has shown none
	ByInterface Bearer = "interface" // ECM, NCM or RNDIS
	ByPPP       Bearer = "ppp"       // PPP over the AT port
)

// Memory keeps what must outlive the process. Load of an empty memory gives the zero value.
type Memory interface {
	Load() (Remembered, error)
	Save(Remembered) error
}

// Remembered is what a session has to know of earlier ones.
type Remembered struct {
	// RefusedPIN is, by ICCID, digests of the PINs that the card refused, or whose outcome is not known, parted by
	// blanks; they are never tried again with that card.
	RefusedPIN map[string]string `json:"refused_pin,omitempty"`
	// FlashWrites counts commands that write the module's flash, since this node knows the module.
	FlashWrites uint64 `json:"flash_writes"`
	// Rung is the last rung of the recovery ladder that was taken and has not led to data yet; empty: none.
	Rung string `json:"rung,omitempty"`
	// Failures counts windows in a row without data.
	Failures int `json:"failures,omitempty"`
}

// Lever is a way to restart a module that needs no AT command: its USB port, its power.
type Lever interface {
	// Pull restarts the module. It returns when the module has lost its power or its bus; that it comes back is
	// awaited by the session.
	Pull(ctx context.Context) error
	// String names the lever for people: "usb-reset", "power".
	String() string
}

func (c Config) withDefaults() Config {
	if c.CID == 0 && c.AttachAPN != "" && !strings.EqualFold(c.AttachAPN, c.APN) {
		c.CID = 2
	}
	c.CID = cmp.Or(c.CID, 1)
	c.Type = cmp.Or(c.Type, "IP")
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.Memory == nil {
		c.Memory = &volatile{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Times = c.Times.withDefaults()
	return c
}

// Times bound the phases; zero values take the defaults in brackets.
type Times struct {
	Find     time.Duration // until a port answers [20 s]: a module may still be booting
	SIM      time.Duration // until the SIM is ready, PIN included [40 s]
	Locked   time.Duration // a missing or locked SIM is believed when it was so for that long [3 s]
	Setup    time.Duration // identify; configure; switch the radio on [60 s each]
	Register time.Duration // [180 s]
	Denied   time.Duration // a refusal is believed when it lasted so long [20 s]
	Data     time.Duration // until packets can flow [90 s]
	Off      time.Duration // to prove that the radio is off [45 s]
	Poll     time.Duration // between looks when no unsolicited line comes [1 s]
}

func (t Times) withDefaults() Times {
	for _, d := range [...]struct {
		value *time.Duration
		or    time.Duration
	}{
		{&t.Find, 20 * time.Second}, {&t.SIM, 40 * time.Second}, {&t.Locked, 3 * time.Second},
		{&t.Setup, time.Minute}, {&t.Register, 180 * time.Second}, {&t.Denied, 20 * time.Second},
		{&t.Data, 90 * time.Second}, {&t.Off, 45 * time.Second}, {&t.Poll, time.Second},
	} {
		*d.value = max(*d.value, 0)
		*d.value = cmp.Or(*d.value, d.or)
	}
	return t
}
