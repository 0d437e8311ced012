package modem

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"airlock/drivers/modem/reply"
)

// Deadlines of the operator commands, which search the air (ModemManager's).
const (
	scanTime   = 315 * time.Second
	selectTime = 120 * time.Second
)

// automatic and manual are <mode> of +COPS (27.007 §7.3).
const (
	automatic = 0
	manual    = 1
)

// chooseOperator sets the operator that the configuration names, or leaves the choice to the module, before the radio is on:
// the mode is stored, and a module that somebody has left with an operator of another place, or deregistered (2), never
// registers. Some modules take the setting with the radio on only; register then insists.
func (m *Modem) chooseOperator(ctx context.Context) error {
	if err := checkPLMN(m.cfg.Operator); err != nil {
		return err
	}
	chosen, err := m.hasOperator(ctx, m.cfg.Operator)
	if err != nil || chosen {
		return err
	}
	if err := m.setOperator(ctx, quick, m.cfg.Operator); fatal(err) {
		return err
	}
	return nil
}

// insistOperator sets the operator with the radio on, unless that is done.
func (m *Modem) insistOperator(ctx context.Context, say func(string)) error {
	chosen, err := m.hasOperator(ctx, m.cfg.Operator)
	if err != nil || chosen {
		return err
	}
	if m.cfg.Operator != "" {
		say("choosing the operator " + m.cfg.Operator)
	}
	return m.setOperator(ctx, selectTime, m.cfg.Operator)
}

// hasOperator reads whether the module's choice is as wanted. A module that does not tell is taken as one that has its
// own choice, and is only overruled for an operator. Many tell a chosen operator while they are registered only: then
// what this session has set last counts, so that it is written once and not in each window.
func (m *Modem) hasOperator(ctx context.Context, plmn string) (bool, error) {
	if plmn != "" {
		if _, err := m.command(ctx, operator, "+COPS=3,2"); fatal(err) {
			return false, err
		}
	}
	lines, err := m.command(ctx, operator, "+COPS?")
	if fatal(err) {
		return false, err
	}
	o, err := reply.ParseOperator(lines)
	if plmn == "" {
		return err != nil || o.Mode == automatic, nil
	}
	return err == nil && o.Mode == manual && (o.Name == plmn || o.Name == "" && m.chosen == plmn), nil
}

// setOperator writes the choice: an operator by its number, or none.
func (m *Modem) setOperator(ctx context.Context, within time.Duration, plmn string) error {
	command := "+COPS=0"
	if plmn != "" {
		command = fmt.Sprintf(`+COPS=1,2,"%s"`, plmn)
	}
	m.wrote(1)
	_, err := m.command(ctx, within, command)
	switch {
	case err == nil:
		m.chosen = plmn
		return nil
	case fatal(err):
		return err
	case plmn == "":
		return fault(NoNetwork, err, "the modem does not go back to choosing its operator by itself: switch the appliance off and on")
	}
	return lasting(NoNetwork, err, "the modem cannot register with the operator %s here: choose one that a scan finds, or none", plmn)
}

func checkPLMN(plmn string) error {
	if plmn == "" || (len(plmn) == 5 || len(plmn) == 6) && strings.Trim(plmn, "0123456789") == "" {
		return nil
	}
	return lasting(NoNetwork, nil, "the operator %q is no number of five or six digits, such as 26201: correct it", plmn)
}

// Scan lists the operators around, which takes minutes. It switches the radio on, and leaves it so: Down switches it off.
func (m *Modem) Scan(ctx context.Context, say func(string)) (found []reply.Network, err error) {
	err = m.attend(ctx, say, func(say func(string)) error {
		if err := m.raise(ctx, phaseRadio, say); err != nil {
			return err
		}
		say("listening for operators, which takes up to five minutes")
		read, err := m.ask(ctx, scanTime, "+COPS=?")
		if err != nil {
			return asked(ctx, err, "the modem gives no list of operators: try again in a minute")
		}
		scan, _ := read.(reply.Scan)
		found = scan.Networks
		return nil
	})
	return found, err
}

// Select registers with one operator by its number, or with an empty one lets the module choose. It holds until the next
// window, which does as the configuration says.
func (m *Modem) Select(ctx context.Context, plmn string, say func(string)) error {
	return m.attend(ctx, say, func(say func(string)) error {
		if err := checkPLMN(plmn); err != nil {
			return err
		}
		if err := m.raise(ctx, phaseRadio, say); err != nil {
			return err
		}
		say("registering, which takes up to two minutes")
		if err := m.setOperator(ctx, selectTime, plmn); err != nil {
			return asked(ctx, err, "the modem does not answer to the choice of an operator: try again")
		}
		return m.settleRegistration(ctx, plmn, say)
	})
}

// settleRegistration waits for the chosen operator.
func (m *Modem) settleRegistration(ctx context.Context, plmn string, say func(string)) error {
	limit, cancel := context.WithTimeout(ctx, m.cfg.Times.Register)
	defer cancel()
	for {
		r, refused, err := m.readRegistration(limit)
		switch {
		case fatal(err) && limit.Err() == nil:
			return err
		case r.Registered():
			return m.describe(ctx, r, say)
		case m.await(limit) == nil:
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case refused != nil:
			return errors.Join(m.explain(ctx, refused), refused.fault())
		}
		return fault(NoNetwork, nil, "no registration with the operator %s in time: choose another", plmn)
	}
}
