package deployd

import (
	"errors"
	"fmt"

	"airlock/deployd/api"
	"airlock/deployd/fetch"
	"airlock/deployd/store"
	"airlock/netd/windows"
)

// told makes an *api.Error of any error of a job, with the code by which the CLI tells them apart.
// What netd says is passed on as it is: it words what is wrong with the door.
func told(what string, err error) error {
	var (
		ours    *api.Error
		netd    *windows.Problem
		refused *fetch.Refused
		full    *store.Full
	)
	e := &api.Error{Code: api.CodeInternal, Text: fmt.Sprintf("%s: %v", what, err)}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &netd):
		e.Code = netd.Code
		e.Text = fmt.Sprintf("%s: %s", what, netd.Detail)
	case errors.As(err, &refused):
		e.Code = api.CodeUntrusted
		if refused.Reason == fetch.Slow {
			e.Code = api.CodeNoAnswer
		}
	case errors.As(err, &full):
		e.Code = api.CodeDiskFull
	case errors.Is(err, fetch.ErrNothing):
		e.Code = api.CodeNothing
	case isNetwork(err):
		e.Code = api.CodeNoAnswer
	}
	return e
}

// isNetwork says whether an error came from a connection.
func isNetwork(err error) bool {
	var n interface{ Timeout() bool }
	return errors.As(err, &n)
}

// problem makes an *api.Error.
func problem(code, format string, args ...any) *api.Error {
	return &api.Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
