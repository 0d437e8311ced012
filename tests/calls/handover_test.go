package calls

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/drivers/serial"
	"airlock/tests/modemsim"
	"airlock/tests/modemsim/ppp/ppptest"
)

// TestHandOver: a port on a tty goes to a call and comes back, several times; the call works at its first byte, each
// command gets its own answer before and after, and unsolicited lines that came meanwhile harm nobody.
func TestHandOver(t *testing.T) {
	tty, err := modemsim.OpenPTY()
	if err != nil {
		t.Skipf("skipped: no pseudo terminal here: %v", err)
	}
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP(), Faults: modemsim.Faults{URCInReply: true}})
	done := make(chan struct{})
	go func() { defer close(done); _ = sim.Serve(context.Background(), tty) }()
	t.Cleanup(func() { tty.Close(); <-done })
	rw, err := serial.Open(tty.Host)
	if err != nil {
		t.Fatal(err)
	}
	port := at.New(rw, at.Options{Probe: 100 * time.Millisecond})
	defer port.Close()
	asks(t, port)
	eventually(t, "registration", func() bool {
		lines, err := port.Command(t.Context(), "+CEREG?")
		return err == nil && slices.Contains(lines, "+CEREG: 0,1")
	})
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		line, err := port.Dial(t.Context(), "D*99***1#")
		if err != nil {
			t.Fatal(err)
		}
		c := ppptest.New(t, line)
		if got := c.IPv4(); got != netip.MustParseAddr("10.64.0.2") {
			t.Errorf("address = %v", got)
		}
		eventually(t, "data", sim.DataActive)
		began := time.Now()
		if err := line.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("HangUp took %s", took)
		}
		asks(t, port)
	}
	if s := port.Stats(); s.Late > 0 {
		t.Errorf("%d lines reached a command too late", s.Late)
	}
}

// asks wants each command's own answer.
func asks(t *testing.T, port *at.AT) {
	t.Helper()
	for cmd, want := range map[string]string{"+CGMM": "GEN-1", "+CFUN?": "+CFUN: 1", "+CGPADDR=1": ""} {
		lines, err := port.Command(t.Context(), cmd)
		if err != nil || want != "" && !slices.Contains(lines, want) {
			t.Errorf("AT%s = %q, %v, want %q", cmd, lines, err, want)
		}
	}
}

// twoPorts is a module whose calls go over a port of their own.
type twoPorts struct {
	modem.Port
	second func(ctx context.Context) (modem.Port, error)
}

// Second implements modem.Seconder.
func (p twoPorts) Second(ctx context.Context) (modem.Port, error) { return p.second(ctx) }

// TestSecondPort: where the module has a second port the call goes over it, the first one still takes commands, and both are
// let go.
func TestSecondPort(t *testing.T) {
	n := newNode(t, modemsim.Config{}, nil)
	other := newNode(t, modemsim.Config{LeftOn: true}, nil) // the same module, as its second port shows it
	var first *at.AT
	n.modem = modem.New(modem.Config{Times: short(), Bearer: modem.ByPPP, PPP: pppConfig(t)}, func(ctx context.Context) (modem.Port, error) {
		port, err := n.open(ctx)
		if err != nil {
			return nil, err
		}
		first = port.(*at.AT)
		return twoPorts{port, other.open}, nil
	})
	if err := n.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lines, err := first.Command(t.Context(), "+CGMM"); err != nil || !slices.Contains(lines, "EC25") {
		t.Errorf("a command during the call = %q, %v", lines, err)
	}
	if n.modem.Call() == nil {
		t.Error("the command ended the call")
	}
	if err := n.modem.Down(t.Context()); err != nil || n.sim.RadioOn() || n.modem.Call() != nil {
		t.Errorf("Down = %v, radio on %v", err, n.sim.RadioOn())
	}
	eventually(t, "end of the second port", func() bool {
		select {
		case <-other.served[0].done:
			return true
		default:
			return false
		}
	})
}
