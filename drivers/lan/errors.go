package lan

import "fmt"

// Kind sorts errors by what a person has to look at.
type Kind string

// Kinds of errors.
const (
	NoInterface Kind = "no-interface" // none that fits is there
	Ambiguous   Kind = "ambiguous"    // several fit, and none was named
	NoCarrier   Kind = "no-carrier"   // no cable, or nothing at its other end
	NoLease     Kind = "no-lease"     // no DHCP server answered
	NotDown     Kind = "not-down"     // the interface could not be proven down
)

// Error is what a person sees: what is wrong, and what to do.
type Error struct {
	Kind   Kind
	Detail string
	Cause  error // may be nil
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
