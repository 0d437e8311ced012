package modem

import (
	"context"
	"fmt"
	"strings"
	"time"

	"airlock/drivers/modem/reply"
)

// register waits for a network.
func (m *Modem) register(ctx context.Context, say func(string)) error {
	if err := m.insistOperator(ctx, say); err != nil {
		return err
	}
	var denied time.Time
	var explained *refusal
	for {
		r, refused, err := m.readRegistration(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		refused = refused.as(explained)
		switch {
		case r.Registered():
			return m.describe(ctx, r, say)
		case refused == nil:
			denied, explained = time.Time{}, nil
		case denied.IsZero():
			denied = time.Now()
			if err := m.explain(ctx, refused); err != nil {
				return err
			}
			explained = refused
			say("the network refused the SIM" + refused.words() + "; trying others")
		case time.Since(denied) >= m.cfg.Times.Denied:
			return refused.fault()
		}
		if err := m.await(ctx); err != nil {
			if refused != nil && ctx.Err() != nil {
				return refused.fault()
			}
			return err
		}
	}
}

// readRegistration asks every domain. Data needs a packet domain, so +CREG counts only where the module
// knows no other. refused is what a domain that answers "denied" says, nil when none does.
func (m *Modem) readRegistration(ctx context.Context) (best reply.Registration, refused *refusal, err error) {
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
			refused = refused.worse(refusalOf(r))
			if r.Registered() && (query != "+CREG" || len(m.domains) == 1) {
				best = r
			}
		}
	}
	m.note(func(s *Status) {
		s.Registered, s.Roaming = best.Registered(), roams(best)
		if s.Registered {
			s.Reject = ""
		}
	})
	return best, refused, nil
}

// roams: states 5, 7 and 10 (§7.2).
func roams(r reply.Registration) bool {
	return r.Stat != nil && (*r.Stat == 5 || *r.Stat == 7 || *r.Stat == 10)
}

// describe reads what a person wants to know; none of it is needed to go on.
func (m *Modem) describe(ctx context.Context, r reply.Registration, say func(string)) error {
	access, name := r.Access.String(), ""
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
	m.note(func(s *Status) { s.Operator, s.Access = name, access })
	if err := m.readSignal(ctx); err != nil {
		return err
	}
	if err := m.readClock(ctx); err != nil {
		return err
	}
	say("registered with " + describeNetwork(name, access, m.Status()))
	return nil
}

func describeNetwork(name, access string, s Status) string {
	if name == "" {
		name = "an operator without a name"
	}
	if access != "" {
		name += ", " + access
	}
	if s.Roaming {
		name += ", roaming"
	}
	switch {
	case s.Signal != nil && s.Signal.RSRP != nil:
		name += fmt.Sprintf(", RSRP %.0f dBm", *s.Signal.RSRP)
	case s.SignalDBm != nil:
		name += fmt.Sprintf(", %d dBm", *s.SignalDBm)
	}
	return strings.TrimSpace(name)
}
