// Command netguard is the guard of an edge node. It only wires: what it does stands in package netd/guard.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"airlock/firmware/run"
	"airlock/netd/guard"
	"airlock/netd/windows"
)

// version is what the linker stamps with -X main.version=...; nothing else writes it.
var version string

const usage = `Usage: netguard

The guard: watches links, interlock and frames of its network namespace, and netd. Where they
contradict each other it takes every link down and latches a fault: never start it on a machine
whose network you need. It can open nothing. Normally started by systemd; ask netd with airlock.
`

// Where a latched fault is kept: until the next start, and over a power cut.
const (
	keptInRun  = "/run/netguard"
	keptOnData = "/data/netguard"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags := flag.NewFlagSet("netguard", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(os.Stderr, "netguard: takes no arguments; see netguard --help")
		os.Exit(2)
	}
	if err := watch(context.Background(), log); err != nil {
		log.Error("netguard ends", "error", err)
		os.Exit(1)
	}
}

// watch runs the guard until a signal comes.
func watch(ctx context.Context, log *slog.Logger) error {
	log.Info("netguard starts", "version", run.Version(version))
	notify, watchdog, err := run.Systemd()
	if err != nil {
		return err
	}
	g := guard.New(guard.Config{
		Keeper: windows.NewGuardClient(windows.GuardSocket), Folders: []string{keptInRun, keptOnData}, Log: log,
	})
	return run.All(ctx, run.Options{Log: log, Notify: notify, Watchdog: watchdog, Status: status(g)},
		run.Signals(syscall.SIGTERM, syscall.SIGINT),
		run.Func("guard", g.Run, g.Ready(), g.Healthy))
}

// status is the line of `systemctl status`.
func status(g *guard.Guard) func() string {
	return func() string {
		if f := g.Fault(); f != nil {
			return "FAULT: " + f.Rule + ": " + f.Why
		}
		return "watching"
	}
}
