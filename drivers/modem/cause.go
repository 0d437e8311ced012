package modem

import (
	"context"
	"fmt"

	"airlock/drivers/modem/reply"
)

// refusal is what a network says with "registration denied".
type refusal struct {
	domain string
	cause  *reply.Cause // nil: the module does not tell
	said   string       // the module's own, from +CEER
}

// refusalOf is nil for a registration that is not denied.
func refusalOf(r reply.Registration) *refusal {
	if !r.Denied() {
		return nil
	}
	f := &refusal{domain: r.Domain}
	// <cause_type> 1 is the operator's own list, of which nothing is known.
	if r.Cause != nil && *r.Cause != 0 && (r.CauseType == nil || *r.CauseType == 0) {
		c := reply.CauseOf(*r.Cause)
		f.cause = &c
	}
	return f
}

// worse keeps the one that says more: a cause before none, a final one before another.
func (f *refusal) worse(other *refusal) *refusal {
	switch {
	case f == nil, other != nil && f.cause == nil && other.cause != nil,
		other != nil && other.cause != nil && other.cause.Final && !f.cause.Final:
		return other
	}
	return f
}

// as gives a refusal that is told again without a cause the one that was found out before.
func (f *refusal) as(explained *refusal) *refusal {
	if f != nil && f.cause == nil && explained != nil {
		return explained
	}
	return f
}

// explain asks why, of a module that names no cause by itself, and keeps the answer for the status.
func (m *Modem) explain(ctx context.Context, f *refusal) error {
	if f.cause == nil {
		read, err := m.ask(ctx, quick, "+CEER")
		if fatal(err) {
			return err
		}
		if ended, ok := read.(reply.Ended); ok {
			f.learn(ended)
		}
	}
	m.note(func(s *Status) { s.Reject = f.reject() })
	return nil
}

// learn takes over what +CEER says, of which 27.007 leaves the words to the module.
func (f *refusal) learn(e reply.Ended) {
	if cause, ok := e.Cause(); ok {
		f.cause = &cause
		return
	}
	f.said = e.Reason
}

// reject is the refusal for the status.
func (f *refusal) reject() string {
	switch {
	case f.cause != nil:
		return fmt.Sprintf("%s (%s cause %d)", f.cause.Text, f.domain, f.cause.Code)
	case f.said != "":
		return "denied: " + f.said
	}
	return "denied, without a cause"
}

// words are the refusal within a sentence; empty when no cause is known.
func (f *refusal) words() string {
	if f.cause == nil && f.said == "" {
		return ""
	}
	return ": " + f.reject()
}

// fault is the refusal for a person.
func (f *refusal) fault() *Error {
	e := fault(NoNetwork, nil, "the network refuses this SIM%s: %s", f.words(), f.remedy())
	e.Final = f.cause != nil && final(f.cause.Code)
	return e
}

// remedy is what to do about a cause (24.301 annex A says what each means).
func (f *refusal) remedy() string {
	if f.cause == nil {
		return "check that it is activated, paid for, and allowed at this place"
	}
	switch f.cause.Code {
	case 2, 3, 8:
		return "have its provider check that it is activated and not blocked, or use another SIM"
	case 5, 6:
		return "have its provider check whether this module's IMEI is barred"
	case 7, 14, 33, 35:
		return "have its provider check that the contract includes data at this place"
	case 11, 13, 73, 75, 78:
		return "choose another operator, or have its provider allow roaming with this one"
	case 12, 15:
		return "the place is not allowed: try another operator, or ask its provider"
	case 16, 17, 22, 42:
		return "the network has a trouble of its own: try again later"
	}
	return "check that it is activated, paid for, and allowed at this place"
}

// final reports whether a cause of TS 24.301 §9.9.3.9 means that the same card will be refused again at this place:
// whoever retries annoys the network and gains nothing.
func final(cause int) bool { return reply.CauseOf(cause).Final }
