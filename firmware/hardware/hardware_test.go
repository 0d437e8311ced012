package hardware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/firmware/config"
	"airlock/netd"
	"airlock/netd/windows"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestProblem: each kind of a driver's error reaches the asker under its code, with the driver's words.
func TestProblem(t *testing.T) {
	for kind, want := range map[modem.Kind]string{
		modem.NoModem: windows.CodeNoModem, modem.NoSIM: windows.CodeNoSIM,
		modem.NoNetwork: windows.CodeNoNetwork, modem.RadioOn: windows.CodeInternal,
	} {
		give := fmt.Errorf("up: %w", &modem.Error{Kind: kind, Detail: "put the SIM back"})
		var p *windows.Problem
		if err := problem(give); !errors.As(err, &p) || p.Code != want || p.Detail != "put the SIM back" || !errors.Is(err, give) {
			t.Errorf("problem(%s) = %+v, want code %s with the driver's words and the cause", kind, p, want)
		}
	}
	var p *windows.Problem
	if err := problem(modem.ErrNotPresent); !errors.As(err, &p) || p.Code != windows.CodeNoModem {
		t.Errorf("problem(not present) = %+v", p)
	}
	if err := problem(context.Canceled); !errors.Is(err, context.Canceled) || errors.As(err, &p) {
		t.Errorf("problem(cancelled) = %v, want it as it is", err)
	}
	if err := problem(nil); err != nil {
		t.Errorf("problem(nil) = %v", err)
	}
}

// TestNoModem: without any module Down succeeds at once and Up says what is missing.
func TestNoModem(t *testing.T) {
	driver := modem.New(modem.Config{Times: modem.Times{Find: 50 * time.Millisecond, Poll: 10 * time.Millisecond}},
		fixedPort("/nowhere/ttyUSB0", quiet(), func() (string, error) { return "", nil }))
	m := &Modem{driver}
	if err := m.Down(t.Context()); err != nil {
		t.Errorf("Down() = %v, want nil: nothing is there that could transmit", err)
	}
	var p *windows.Problem
	if err := m.Up(t.Context(), func(string) {}); !errors.As(err, &p) || p.Code != windows.CodeNoModem {
		t.Errorf("Up() = %v, want no-modem", err)
	}
	if s := m.Status(); s.Present || s.Radio != "unknown" {
		t.Errorf("Status() = %+v", s)
	}
}

// TestNamedPortIsGoneButAnotherIsThere: the module may have come back as another tty, so that the radio is unknown.
func TestNamedPortIsGoneButAnotherIsThere(t *testing.T) {
	open := fixedPort(filepath.Join(t.TempDir(), "ttyUSB7"), quiet(), func() (string, error) { return "ttyUSB0 (2c7c:0125)", nil })
	if _, err := open(t.Context()); err == nil || errors.Is(err, modem.ErrNotPresent) {
		t.Errorf("open = %v, want an error that does not say that no module is present", err)
	}
}

// TestWatch: only what appears after the start is doubted, and a failing list doubts nothing.
func TestWatch(t *testing.T) {
	lists := []struct {
		ports []string
		err   error
		doubt bool
	}{
		{[]string{"ttyUSB0 at usb1"}, nil, false},
		{[]string{"ttyUSB0 at usb1"}, nil, false},
		{nil, nil, false},
		{[]string{"ttyUSB0 at usb1"}, nil, true},
		{nil, errors.New("sysfs is gone"), false},
		{[]string{"ttyUSB0 at usb1"}, nil, false},
		{[]string{"ttyUSB0 at usb1", "ttyUSB1 at usb2"}, nil, true},
	}
	ctx, cancel := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	next, doubted := 0, []bool{}
	list := func() ([]string, error) {
		l := lists[next]
		doubted = append(doubted, false)
		if next++; next == len(lists) {
			cancel()
		} else {
			go func() { tick <- time.Time{} }()
		}
		return l.ports, l.err
	}
	if err := watch(ctx, quiet(), func() { doubted[len(doubted)-1] = true }, list, tick); err != nil {
		t.Fatal(err)
	}
	var want []bool
	for _, l := range lists {
		want = append(want, l.doubt)
	}
	if !slices.Equal(doubted, want) {
		t.Errorf("doubted %v, want %v", doubted, want)
	}
}

// gate counts what reaches the kernel.
type gate struct {
	netd.Interlock
	shut int
}

// Shut counts.
func (g *gate) Shut() error { g.shut++; return nil }

// TestGateIsLoadedWhenTheKernelTakesIt: until then every call fails, and none of them says that a door is shut.
func TestGateIsLoadedWhenTheKernelTakesIt(t *testing.T) {
	refused, kernel, loads := errors.New("no nf_tables"), &gate{}, 0
	g := &Gate{load: func() (netd.Interlock, error) {
		if loads++; loads <= 4 {
			return nil, refused
		}
		return kernel, nil
	}}
	for name, err := range map[string]error{
		"Shut": g.Shut(), "Attach": g.Attach("wan0"), "Open": g.Open("wan0", time.Second), "Renew": g.Renew("wan0"),
	} {
		if !errors.Is(err, refused) {
			t.Errorf("%s() = %v, want %v", name, err, refused)
		}
	}
	for range 2 {
		if err := g.Shut(); err != nil {
			t.Errorf("Shut() = %v", err)
		}
	}
	if kernel.shut != 2 || loads != 5 {
		t.Errorf("%d calls reached the kernel after %d loads, want 2 after 5", kernel.shut, loads)
	}
}

// TestAutoPort: with no port named the real system is searched; here it has no USB serial port, or it has.
func TestAutoPort(t *testing.T) {
	if other, err := strangers(); err != nil || other != "" {
		t.Skipf("this machine has the USB serial port %q (%v): the test would talk to it", other, err)
	}
	m := NewModem(config.Modem{Port: config.Auto}, quiet())
	if err := m.Down(t.Context()); err != nil {
		t.Errorf("Down() = %v, want nil", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}
