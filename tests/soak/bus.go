package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// bus is the host's side of the plug: it opens the port of a module that is there, as serial.Finder does with real ones.
type bus struct {
	sim  *modemsim.Sim
	log  *slog.Logger
	seed uint64 // of the line's chaos
	// record gets the dialogue as a transcript; nil: nobody wants it.
	record io.Writer
	most   time.Duration // that a piece is held up
	tasks  sync.WaitGroup

	mu   sync.Mutex
	port *at.AT // the last opened
}

// patience is what serial.Finder gives a port.
const patience = 3 * time.Second

// open is the session's modem.Opener.
func (b *bus) open(ctx context.Context) (modem.Port, error) {
	if !b.sim.Present() {
		return nil, fmt.Errorf("%w: the bus is empty", modem.ErrNotPresent)
	}
	near, far := net.Pipe()
	if b.record != nil {
		far = &recorder{Conn: far, out: b.record}
	}
	b.tasks.Go(func() { _ = b.sim.Serve(context.Background(), far) }) // that it left the bus is seen at the port's end
	b.seed++
	port := at.New(modemsim.NewChaos(near, b.seed, b.most), at.Options{Log: b.log})
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := port.Sync(limit); err != nil {
		port.Close()
		return nil, fmt.Errorf("the port does not answer: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.port = port
	return port, nil
}

func (b *bus) last() *at.AT {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.port
}

// lever restarts the module from outside.
type lever struct {
	name string
	sim  *modemsim.Sim
	away time.Duration
}

var (
	_ modem.Lever  = lever{}
	_ modem.Memory = (*memory)(nil)
)

// Pull implements modem.Lever.
func (l lever) Pull(context.Context) error {
	l.sim.Restart(l.away, l.name == "power")
	return nil
}

func (l lever) String() string { return l.name }

// memory outlives a window, and gives what a file would give back.
type memory struct {
	mu   sync.Mutex
	kept []byte
}

// Load implements modem.Memory.
func (m *memory) Load() (r modem.Remembered, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept != nil {
		err = json.Unmarshal(m.kept, &r)
	}
	return r, err
}

// Save implements modem.Memory.
func (m *memory) Save(r modem.Remembered) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept, err = json.Marshal(r)
	return err
}
