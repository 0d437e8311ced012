package modem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	return m.defineContext(ctx)
}

// report asks for unsolicited registration lines: with location (2), else without (1).
func (m *Modem) report(ctx context.Context, query string) (known bool, err error) {
	for _, mode := range [...]string{"=2", "=1"} {
		_, err := m.command(ctx, quick, query+mode)
		if fatal(err) {
			return false, err
		}
		if err == nil {
			return true, nil
		}
	}
	return false, nil
}

// defineContext writes the APN only when the module has another: the definition lives in its flash.
func (m *Modem) defineContext(ctx context.Context) error {
	if m.cfg.APN == "" {
		return nil
	}
	lines, err := m.command(ctx, quick, "+CGDCONT?")
	if fatal(err) {
		return err
	}
	defined, _ := reply.ParseContexts(lines)
	for _, c := range defined.List {
		if c.CID == m.cfg.CID && c.Type == pdpType(m.cfg.Type) && strings.EqualFold(c.Name(), m.cfg.APN) {
			return nil
		}
	}
	if strings.ContainsAny(m.cfg.APN, "\",;\r\n") {
		return lasting(NoNetwork, nil, "the APN %q holds characters that no APN has: correct it in the configuration", m.cfg.APN)
	}
	_, err = m.command(ctx, quick, fmt.Sprintf(`+CGDCONT=%d,"%s","%s"`, m.cfg.CID, m.cfg.Type, m.cfg.APN))
	if err != nil && !fatal(err) {
		return lasting(NoNetwork, err, "the modem refuses the APN %q: correct it in the configuration", m.cfg.APN)
	}
	return err
}

// pdpType is the configured type as modules' contexts are read: "IP" and "IPV4" are one.
func pdpType(configured string) string {
	if configured == "IP" {
		return "IPV4"
	}
	return configured
}

// setFunction sets +CFUN and reads it back. It is tried again: Quectel modules refuse +CFUN=4 with ERROR until the SIM
// was found (seen by oFono), and firmware has been seen to ignore one.
func (m *Modem) setFunction(ctx context.Context, n int, reached func(int) bool) error {
	trouble := errors.New("no answer")
	for {
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
			s.Radio = "off"
		default:
			s.Radio = "on"
		}
	})
	return n, err
}

func (m *Modem) radioOn(ctx context.Context, _ func(string)) error {
	return m.setFunction(ctx, 1, func(n int) bool { return n == 1 })
}

// register waits for a network.
func (m *Modem) register(ctx context.Context, say func(string)) error {
	var denied time.Time
	for {
		r, refused, err := m.readRegistration(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		switch {
		case r.Registered():
			return m.describe(ctx, r, say)
		case !refused:
			denied = time.Time{}
		case denied.IsZero():
			denied = time.Now()
			say("the network refused the SIM; trying others")
		case time.Since(denied) >= m.cfg.Times.Denied:
			return lasting(NoNetwork, nil, "the network refuses this SIM: check that it is activated, paid for, and allowed at this place")
		}
		if err := m.await(ctx); err != nil {
			return err
		}
	}
}

// readRegistration asks every domain. Data needs a packet domain, so +CREG counts only where the module
// knows no other. refused says that a domain answers "denied".
func (m *Modem) readRegistration(ctx context.Context) (best reply.Registration, refused bool, err error) {
	for _, query := range m.domains {
		lines, err := m.command(ctx, quick, query+"?")
		if fatal(err) {
			return best, refused, err
		}
		for _, line := range lines {
			r, err := reply.ParseRegistration(line, query, true)
			if err != nil {
				continue
			}
			refused = refused || r.Denied()
			if r.Registered() && (query != "+CREG" || len(m.domains) == 1) {
				best = r
			}
		}
	}
	m.note(func(s *Status) { s.Registered = best.Registered() })
	return best, refused, nil
}

// describe reads what a person wants to know; none of it is needed to go on.
func (m *Modem) describe(ctx context.Context, r reply.Registration, say func(string)) error {
	access := r.Access.String()
	name := ""
	if _, err := m.command(ctx, operator, "+COPS=3,0"); fatal(err) {
		return err
	}
	lines, err := m.command(ctx, operator, "+COPS?")
	if fatal(err) {
		return err
	}
	if o, err := reply.ParseOperator(lines); err == nil {
		name = o.Name
		if a := o.Access.String(); a != "" {
			access = a
		}
	}
	var signal *int
	lines, err = m.command(ctx, quick, "+CSQ")
	if fatal(err) {
		return err
	}
	if s, err := reply.ParseStrength(lines); err == nil && s.RSSIdBm != nil {
		dBm := int(*s.RSSIdBm)
		signal = &dBm
	}
	m.note(func(s *Status) { s.Operator, s.Access, s.SignalDBm = name, access, signal })
	say("registered with " + describeNetwork(name, access, signal))
	return nil
}

func describeNetwork(name, access string, signal *int) string {
	if name == "" {
		name = "an operator without a name"
	}
	if access != "" {
		name += ", " + access
	}
	if signal != nil {
		name += fmt.Sprintf(", %d dBm", *signal)
	}
	return name
}
