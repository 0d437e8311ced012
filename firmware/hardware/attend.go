package hardware

import (
	"context"
	"strings"
	"time"

	"airlock/drivers/modem/reply"
	"airlock/netd"
	"airlock/netd/windows"
)

var _ netd.Attendant = (*Modem)(nil)

// bounds are how long a question may take, all its phases together. The longest are those that search the air.
func bounds(do windows.ModuleVerb) time.Duration {
	switch do {
	case windows.Inspect:
		return 90 * time.Second
	case windows.EnterPIN, windows.Unblock, windows.UseSlot:
		return 3 * time.Minute
	case windows.Measure:
		return 5 * time.Minute
	}
	return 9 * time.Minute // a scan alone may take 315 s
}

// Attend implements netd.Attendant. The answer's status is set with an error as well.
func (m *Modem) Attend(ctx context.Context, r windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, bounds(r.Do))
	defer cancel()
	answer, err := m.ask(ctx, r, func(text string) { say(sentence(text)) })
	answer.Status = m.Status()
	return answer, problem(err)
}

// ask passes a question on.
func (m *Modem) ask(ctx context.Context, r windows.ModuleRequest, say func(string)) (answer windows.ModuleAnswer, err error) {
	switch r.Do {
	case windows.Inspect:
		err = m.driver.Inspect(ctx)
	case windows.Measure:
		err = m.driver.Measure(ctx, say)
	case windows.ScanAir:
		var found []reply.Network
		found, err = m.driver.Scan(ctx, say)
		answer.Operators = operators(found)
	case windows.Select:
		err = m.driver.Select(ctx, r.Operator, say)
	case windows.EnterPIN:
		err = m.driver.EnterPIN(ctx, r.PIN)
	case windows.Unblock:
		err = m.driver.Unblock(ctx, r.PUK, r.PIN)
	case windows.UseSlot:
		err = m.driver.UseSlot(ctx, r.Slot, say)
	case windows.RawCommand:
		answer.Lines, err = m.driver.Raw(ctx, r.Command)
	default:
		err = &windows.Problem{Code: windows.CodeBadRequest, Detail: "the modem cannot be asked for " + strings.ToValidUTF8(string(r.Do), "?")}
	}
	return answer, err
}

// operators translates what a scan found; a network that is heard in two technologies is listed for each.
func operators(found []reply.Network) (out []windows.Operator) {
	for _, n := range found {
		o := windows.Operator{PLMN: n.Code, State: strings.ToLower(n.Status), Access: n.Access.String()}
		for _, name := range []*string{n.Short, n.Long} {
			if name != nil {
				o.Name = *name
			}
		}
		out = append(out, o)
	}
	return out
}
