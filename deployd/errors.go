package deployd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"airlock/deployd/api"
	"airlock/deployd/durable"
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
	case durable.IsFull(err):
		e.Code, e.Text = api.CodeDiskFull, "the data partition is full: "+e.Text
	case errors.Is(err, fetch.ErrNothing):
		e.Code = api.CodeNothing
	case isNetwork(err):
		e.Code = api.CodeNoAnswer
	}
	return e
}

// isNetwork says whether an error came from a connection. net.Error is no help: errors of files are such too.
func isNetwork(err error) bool {
	var (
		request *url.Error
		op      *net.OpError
	)
	return errors.As(err, &request) || errors.As(err, &op) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fetch.ErrAnswer)
}

// problem makes an *api.Error.
func problem(code, format string, args ...any) *api.Error {
	return &api.Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
