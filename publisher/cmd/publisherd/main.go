// Command publisherd is the server side of Airlock: git host, builder, gate, TUF repository, hub and
// the operator's API in one process (`publisherd serve`), and the operator's command line, which
// asks a running server over HTTP. It reaches into no site and holds no credential of any target.
//
// This package only wires the rooms of package publisher together and prints what they answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"airlock/publisher/api"
)

// version is what the linker stamps with -X main.version=...; nothing else writes it.
var version string

// Exit codes, as the help text lists them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
)

func main() { os.Exit(publisherd()) }

func publisherd() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintf(stderr, "publisherd: %v\n", err)
	}
	return exitCode(err)
}

// errSaid ends a command whose failure has been shown already.
var errSaid = errors.New("failed")

// usageError is a mistake on the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func exitCode(err error) int {
	var usage usageError
	var refused *api.Problem
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.As(err, &refused) && refused.Status < 500:
		return exitRefused
	}
	return exitFailed
}

// buildVersion is the stamped version, or what the toolchain knows of the build.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
