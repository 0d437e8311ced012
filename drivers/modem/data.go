package modem

import (
	"context"
	"errors"
	"fmt"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// startData activates the context and proves it. Steps and proof are repeated until the phase's time is up: networks
// refuse now and then what they grant a second later.
func (m *Modem) startData(ctx context.Context, say func(string)) error {
	for {
		refused := m.runSteps(ctx, m.profile.DataOn)
		if fatal(refused) && ctx.Err() == nil {
			return refused
		}
		missing, err := m.proveData(ctx)
		if err == nil && missing == "" {
			m.note(func(s *Status) { s.Data = true })
			say("data is on")
			return nil
		}
		if fatal(err) && ctx.Err() == nil {
			return err
		}
		if verdict := hopeless(refused, m.cfg.APN); verdict != nil {
			return verdict
		}
		if werr := m.await(ctx); werr != nil {
			if errors.Is(werr, at.ErrClosed) {
				return werr
			}
			return orElse(refused, err, fmt.Errorf("%s: %w", missing, werr))
		}
	}
}

// mend takes the module from data that carries nothing to data.
func (m *Modem) mend(ctx context.Context, say func(string)) error {
	if m.port == nil || !m.identified {
		return fault(NoModem, nil, "the modem has to be brought up before its data can be mended")
	}
	end := phase{"starting data anew", m.cfg.Times.Data, m.endData, NoModem, "the modem stopped answering: switch the appliance off and on"}
	say(end.say)
	if err := m.runPhase(ctx, end, say); err != nil {
		return err
	}
	for _, p := range m.phases() {
		if p.kind == NoNetwork && p.say == "starting data" {
			return m.runPhase(ctx, p, say)
		}
	}
	return nil
}

// endData runs the steps that end the data context; that one is refused is no failure.
func (m *Modem) endData(ctx context.Context, _ func(string)) error {
	if err := m.runSteps(ctx, m.profile.DataOff); fatal(err) {
		return err
	}
	return nil
}

// runSteps runs the steps of a profile and returns the first refusal; later steps run all the same,
// because a module refuses to activate what is active.
func (m *Modem) runSteps(ctx context.Context, steps []Step) error {
	var refused error
	for _, step := range steps {
		_, err := m.command(ctx, step.Within, fill(step.Command, m.cfg.CID))
		if errors.Is(err, at.ErrClosed) || errors.Is(err, at.ErrNoAnswer) {
			return err
		}
		if err != nil && !step.Optional && refused == nil {
			refused = err
		}
	}
	return refused
}

// proveData reads back that packets can flow; missing says what is not so.
func (m *Modem) proveData(ctx context.Context) (missing string, err error) {
	lines, err := m.command(ctx, quick, "+CGACT?")
	if err != nil {
		return "", err
	}
	active, err := reply.ParseActivity(lines, "+CGACT")
	if err != nil {
		return "", err
	}
	if !active.Has(m.cfg.CID) {
		return fmt.Sprintf("context %d is not active", m.cfg.CID), nil
	}
	if bound := m.profile.Bound; bound != nil {
		lines, err := m.command(ctx, quick, fill(bound.Command, m.cfg.CID))
		if err != nil {
			return "", err
		}
		if ok, err := bound.Read(lines, m.cfg.CID); err != nil || !ok {
			return "the network interface is not tied to the context", err
		}
	}
	lines, err = m.command(ctx, quick, fmt.Sprintf("+CGPADDR=%d", m.cfg.CID))
	if err != nil {
		return "", err
	}
	addresses, err := reply.ParseAddresses(lines)
	addr, ok := addresses.Of(m.cfg.CID)
	if err != nil || !ok {
		return "the network gave no address", nil
	}
	m.note(func(s *Status) { s.Address = addr.String() })
	return "", nil
}

// hopeless: causes that another try does not change (27.007 §9.2.2; 3GPP TS 24.301 names them in annex B).
func hopeless(err error, apn string) error {
	switch at.CodeOf(err) {
	case 127, 133:
		return fault(NoNetwork, err, "the network does not know the APN %q for this SIM: ask the SIM's provider which APN to configure", apn)
	case 129, 149:
		return fault(NoNetwork, err, "the network refuses the user name or password of the APN %q: correct them in the configuration", apn)
	case 177:
		return fault(NoNetwork, err, "the operator has barred data on this SIM: check its contract")
	}
	return nil
}
