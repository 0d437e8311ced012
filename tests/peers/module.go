package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"airlock/tests/modemsim"
)

// Module is a simulated module behind a socket.
type Module struct {
	*modemsim.Sim
	Addr net.Addr

	listener net.Listener
	stop     context.CancelFunc
	serving  sync.WaitGroup
	err      error // why serving ended; read after serving
}

// Serve puts a module behind a socket, as cmd/modemsim does: one host after the other, and the module lives on between
// them. It has booted before it is there to be found, as a USB module is enumerated when it has booted. A name of the network "unix" that starts with @ is one of Linux' abstract names (unix(7)).
func Serve(ctx context.Context, cfg modemsim.Config, network, address string) (*Module, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("serve the module: %w", err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Module{Sim: modemsim.New(cfg), Addr: l.Addr(), listener: l, stop: stop}
	if err := m.PowerOn(ctx); err != nil {
		stop()
		l.Close()
		return nil, fmt.Errorf("boot the module: %w", err)
	}
	m.serving.Go(func() { m.err = m.serve(serving) })
	return m, nil
}

func (m *Module) serve(ctx context.Context) error {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return err
		}
		if err := m.Sim.Serve(ctx, conn); err != nil && !errors.Is(err, modemsim.ErrAway) {
			return err
		}
	}
}

// Close ends the socket. The module's radio is of no concern any more.
func (m *Module) Close() {
	m.stop()
	m.listener.Close()
	m.serving.Wait()
}
