package cli

import (
	"context"
	"errors"
	"io/fs"
	"net"

	"airlock/deployd/api"
	"airlock/firmware/config"
	"airlock/netd/windows"
)

// usageError is a command line, or what was given with it, that cannot be meant.
type usageError struct{ err error }

// Error is the sentence for the person.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *usageError) Unwrap() error { return e.err }

// classify gives the exit code and the code word of an error.
func classify(err error) (exit int, word string) {
	var (
		usage   *usageError
		file    *config.FileError
		problem *windows.Problem
		refusal *api.Error
	)
	switch {
	case err == nil:
		return ExitOK, ""
	case errors.As(err, &usage), errors.As(err, &file), errors.Is(err, fs.ErrNotExist) && !errors.As(err, &problem):
		return ExitUsage, windows.CodeBadRequest
	case errors.As(err, &refusal):
		return exitOf(refusal.Code), refusal.Code
	case errors.As(err, &problem):
		if unreachable(problem) {
			return ExitUnreachable, api.CodeNotRunning
		}
		return exitOf(problem.Code), problem.Code
	case errors.Is(err, context.Canceled):
		return ExitFailed, api.CodeCancelled
	}
	return ExitFailed, windows.CodeInternal
}

// exitOf sorts the codes of both daemons. What is not listed failed while it was tried.
func exitOf(code string) int {
	switch code {
	case api.CodeNothing:
		return ExitOK
	case api.CodeNotRunning:
		return ExitUnreachable
	case windows.CodeBadRequest, windows.CodeBusy, windows.CodeFault, windows.CodeNoGuard, windows.CodeLockdown, windows.CodeNotNow, windows.CodeNeedsApproval,
		windows.CodeNotEnrolled, windows.CodeNoSite,
		windows.CodeNotAllowed, windows.CodeBadToken,
		api.CodeUntrusted, api.CodeBadSite, api.CodeReverted, api.CodeEnrolled, api.CodeCancelled, api.CodeRefused:
		return ExitRefused
	}
	return ExitFailed
}

// unreachable tells a netd that does not answer at all from one that says no.
func unreachable(p *windows.Problem) bool {
	var op *net.OpError
	return errors.As(p.Cause, &op)
}

// isNothing tells "there was nothing to do" from a failure.
func isNothing(err error) bool {
	_, word := classify(err)
	return word == api.CodeNothing
}
