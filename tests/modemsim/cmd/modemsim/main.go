// Command modemsim runs a simulated cellular module for other programs. modemsim --help tells how.
//
// Its changes of state, and each fault that strikes, go to standard output as one JSON object a line: at, what and, with
// faults, detail. What the host may not know (a wrong option) goes to standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"airlock/tests/modemsim"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // the line cannot be served
	exitUsage  = 2 // the command line or the fault script is wrong
)

// errUsage marks mistakes of the caller.
var errUsage = errors.New("see modemsim --help")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program with its streams; it returns the exit code.
func run(ctx context.Context, args []string, out, complaints io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, help())
		return exitDone
	case err == nil && o.list:
		list(out)
		return exitDone
	case err == nil:
		err = serve(ctx, o, out)
	}
	switch {
	case err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitDone
	case errors.Is(err, errUsage):
		fmt.Fprintln(complaints, "modemsim:", err)
		return exitUsage
	}
	fmt.Fprintln(complaints, "modemsim:", err)
	return exitFailed
}

// serve runs the module until the context ends.
func serve(ctx context.Context, o options, out io.Writer) error {
	lines := json.NewEncoder(out)
	o.cfg.OnState = func(c modemsim.StateChange) { _ = lines.Encode(c) } // who closed our output does not stop the module
	sim := modemsim.New(o.cfg)
	if o.powered {
		if err := sim.PowerOn(ctx); err != nil {
			return err
		}
	}
	if o.pty != "" {
		return servePTY(ctx, sim, o.pty)
	}
	return serveSocket(ctx, sim, o.listen)
}

// list prints the modules, one a line.
func list(out io.Writer) {
	for _, p := range modemsim.Personalities() {
		note := ""
		if p.Unverified {
			note = "  (data commands unverified on a real module)"
		}
		usb := p.USB
		if usb == "" {
			usb = "-"
		}
		fmt.Fprintf(out, "%-16s %-9s  %s %s%s\n", p.Name, usb, p.Manufacturer, p.Model, note)
	}
}
