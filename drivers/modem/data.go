package modem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// startData makes packets flow by the way that the configuration and the module leave.
func (m *Modem) startData(ctx context.Context, say func(string)) error {
	if err := m.hangUp(ctx); err != nil {
		return err
	}
	if err := m.narrow(ctx); err != nil {
		return err
	}
	switch m.bearer() {
	case ByPPP:
		return m.startCall(ctx, say)
	case ByInterface:
		return m.startInterface(ctx, say)
	}
	err := m.tryInterface(ctx, say)
	if err == nil || !errors.Is(err, errUntied) || ctx.Err() != nil {
		return err
	}
	say("the module's network interface gets no data")
	return m.startCall(ctx, say)
}

// errUntied: the network has given a context, and the module does not tie its interface to it.
var errUntied = errors.New("the network interface is not tied to the context")

// tryInterface leaves half of the time to the call that may have to follow. Where it is the network that grants nothing, a
// call would wait for the same, and the interface gets all of the time.
func (m *Modem) tryInterface(ctx context.Context, say func(string)) error {
	end, bounded := ctx.Deadline()
	if !bounded {
		return m.startInterface(ctx, say)
	}
	half, cancel := context.WithTimeout(ctx, time.Until(end)/2)
	defer cancel()
	err := m.startInterface(half, say)
	if err == nil || errors.Is(err, errUntied) || half.Err() == nil || ctx.Err() != nil {
		return err
	}
	return m.startInterface(ctx, say)
}

// startInterface activates the context, ties the network interface to it, and proves both. Steps and proof are repeated
// until the phase's time is up: networks refuse now and then what they grant a second later.
func (m *Modem) startInterface(ctx context.Context, say func(string)) error {
	var missing error // as last seen
	for {
		refused := m.runSteps(ctx, m.profile.DataOn)
		if fatal(refused) && ctx.Err() == nil {
			return refused
		}
		now, err := m.proveData(ctx)
		if err == nil && now == nil {
			return m.dataOn(ctx, say)
		}
		missing = orElse(now, missing)
		if fatal(err) && ctx.Err() == nil {
			return err
		}
		if verdict := hopeless(refused, m.apn); verdict != nil {
			return verdict
		}
		if werr := m.await(ctx); werr != nil {
			if errors.Is(werr, at.ErrClosed) {
				return werr
			}
			if errors.Is(missing, errUntied) {
				return errors.Join(missing, refused, werr)
			}
			return orElse(refused, err, errors.Join(missing, werr))
		}
	}
}

// dataOn keeps what the window needs to know of data that flow.
func (m *Modem) dataOn(ctx context.Context, say func(string)) error {
	path, err := m.readPath(ctx)
	if err != nil {
		return err
	}
	m.setPath(path)
	m.note(func(s *Status) { s.Data = true })
	say("data is on")
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
func (m *Modem) proveData(ctx context.Context) (missing, err error) {
	lines, err := m.command(ctx, quick, "+CGACT?")
	if err != nil {
		return nil, err
	}
	active, err := reply.ParseActivity(lines, "+CGACT")
	if err != nil {
		return nil, err
	}
	if !active.Has(m.cfg.CID) {
		return fmt.Errorf("context %d is not active", m.cfg.CID), nil
	}
	if bound := m.profile.Bound; bound != nil {
		lines, err := m.command(ctx, quick, fill(bound.Command, m.cfg.CID))
		if err != nil {
			return nil, err
		}
		if ok, err := bound.Read(lines, m.cfg.CID); err != nil || !ok {
			return errUntied, err
		}
	}
	lines, err = m.command(ctx, quick, fmt.Sprintf("+CGPADDR=%d", m.cfg.CID))
	if err != nil {
		return nil, err
	}
	addresses, err := reply.ParseAddresses(lines)
	addr, ok := addresses.Of(m.cfg.CID)
	if err != nil || !ok {
		return errors.New("the network gave no address"), nil
	}
	m.note(func(s *Status) { s.Address = addr.String() })
	return nil, nil
}

// hopeless: causes that another try does not change (27.007 §9.2.2; 3GPP TS 24.301 names them in annex B).
func hopeless(err error, apn string) error {
	switch at.CodeOf(err) {
	case 127, 133:
		return lasting(NoNetwork, err, "the network does not know the APN %q for this SIM: ask the SIM's provider which APN to configure", apn)
	case 129, 149:
		return lasting(NoNetwork, err, "the network refuses the user name or password of the APN %q: correct them in the configuration", apn)
	case 177:
		return lasting(NoNetwork, err, "the operator has barred data on this SIM: check its contract")
	}
	return nil
}
