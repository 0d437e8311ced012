package modemsim_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// BenchmarkWindow is our own share of a window: the module takes no time for anything.
func BenchmarkWindow(b *testing.B) {
	sim := modemsim.New(modemsim.Config{})
	near, far := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { sim.Serve(context.Background(), far) })
	port := at.New(near, at.Options{})
	m := modem.New(modem.Config{}, func(context.Context) (modem.Port, error) { return port, nil })
	for b.Loop() {
		if err := m.Up(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		if err := m.Down(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	m.Close()
	serving.Wait()
}
