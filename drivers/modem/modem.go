package modem

import (
	"context"
	"errors"
	"log/slog"
	"sync"

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
	apn        string   // of the data context, as configure chose it; empty: the module's
	chosen     string   // the operator that was set last; empty: none
	proved     string   // what was last written of user and password, to write it once
	window     window   // what the recovery ladder knows
	lowering   lowering // likewise, of a radio that does not go off
	deselected bool     // the module was told to belong to no network

	memory sync.Mutex // one change of cfg.Memory at a time

	mu     sync.Mutex
	status Status
	closed <-chan struct{} // of the open port; nil when none
	flash  uint64          // writes counted; kept in cfg.Memory
	told   told            // the time that came by itself
	path   Path            // of the packets since the last Up that led to data
	call   *call           // that carries them; nil when none
}

// New makes a Modem. Nothing is opened or sent before Up or Down.
func New(cfg Config, open Opener) *Modem {
	cfg = cfg.withDefaults()
	m := &Modem{
		cfg: cfg, open: open, log: cfg.Log,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		status: Status{SIM: "unknown", Radio: "unknown"},
	}
	m.recall()
	return m
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

// Mend ends the data context and starts it anew: a module may hold a context and lease an address, and carry nothing.
// Only the caller, who sends packets, can tell whether it helped.
func (m *Modem) Mend(ctx context.Context, say func(string)) error {
	if say == nil {
		say = func(string) {}
	}
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	err := m.mend(ctx, say)
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
	s.FlashWrites = m.flash
	select {
	case <-m.closed:
		s.Present, s.Radio, s.Registered, s.Data, s.SignalDBm, s.Signal = false, "unknown", false, false, nil, nil
	default:
	}
	if m.call != nil {
		select {
		case <-m.call.session.Done():
			s.Data = false
		default:
		}
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
