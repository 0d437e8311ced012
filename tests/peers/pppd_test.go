package peers

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/tests/modemsim"
)

// TestPPPD: Debian's pppd, over a serial line of a small machine with Debian's kernel, brings up a call with every module:
// without a name, by CHAP and by PAP, with IPv4 and with both.
func TestPPPD(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this boots a machine; make test-peers runs it")
	}
	guest, err := StartGuest(t.Context(), shortDir(t))
	needs(t, err)
	defer guest.Close()
	table := tableOf("module", "proved by", "context", "up after", "addresses", "hung up after")
	for i, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			way := dialling()[i%len(dialling())]
			table.add(append([]string{p.Name}, way.play(ctx, t, guest, p)...)...)
		})
	}
	t.Logf("%s\n%s", guest.Version, table)
}

// dial is one way to prove who calls, and a kind of context.
type dial struct{ auth, options, kind string }

func dialling() []dial {
	return []dial{{"nothing", "", "IP"}, {"CHAP", "", "IP"}, {"PAP", "refuse-chap", "IPV4V6"}, {"CHAP", "", "IPV4V6"}}
}

func (d dial) play(ctx context.Context, t *testing.T, guest *Guest, p modemsim.Personality) []string {
	cfg := modemsim.Config{Personality: p, Function: 4}
	if d.auth != "nothing" {
		cfg.Network.User, cfg.Network.Password = "node", "secret"
	}
	sim := modemsim.New(cfg)
	if err := d.prepare(ctx, sim); err != nil {
		t.Fatal(err)
	}
	defer lend(ctx, sim, guest.Line)()
	began := time.Now()
	addresses, err := guest.Call(ctx, d.options)
	up := time.Since(began)
	if err != nil {
		t.Errorf("call: %v", err)
	}
	if !sim.InCall() || !sim.DataActive() {
		t.Errorf("pppd says up, and the module has no call that carries: %v", sim.States())
	}
	if !strings.Contains(addresses, "inet 10.64.0.2 peer 10.64.0.1/32") {
		t.Errorf("addresses = %q, want the network's", addresses)
	}
	if six := strings.Contains(addresses, "inet6 fe80::"); six != (d.kind == "IPV4V6") {
		t.Errorf("addresses = %q, with a context of the kind %s", addresses, d.kind)
	}
	began = time.Now()
	if err := guest.HangUp(ctx); err != nil {
		t.Fatal(err)
	}
	return []string{d.auth, d.kind, fmt.Sprintf("%.1f s", up.Seconds()), short(addresses), fmt.Sprintf("%.1f s", time.Since(began).Seconds())}
}

// short leaves the addresses of what ip(8) prints.
func short(addresses string) string {
	var kept []string
	fields := strings.Fields(addresses)
	for i := range fields {
		if i > 0 && strings.HasPrefix(fields[i-1], "inet") {
			kept = append(kept, fields[i])
		}
	}
	return strings.Join(kept, " ")
}

// prepare defines the context and registers, as a host does on another port of the module before pppd dials.
func (d dial) prepare(ctx context.Context, sim *modemsim.Sim) error {
	if err := sim.PowerOn(ctx); err != nil {
		return err
	}
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, far) }()
	port := at.New(near, at.Options{})
	defer func() { port.Close(); <-served }()
	registered := make(chan struct{})
	port.Handle("+CEREG", func(line string) {
		if strings.HasPrefix(line, "+CEREG: 1") {
			close(registered)
		}
	})
	for _, cmd := range []string{"E0", "+CFUN=4", fmt.Sprintf(`+CGDCONT=1,"%s","internet"`, d.kind), "+CEREG=1", "+CFUN=1"} {
		if _, err := port.Command(ctx, cmd); err != nil {
			return fmt.Errorf("prepare the module: AT%s: %w", cmd, err)
		}
	}
	select {
	case <-registered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lend puts the module behind the line until the returned function is called; the line stays open.
func lend(ctx context.Context, sim *modemsim.Sim, line net.Conn) (back func()) {
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	line.SetReadDeadline(time.Time{})
	go func() { served <- sim.Serve(ctx, lent{line}) }()
	return func() { cancel(); <-served }
}

// lent is a line whose Close ends a Read and no more.
type lent struct{ net.Conn }

func (l lent) Close() error { return l.SetReadDeadline(time.Now()) }
