package modem

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"airlock/drivers/at"
)

// Port is an AT port; *at.AT is one.
type Port interface {
	Command(ctx context.Context, cmd string, accept ...string) ([]string, error)
	Handle(prefix string, fn func(line string)) (remove func())
	Closed() <-chan struct{}
	Close() error
}

var _ Port = (*at.AT)(nil)

// Opener finds and opens the module's AT port. Its error wraps ErrNotPresent when there is none to open.
type Opener func(ctx context.Context) (Port, error)

// Config says how to reach the network. The zero value works with most data SIMs.
type Config struct {
	// APN names the network to join; empty leaves the one that the module has stored.
	APN string
	// Type of the context: IP, IPV6 or IPV4V6; IP when empty. It is set only together with an APN.
	Type string
	// CID is the number of the context, 1 to 15; 1 when zero.
	CID   int
	Times Times
	Log   *slog.Logger
}

// Times bound the phases; zero values take the defaults in brackets.
type Times struct {
	Find     time.Duration // until a port answers [20 s]: a module may still be booting
	SIM      time.Duration // until the SIM is ready [15 s]
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
		{&t.Find, 20 * time.Second}, {&t.SIM, 15 * time.Second}, {&t.Locked, 3 * time.Second},
		{&t.Setup, time.Minute}, {&t.Register, 180 * time.Second}, {&t.Denied, 20 * time.Second},
		{&t.Data, 90 * time.Second}, {&t.Off, 45 * time.Second}, {&t.Poll, time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return t
}

// Status is the module as last read back.
type Status struct {
	Present      bool
	Port         string // how the AT port is called, for people
	Manufacturer string
	Model        string
	Firmware     string
	IMEI         string
	Profile      string
	SIM          string // ready, missing, pin, puk, broken, unknown
	Radio        string // on, off, unknown
	Registered   bool
	Operator     string
	Access       string // LTE, 5G, …
	SignalDBm    *int   // RSSI by +CSQ
	Data         bool   // the context is active and proven
	Address      string // of the context, when the module tells
	Problem      string // why the last Up or Down failed
}

// Modem is one cellular module. Up and Down exclude each other; a second caller waits. Status may
// be called at any time.
type Modem struct {
	cfg  Config
	open Opener
	log  *slog.Logger
	turn chan struct{} // holds a token during Up and Down
	wake chan struct{} // an unsolicited line came: look again

	// Owned by the holder of turn.
	port       Port
	profile    Profile
	identified bool
	domains    []string // registration queries that the module knows

	mu     sync.Mutex
	status Status
	closed <-chan struct{} // of the open port; nil when none
}

// New makes a Modem. Nothing is opened or sent before Up or Down.
func New(cfg Config, open Opener) *Modem {
	if cfg.CID == 0 {
		cfg.CID = 1
	}
	if cfg.Type == "" {
		cfg.Type = "IP"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Times = cfg.Times.withDefaults()
	return &Modem{
		cfg: cfg, open: open, log: cfg.Log,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		status: Status{SIM: "unknown", Radio: "unknown"},
	}
}

// Up takes the module to an active, proven data context. Errors that a person can act on are *Error.
// A failed Up leaves the module as it was when it failed: the caller calls Down, which alone can prove
// that the radio is off.
func (m *Modem) Up(ctx context.Context, say func(string)) error {
	if say == nil {
		say = func(string) {}
	}
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	err := m.up(ctx, say)
	m.settle(err)
	return err
}

// Down ends the data context and switches the radio off. It returns nil only when both the functionality level and
// the registration have been read back as off, and ErrNotPresent when no module is there.
func (m *Modem) Down(ctx context.Context) error {
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	err := m.down(ctx)
	m.settle(err)
	return err
}

// Close lets go of the port. It does not touch the radio.
func (m *Modem) Close() error {
	m.turn <- struct{}{}
	defer m.release()
	m.drop()
	return nil
}

// Status is what was last read back; it does not talk to the module.
func (m *Modem) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	select {
	case <-m.closed:
		s.Present, s.Radio, s.Registered, s.Data, s.SignalDBm = false, "unknown", false, false, nil
	default:
	}
	return s
}

func (m *Modem) acquire(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Modem) release() { <-m.turn }

// note changes the status.
func (m *Modem) note(change func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.status)
}

// settle keeps the outcome of Up or Down for the status; a port that ended is let go.
func (m *Modem) settle(err error) {
	m.note(func(s *Status) {
		s.Problem = ""
		if err != nil && !errors.Is(err, ErrNotPresent) {
			s.Problem = err.Error()
		}
	})
	if m.port == nil {
		return
	}
	select {
	case <-m.port.Closed():
		m.drop()
	default:
	}
}
