package modemsim

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Sim is one module. It lives from New on, whether a port is attached or not, as a powered module does.
type Sim struct {
	cfg Config

	// call orders the callbacks; events says what is to be told. Lock order: call before mu.
	call   sync.Mutex
	mu     sync.Mutex
	events []func()

	// Below: guarded by mu.
	rng    *rand.Rand
	states []StateChange
	faults Faults
	port   *port // the attached one

	imposed meter
	walking bool // from radio on to the network's answer
	boots   int
	powered bool
	ready   bool // booted: answers
	echo    bool
	verbose bool
	cmee    int
	charset string // of names
	// whenStarted are told when it has booted and looked at its card.
	whenStarted []func()

	simFound bool
	locked   bool
	cards    map[string]*counters // by ICCID: a card remembers, in and out of the module

	fun        int
	radio      int // counts switchings of the radio; timers of an earlier one are void
	stat       int // <stat> of the registration
	report     map[string]int
	cops       int // <format>
	rssi       int
	contexts   map[int]*pdp
	bound      int // context tied to the network interface
	tied       bool
	data       bool
	lame       bool              // the context is granted, and carries nothing
	stammer    int               // code for the next activation, 0 none
	rejected   int               // cause of the last reject, 0 none
	kept       map[string]string // what settings are stored
	late       time.Duration     // of the next answer
	inside     string            // to be put into the next reply
	online     *pppCall          // in data mode, or escaped from it; nil none
	hits       []int             // how often each line of the script was met
	back       chan struct{}     // closed when the module is back on the bus; nil while it is
	privileged bool              // !ENTERCND was given
	stray      int               // stray ERRORs still to be sent
	slot       int               // of the card in use, from 0
}

// pdp is a defined context.
type pdp struct {
	kind, apn string
	active    bool
}

// New makes a module. It boots when a port is first attached.
func New(cfg Config) *Sim {
	cfg = cfg.withDefaults()
	s := &Sim{
		cfg: cfg, faults: cfg.Faults, rng: rand.New(rand.NewPCG(cfg.Seed, 0xa17)),
		rssi: cfg.Network.RSSI, contexts: map[int]*pdp{1: {kind: "IP", apn: cfg.Network.APN}},
		report: map[string]int{}, stray: cfg.Faults.StrayErrors,
		cards: map[string]*counters{}, kept: map[string]string{},
	}
	s.dialogueDefaults()
	return s
}

func (s *Sim) dialogueDefaults() { s.echo, s.verbose, s.cmee, s.charset = true, true, 0, "IRA" }

// States is the history so far.
func (s *Sim) States() []StateChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]StateChange(nil), s.states...)
}

// DataActive tells whether packets could flow now.
func (s *Sim) DataActive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// RadioOn tells whether the transmitter has power now.
func (s *Sim) RadioOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fun == 1
}

// SetFaults changes what is wrong, from now on.
func (s *Sim) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.stray = f, f.StrayErrors
}

// SetSIM puts another card in, or none, as if at power-off: the module boots anew at the next attachment.
func (s *Sim) SetSIM(card SIM) {
	s.do(func() {
		s.cfg.SIM = card
		s.cfg = s.cfg.withDefaults()
		s.powerOff()
	})
}

// SwapSIM puts another card in, or none, while the module runs: it notices, as one with a card-detect switch does.
func (s *Sim) SwapSIM(card SIM) {
	s.do(func() { s.swap(card) })
}

func (s *Sim) swap(card SIM) {
	s.cfg.SIM = card
	s.cfg = s.cfg.withDefaults()
	s.locked = s.card().enabled
	if fun := s.fun; fun == 1 { // what was registered with the old card is no longer
		s.setFunction(4)
		s.setFunction(fun)
	}
	if s.ready {
		s.findSIM()
	}
}

// pullCard takes the card out, and puts it back after a while, or never when that is 0.
func (s *Sim) pullCard(away time.Duration) {
	card := s.cfg.SIM
	if card.Missing {
		return
	}
	s.swap(SIM{Missing: true, ICCID: card.ICCID}) // the card's memory is looked up by its number
	if away > 0 {
		s.later(away, func() { s.swap(card) })
	}
}

// do runs change under the lock, then tells the callbacks what came of it before it returns.
func (s *Sim) do(change func()) {
	s.call.Lock()
	defer s.call.Unlock()
	s.mu.Lock()
	change()
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, tell := range events {
		tell()
	}
}

// changed records a change; the caller holds mu within do.
func (s *Sim) changed(what string) {
	s.record(StateChange{What: what})
}

func (s *Sim) record(c StateChange) {
	c.At = time.Now()
	s.states = append(s.states, c)
	if s.cfg.OnState != nil {
		s.events = append(s.events, func() { s.cfg.OnState(c) })
	}
}

// gate recomputes whether data can flow.
func (s *Sim) gate() {
	s.autoTie()
	if c := s.online; c != nil && (s.contexts[c.cid] == nil || !s.contexts[c.cid].active) {
		c.Close()
	}
	flows := s.up() && !s.lame
	if flows == s.data {
		return
	}
	s.data = flows
	if flows {
		s.changed(DataOn)
		s.later(0, func() { s.strike(atData, "") })
	} else {
		s.changed(DataOff)
	}
	if s.cfg.OnData != nil {
		s.events = append(s.events, func() { s.cfg.OnData(flows) })
	}
}

// after runs change later, unless the radio was switched meanwhile.
func (s *Sim) after(d time.Duration, change func()) {
	radio := s.radio
	time.AfterFunc(d, func() {
		s.do(func() {
			if s.radio == radio && s.powered {
				change()
			}
		})
	})
}

// later runs change after d, whatever happens meanwhile.
func (s *Sim) later(d time.Duration, change func()) {
	time.AfterFunc(d, func() { s.do(change) })
}

// urc sends an unsolicited line to whoever is attached.
func (s *Sim) urc(line string) {
	if s.port != nil && s.ready && !s.faults.Silent {
		s.port.send("\r\n" + line + "\r\n")
	}
}
