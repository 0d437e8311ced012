// Package hardware fits the drivers to what netd asks of a module, of links and of an interlock, since neither
// knows the other. It translates types and kinds of errors and decides nothing about doors.
// firmware/cmd/netd calls it.
package hardware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/lan"
	"airlock/drivers/modem"
	"airlock/drivers/ppp"
	"airlock/drivers/serial"
	"airlock/drivers/sysfs"
	"airlock/firmware/config"
	"airlock/netd"
	"airlock/netd/windows"
)

// Modem is the module behind the outer door, as netd wants it.
type Modem struct{ driver *modem.Modem }

var (
	_ netd.Modem = (*Modem)(nil)
	_ Carrier    = (*Modem)(nil)
)

// NewModem makes the module that the configuration describes; what has to be remembered of it is kept in the folder state.
// No port is opened before Up or Down.
func NewModem(c config.Modem, state string, log *slog.Logger) *Modem {
	open := modem.Serial(serial.Finder{Log: log})
	if c.Port != config.Auto {
		open = fixedPort(c.Port, log, strangers)
	}
	settings := session(c)
	settings.Memory, settings.NotBefore, settings.Log = Remember(state), built(), log
	at := newPlace(c)
	settings.Levers = levers(c, at)
	settings.PPP, settings.Interface = &ppp.Config{Log: log}, func() bool { return hasInterface(c) }
	return &Modem{modem.New(settings, at.watched(open))}
}

// session translates what a person has configured.
func session(c config.Modem) modem.Config {
	out := modem.Config{
		APN: c.APN, Type: strings.ToUpper(c.Type), User: c.User, Password: c.Password, Auth: c.Auth,
		AttachAPN: c.AttachAPN, Operator: c.Operator, Slot: c.Slot, PIN: c.PIN, Bearer: modem.Bearer(c.Bearer),
	}
	if c.Auth == "any" {
		out.Auth = ""
	}
	if c.Bearer == config.Auto {
		out.Bearer = modem.ByEither
	}
	return out
}

// built is when this program's source was committed, as the linker stamped it: no clock of a network can be right that
// stands before it. Zero when nothing was stamped.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // zero when it is none
			return t
		}
	}
	return time.Time{}
}

// hasInterface tells whether the module shows a network interface of its own. When nobody can tell, it is taken to: the
// raising will say what is missing.
func hasInterface(c config.Modem) bool {
	if c.Interface != config.Auto {
		return true
	}
	all, err := lan.List(sysfs.Root)
	return err != nil || slices.ContainsFunc(all, func(i lan.Interface) bool { return i.Role == lan.Modem })
}

// Path implements Carrier.
func (m *Modem) Path() modem.Path { return m.driver.Path() }

// Call implements Carrier.
func (m *Modem) Call() *ppp.Session { return m.driver.Call() }

// Up implements netd.Modem.
func (m *Modem) Up(ctx context.Context, say func(string)) error {
	return problem(m.driver.Up(ctx, func(text string) { say(sentence(text)) }))
}

// Down implements netd.Modem: a module that is not there cannot transmit.
func (m *Modem) Down(ctx context.Context) error {
	err := m.driver.Down(ctx)
	if errors.Is(err, modem.ErrNotPresent) {
		return nil
	}
	return problem(err)
}

// Mend implements netd.Modem.
func (m *Modem) Mend(ctx context.Context, say func(string)) error {
	return problem(m.driver.Mend(ctx, func(text string) { say(sentence(text)) }))
}

// Close lets go of the port, without touching the radio.
func (m *Modem) Close() error { return m.driver.Close() }

// problem gives an error of the driver the code that netd's askers know.
func problem(err error) error {
	var e *modem.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, modem.ErrNotPresent):
		return &windows.Problem{Code: windows.CodeNoModem, Cause: err, Detail: "no cellular modem is there: check that it is plugged in and powered"}
	case !errors.As(err, &e):
		return err
	}
	code := windows.CodeInternal // modem.RadioOn: the keeper tries again and latches a fault
	switch e.Kind {
	case modem.NoModem:
		code = windows.CodeNoModem
	case modem.NoSIM:
		code = windows.CodeNoSIM
	case modem.NoNetwork:
		code = windows.CodeNoNetwork
	}
	return &windows.Problem{Code: code, Detail: e.Error(), Cause: err}
}

// fixedPort opens the port that the configuration names. That it is not there proves only then
// that no module is, when there is no other USB serial port that might be the module under another name.
func fixedPort(path string, log *slog.Logger, others func() (string, error)) modem.Opener {
	return func(ctx context.Context) (modem.Port, error) {
		rw, err := serial.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			other, oerr := others()
			switch {
			case oerr != nil:
				return nil, oerr
			case other == "":
				return nil, fmt.Errorf("%w: %s is not there", modem.ErrNotPresent, path)
			}
			return nil, fmt.Errorf("%s is not there, but %s is: name it as modem.port in node.yaml, or auto", path, other)
		}
		if err != nil {
			return nil, err
		}
		port := at.New(rw, at.Options{Log: log})
		if err := port.Sync(ctx); err != nil {
			port.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return namedPort{port, path}, nil
	}
}

// strangers names the first USB serial port of the machine; empty when there is none.
func strangers() (string, error) {
	found, err := serial.Candidates(sysfs.Root)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].String(), nil
}

// namedPort is a port with its path for people.
type namedPort struct {
	*at.AT
	path string
}

// String names it.
func (p namedPort) String() string { return p.path }

// sentence begins a text of a driver as the events of a window begin.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
