package modem

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
	"airlock/drivers/serial"
)

// Serial is the Opener for real hardware: the first USB serial port that answers AT commands.
func Serial(f serial.Finder) Opener {
	return func(ctx context.Context) (Port, error) {
		found, err := f.Find(ctx)
		switch {
		case errors.Is(err, serial.ErrNone):
			return nil, fmt.Errorf("%w: %w", ErrNotPresent, err)
		case err != nil:
			return nil, err
		}
		return named{found.AT, f, found.Candidate}, nil
	}
}

// named is a port with a name for people, and the search that found it.
type named struct {
	*at.AT
	finder serial.Finder
	where  serial.Candidate
}

var (
	_ Port     = named{}
	_ Dialer   = named{}
	_ Seconder = named{}
)

func (n named) String() string { return n.where.String() }

// Second implements Seconder.
func (n named) Second(ctx context.Context) (Port, error) {
	found, err := n.finder.Second(ctx, n.where)
	if err != nil {
		return nil, err
	}
	return named{found.AT, n.finder, found.Candidate}, nil
}

// ensurePort opens the port unless it is open and alive.
func (m *Modem) ensurePort(ctx context.Context) error {
	if m.port != nil {
		select {
		case <-m.port.Closed():
			m.drop()
		default:
			return nil
		}
	}
	port, err := m.open(ctx)
	if err != nil {
		m.note(func(s *Status) { *s = s.unknown() })
		return err
	}
	m.port, m.identified, m.domains, m.proved = port, false, nil, ""
	m.listen()
	m.listenForTime()
	m.note(func(s *Status) {
		*s = s.unknown()
		s.Present = true
		if name, ok := port.(fmt.Stringer); ok {
			s.Port = name.String()
		}
	})
	m.mu.Lock()
	m.closed = port.Closed()
	m.mu.Unlock()
	return nil
}

// listen wakes waiting phases by unsolicited lines. What a line says is not trusted: the phase asks again.
func (m *Modem) listen() {
	for _, prefix := range [...]string{"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CGEV", "+CFUN",
		"+QNETDEVSTATUS", "+QIND", "RDY", "POWERED DOWN"} {
		m.port.Handle(prefix, func(line string) {
			m.log.Debug("modem says", "line", line)
			select {
			case m.wake <- struct{}{}:
			default:
			}
		})
	}
}

// listenForTime keeps the network's time where the module tells it unasked.
func (m *Modem) listenForTime() {
	for _, prefix := range [...]string{"+CTZE", "+CTZV", "^NWTIME"} {
		m.port.Handle(prefix, m.hearTime)
	}
}

// drop lets go of the port.
func (m *Modem) drop() {
	if m.port == nil {
		return
	}
	m.dropCall()
	m.port.Close()
	m.port = nil
}

// await returns when an unsolicited line came, or it is time for another look; an error when ctx ended.
func (m *Modem) await(ctx context.Context) error {
	timer := time.NewTimer(m.cfg.Times.Poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.port.Closed():
		return at.ErrClosed
	case <-m.wake:
	case <-timer.C:
	}
	return nil
}

// command runs one command within its own deadline. accept names prefixes of its reply that differ from its own. It ends
// a call that has the port.
func (m *Modem) command(ctx context.Context, within time.Duration, cmd string, accept ...string) ([]string, error) {
	if m.onPort() {
		if err := m.hangUp(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return m.port.Command(ctx, cmd, accept...)
}

// ask runs a query and reads its reply, by the readers of package reply.
func (m *Modem) ask(ctx context.Context, within time.Duration, query string) (any, error) {
	lines, err := m.command(ctx, within, query)
	if err != nil {
		return nil, err
	}
	return reply.Parse(query, m.profile.Dialect, []byte(strings.Join(lines, "\r\n")))
}

// Deadlines of commands that are not in a profile. 27.007 sets none; these are the manuals' and ModemManager's.
const (
	quick    = 5 * time.Second
	simQuery = 10 * time.Second
	function = 30 * time.Second // +CFUN: Quectel 15 s, Telit 20 s, Huawei 30 s
	operator = 10 * time.Second
)
