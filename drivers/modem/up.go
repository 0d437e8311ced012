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
	if !m.window.restarted.IsZero() {
		t.Find *= 3 // it boots: 13 s for many modules, 30 s and more for some with 5G
	}
	all := []phase{
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
	}
	if m.deselected {
		all = append(all, phase{"choosing a network again", t.Setup, m.reselect, NoModem,
			"the modem does not choose a network again: switch the appliance off and on"})
	}
	return append(all,
		phase{"registering with the network", t.Register, m.register, NoNetwork,
			"no network accepted the modem in time: check the antenna, the coverage, and that the SIM's contract is active"},
		m.dataPhase(),
	)
}

// dataPhase is the last phase of the way up, which Mend runs by itself.
func (m *Modem) dataPhase() phase {
	return phase{"starting data", m.cfg.Times.Data, m.startData, NoNetwork,
		"the network gives no data connection: check the APN and the SIM's contract"}
}

// runPhases runs the phases once.
func (m *Modem) runPhases(ctx context.Context, say func(string)) error {
	for _, p := range m.phases() {
		say(p.say)
		if err := m.runPhase(ctx, p, say); err != nil {
			return err
		}
	}
	return nil
}

// enough is the least time in which a phase has a fair chance: registering from cold takes that long at times.
const enough = 45 * time.Second

// within is how long a phase may take. Where the ladder could still help against a module that is stuck, half of what
// is left belongs to the way up behind the next rung.
func (m *Modem) within(ctx context.Context, p phase) time.Duration {
	end, bounded := ctx.Deadline()
	if !bounded {
		return p.within
	}
	if next, _ := nextRung(m.progress(ctx), failStuck); next == rungGiveUp {
		return p.within
	}
	return min(p.within, max(time.Until(end)/2, enough))
}

func (m *Modem) runPhase(ctx context.Context, p phase, say func(string)) error {
	limit, cancel := context.WithTimeout(ctx, m.within(ctx, p))
	defer cancel()
	err := p.run(limit, say)
	switch {
	case err == nil, isFault(err):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil: // the caller's time is up: what the phase was about is the diagnosis
		return fault(p.kind, errors.Join(ctx.Err(), err), "%s", p.late)
	case errors.Is(err, at.ErrClosed):
		return fault(NoModem, err, "the modem vanished while %s: check its plug and its power supply", p.say)
	case errors.Is(err, at.ErrNoAnswer) && m.port != nil:
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
	m.window.restarted = time.Time{}
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
