package publisher

import (
	"errors"
	"fmt"
	"syscall"
)

// Code classes an error for programs; the API maps it to an HTTP status, the CLI to an exit code.
type Code string

// Codes of errors.
const (
	CodeInvalid     Code = "invalid"     // what was asked is malformed
	CodeNotFound    Code = "not-found"   // no such project, node, build or release
	CodeConflict    Code = "conflict"    // it exists already, or was used already
	CodeForbidden   Code = "forbidden"   // the asker may not
	CodeDiskFull    Code = "disk-full"   // nothing could be written
	CodeUnavailable Code = "unavailable" // the server is stopping or lacks what it needs
	CodeInternal    Code = "internal"
)

// Error is an error meant for a person: Detail says what was wrong, where, and what to do.
type Error struct {
	Code   Code
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return e.Detail }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of the first Error in err's chain. A full disk is recognised wherever it was
// met; everything else that has no code is CodeInternal.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return CodeDiskFull
	}
	return CodeInternal
}

// ErrStopped says that a command was ended because the server stops; the build is taken up again
// by the next start.
var ErrStopped = errors.New("stopped with the server")
