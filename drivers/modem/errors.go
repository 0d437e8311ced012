package modem

import (
	"errors"
	"fmt"
)

// ErrNotPresent says that no module is there: no USB serial port, so nothing that could transmit over it.
var ErrNotPresent = errors.New("no cellular module is present")

// Kind sorts errors by what a person has to look at.
type Kind string

// Kinds of errors.
const (
	NoModem   Kind = "no-modem"   // nothing there, or nothing that answers
	NoSIM     Kind = "no-sim"     // missing, locked, or broken
	NoNetwork Kind = "no-network" // not registered, refused, or no data
	RadioOn   Kind = "radio-on"   // the radio could not be proven off
)

// Error is what a person sees: what is wrong, and what to do.
type Error struct {
	Kind   Kind
	Detail string
	Cause  error // may be nil
	// Final: another try changes nothing before a person has changed something: the card, its contract, the
	// configuration.
	Final bool
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Detail
	}
	return fmt.Sprintf("%s (%v)", e.Detail, e.Cause)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

func fault(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

// lasting is a fault that another try does not cure.
func lasting(kind Kind, cause error, format string, args ...any) *Error {
	e := fault(kind, cause, format, args...)
	e.Final = true
	return e
}
