package modem

import (
	"context"
	"errors"

	"airlock/drivers/at"
)

// errLame is what only the caller of Mend can see.
var errLame = errors.New("nothing comes back over the data connection")

// mend takes the module from data that carries nothing to data. A new binding comes first: it takes a second or two,
// and is what a module needs whose own DHCP server answers for a context that it has lost. From the second call on the
// ladder is climbed.
func (m *Modem) mend(ctx context.Context, say func(string)) error {
	if !m.window.led {
		return fault(NoModem, nil, "the modem has to be brought up before its data can be mended")
	}
	m.note(func(s *Status) { s.Data = false })
	var err error = fault(NoNetwork, errLame,
		"the modem leases an address, but carries no traffic: check the SIM's contract and data volume")
	if m.window.mends++; m.window.mends == 1 {
		if err = m.rebind(ctx, say); err == nil || errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
	}
	m.window.harder = true
	return m.climb(ctx, say, err)
}

// rebind ends the data and starts it anew.
func (m *Modem) rebind(ctx context.Context, say func(string)) error {
	say("no traffic; starting data anew")
	if m.port == nil {
		return fault(NoModem, at.ErrClosed, "the modem vanished while data was on: check its plug and its power supply")
	}
	ending := phase{"ending data", m.cfg.Times.Data, m.endData, NoModem, "the modem stopped answering: switch the appliance off and on"}
	err := m.runPhase(ctx, ending, say)
	if err == nil {
		err = m.runPhase(ctx, m.dataPhase(), say)
	}
	s := RecoveryStep{Rung: string(rungRebind), Why: errLame.Error()}
	if err != nil {
		s.Err = err.Error()
	}
	m.recovered(s)
	return err
}

// endData runs the steps that end the data context; that one is refused is no failure.
func (m *Modem) endData(ctx context.Context, _ func(string)) error {
	if err := m.runSteps(ctx, m.profile.DataOff); fatal(err) {
		return err
	}
	return nil
}
