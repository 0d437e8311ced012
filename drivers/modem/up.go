package modem

import (
	"context"
	"errors"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem/reply"
)

// phase is one stretch of the way up.
type phase struct {
	say    string
	within time.Duration
	run    func(ctx context.Context, say func(string)) error
	// late makes the error for a phase whose time ran out, from what went wrong last.
	kind Kind
	late string
}

func (m *Modem) phases() []phase {
	t := m.cfg.Times
	return []phase{
		{"looking for the modem", t.Find, m.find, NoModem,
			"no cellular modem answers: check that it is plugged in and powered"},
		{"identifying the modem", t.Setup, m.identify, NoModem,
			"the modem stopped answering: unplug it, or switch the appliance off and on"},
		{"waiting for the SIM", t.SIM, m.waitSIM, NoSIM,
			"the SIM does not become ready: take it out, check it in a phone, and put it back"},
		{"configuring with the radio off", t.Setup, m.configure, NoModem,
			"the modem does not take its configuration: switch the appliance off and on"},
		{"switching the radio on", t.Setup, m.radioOn, NoModem,
			"the modem does not switch its radio on: switch the appliance off and on"},
		{"registering with the network", t.Register, m.register, NoNetwork,
			"no network accepted the modem in time: check the antenna, the coverage, and that the SIM's contract is active"},
		{"starting data", t.Data, m.startData, NoNetwork,
			"the network gives no data connection: check the APN and the SIM's contract"},
	}
}

// up runs the phases.
func (m *Modem) up(ctx context.Context, say func(string)) error {
	for _, p := range m.phases() {
		say(p.say)
		if err := m.runPhase(ctx, p, say); err != nil {
			return err
		}
	}
	return nil
}

func (m *Modem) runPhase(ctx context.Context, p phase, say func(string)) error {
	limit, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	err := p.run(limit, say)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !isFault(err) {
		return ctx.Err()
	}
	switch {
	case isFault(err):
		return err
	case errors.Is(err, at.ErrClosed):
		return fault(NoModem, err, "the modem vanished while %s: check its plug and its power supply", p.say)
	case errors.Is(err, at.ErrNoAnswer):
		return fault(NoModem, err, "the modem stopped answering while %s: switch the appliance off and on", p.say)
	}
	return fault(p.kind, err, "%s", p.late)
}

func isFault(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// find opens the port; a module that is booting or being enumerated is waited for.
func (m *Modem) find(ctx context.Context, _ func(string)) error {
	for {
		err := m.ensurePort(ctx)
		if err == nil {
			return nil
		}
		if pause(ctx, m.cfg.Times.Poll) != nil {
			return err
		}
	}
}

// pause waits where no port exists that could wake us.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// identify sets the dialogue up and learns who the module is.
func (m *Modem) identify(ctx context.Context, say func(string)) error {
	if err := m.dialogue(ctx); err != nil {
		return err
	}
	var answers [4]string
	for i, cmd := range [...]string{"+CGMI", "+CGMM", "+CGMR", "+CGSN"} {
		lines, err := m.command(ctx, quick, cmd)
		if err != nil && !fatal(err) { // late, or refused while it boots: the wrong profile would be taken for all that follows
			lines, err = m.command(ctx, quick, cmd)
		}
		if fatal(err) {
			return err
		}
		answers[i] = reply.ParseIdentity(lines, cmd)
	}
	m.profile, m.identified = ProfileOf(answers[0], answers[1]), true
	m.note(func(s *Status) {
		s.Manufacturer, s.Model, s.Firmware, s.Profile = answers[0], answers[1], answers[2], m.profile.Name
		if s.IMEI = ""; reply.IsIMEI(answers[3]) {
			s.IMEI = answers[3]
		}
	})
	say(answers[0] + " " + answers[1] + ", " + m.profile.String())
	return nil
}

// dialogue: no echo, words instead of numbers as results, numbers as causes of errors.
func (m *Modem) dialogue(ctx context.Context) error {
	for _, cmd := range [...]string{"E0", "V1", "+CMEE=1"} {
		if _, err := m.command(ctx, quick, cmd); fatal(err) {
			return err
		}
	}
	return nil
}

// fatal: the module is gone or silent, or nobody wants the answer any more; as opposed to one command that was
// refused or took too long.
func fatal(err error) bool {
	if _, late := errors.AsType[*at.TimeoutError](err); late {
		return false
	}
	return errors.Is(err, at.ErrClosed) || errors.Is(err, at.ErrNoAnswer) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded)
}
