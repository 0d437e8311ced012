package modem

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"airlock/drivers/modem/reply"
)

// registrationQueries are the domains in which a module may be registered: circuits, packets, EPS, 5G.
func registrationQueries() []string { return []string{"+CREG", "+CGREG", "+CEREG", "+C5GREG"} }

// configure switches the radio off before anything is set: what was left on by a crash ends here.
func (m *Modem) configure(ctx context.Context, _ func(string)) error {
	if err := m.setFunction(ctx, 4, m.profile.off); err != nil {
		return err
	}
	m.domains = m.domains[:0]
	for _, query := range registrationQueries() {
		known, err := m.report(ctx, query)
		if err != nil {
			return err
		}
		if known {
			m.domains = append(m.domains, query)
		}
	}
	if err := m.chooseOperator(ctx); err != nil {
		return err
	}
	if err := m.keepTime(ctx); err != nil {
		return err
	}
	return m.defineContexts(ctx)
}

// report asks for unsolicited registration lines: with causes of refusals (3), else with location (2), else bare (1), else none
// (0) and the state is asked for only. Modules without a domain refuse to read it as well.
func (m *Modem) report(ctx context.Context, query string) (known bool, err error) {
	for _, mode := range [...]string{"=3", "=2", "?", "=1", "=0"} {
		_, err := m.command(ctx, quick, query+mode)
		switch {
		case fatal(err):
			return false, err
		case mode == "?" && err != nil:
			return false, nil
		case mode == "?":
		case err == nil:
			return true, nil
		}
	}
	return true, nil
}

// setFunction sets +CFUN and reads it back. It is tried again: Quectel modules refuse +CFUN=4 with ERROR until the SIM
// was found (seen by oFono), and firmware has been seen to ignore one.
func (m *Modem) setFunction(ctx context.Context, n int, reached func(int) bool) error {
	trouble := errors.New("no answer")
	for {
		if n == 0 {
			m.wrote(1) // some modules store it (seen with Nordic's)
		}
		_, refused := m.command(ctx, cmp.Or(m.profile.Function, function), fmt.Sprintf("+CFUN=%d", n))
		if ctx.Err() == nil && fatal(refused) {
			return refused
		}
		got, err := m.readFunction(ctx)
		switch {
		case ctx.Err() == nil && fatal(err):
			return err
		case err == nil && reached(got):
			return nil
		case err == nil:
			trouble = fmt.Errorf("+CFUN=%d was sent, but +CFUN? reads back %d", n, got)
		}
		if err := m.await(ctx); err != nil {
			return fmt.Errorf("%w: %w", trouble, err)
		}
	}
}

func orElse(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readFunction reads +CFUN? back and keeps it.
func (m *Modem) readFunction(ctx context.Context) (int, error) {
	lines, err := m.command(ctx, quick, "+CFUN?")
	if err != nil {
		if ctx.Err() == nil {
			m.note(func(s *Status) { s.Radio = "unknown" })
		}
		return -1, err
	}
	f, err := reply.ParseFunction(lines, m.profile.Dialect)
	n := f.Value
	m.note(func(s *Status) {
		switch {
		case err != nil:
			s.Radio = "unknown"
		case m.profile.off(n):
			s.Radio, s.Signal, s.SignalDBm, s.Roaming = "off", nil, nil, false
		default:
			s.Radio = "on"
		}
	})
	return n, err
}

func (m *Modem) radioOn(ctx context.Context, _ func(string)) error {
	return m.setFunction(ctx, 1, func(n int) bool { return n == 1 })
}
