package at

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrClosed says that the port was closed or that the device behind it vanished.
var ErrClosed = errors.New("the AT port is closed")

// ErrNoAnswer says that the port did not answer the probe: it is no AT port, it is in data mode, or
// the module hangs.
var ErrNoAnswer = errors.New("the port does not answer AT commands")

// TimeoutError says that a command got no final result in time. The next command is preceded by a
// resynchronisation, so the late answer harms nobody.
type TimeoutError struct {
	Command string        // as sent, secrets removed
	After   time.Duration // how long we waited
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("AT%s: no answer within %s", e.Command, e.After.Round(time.Millisecond))
}

// Is makes errors.Is(err, context.DeadlineExceeded) true.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// CMEError is "+CME ERROR: …": the equipment refused a command (3GPP TS 27.007 §9.2).
type CMEError struct {
	Code int    // -1 when the module answered with text that is not in the table
	Text string // the table's text for the code, or the module's own
}

func (e *CMEError) Error() string {
	if e.Code < 0 {
		return "+CME ERROR: " + e.Text
	}
	return fmt.Sprintf("+CME ERROR: %d (%s)", e.Code, e.Text)
}

// ResultError is any other final result that is no success: ERROR, NO CARRIER, BUSY, NO ANSWER, NO DIALTONE.
type ResultError struct{ Result string }

func (e *ResultError) Error() string { return e.Result }

// CodeOf returns the CME code inside err, or -1.
func CodeOf(err error) int {
	if cme, ok := errors.AsType[*CMEError](err); ok {
		return cme.Code
	}
	return -1
}

// NewCMEError reads what stands behind "+CME ERROR:": a number, or the text that +CMEE=2 gives.
func NewCMEError(rest string) *CMEError {
	rest = strings.TrimSpace(rest)
	if code, err := strconv.Atoi(rest); err == nil {
		text, ok := cmeTexts()[code]
		if !ok {
			text = "unknown code"
		}
		return &CMEError{Code: code, Text: text}
	}
	want := squash(rest)
	if code, ok := shortTexts()[want]; ok {
		return &CMEError{Code: code, Text: cmeTexts()[code]}
	}
	for code, text := range cmeTexts() {
		if squash(text) == want {
			return &CMEError{Code: code, Text: text}
		}
	}
	return &CMEError{Code: -1, Text: rest}
}

// squash keeps letters and digits, lower case: modules differ in blanks, hyphens and capitals.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

// Redact removes what must not stand in logs and errors: PINs and passwords.
func Redact(cmd string) string {
	for _, secret := range [...]string{"+CPIN=", "^CPIN=", "+CPWD=", "+CLCK=", "+CSIM=", "+CGAUTH=", "+QICSGP=", "^AUTHDATA=", "+MGAUTH=", "+UAUTHREQ=",
		"+XGAUTH=", "#PDPAUTH=", "$QCPDPP=", "^NDISDUP=", "+EIAAPN="} {
		if i := strings.Index(strings.ToUpper(cmd), secret); i >= 0 {
			return cmd[:i+len(secret)] + "…"
		}
	}
	return cmd
}
