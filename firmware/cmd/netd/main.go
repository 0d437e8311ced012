// Command netd is the doorkeeper of an edge node. It only wires: what it does stands in package netd, and
// how the hardware is fitted to it in firmware/hardware.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"airlock/firmware/config"
	"airlock/firmware/hardware"
	"airlock/firmware/journal"
	"airlock/firmware/run"
	"airlock/netd"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// version is what the linker stamps with -X main.version=...; nothing else writes it.
var version string

const usage = `Usage: netd [--config FILE]

The doorkeeper: opens one door of the airlock at a time, on request, and closes it again. At its
start it lowers both, and every network interface of its namespace with them: never start it on
a machine whose network you need. Normally started by systemd; ask it with airlock.

  --config FILE   node.yaml to use in place of the installed one
`

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags := flag.NewFlagSet("netd", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	file := flags.String("config", "", "")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(os.Stderr, "netd: takes no arguments but its flags; see netd --help")
		os.Exit(2)
	}
	if err := doorkeeper(context.Background(), *file, log); err != nil {
		log.Error("netd ends", "error", err)
		os.Exit(1)
	}
}

// doorkeeper runs netd until a signal comes, and then lowers both doors.
func doorkeeper(ctx context.Context, file string, log *slog.Logger) error {
	node, notice, err := config.Choose(file)
	if err != nil {
		return err
	}
	log.Info("netd starts", "version", run.Version(version), "state", node.State.Netd)
	if notice != "" {
		log.Error("configuration", "notice", notice)
	}
	notify, watchdog, err := run.Systemd()
	if err != nil {
		return err
	}
	modem := hardware.NewModem(node.Modem, log)
	defer modem.Close()
	told := journal.New(log)
	keeper, err := newKeeper(node, modem, told, log)
	if err != nil {
		return err
	}
	listener, err := run.Listen(ctx, node.Sockets.Netd, node.Sockets.Group, log)
	if err != nil {
		return err
	}
	kept := make(chan struct{}) // closed when both doors are down for good; until then the socket answers
	keep := func(ctx context.Context) error { defer close(kept); return keeper.Run(ctx) }
	serve := func(ctx context.Context) error {
		return windows.NewServer(keeper, log).Serve(run.Until(ctx, kept), listener)
	}
	tell := func(ctx context.Context) error { return told.Run(run.Until(ctx, kept)) }
	watch := func(ctx context.Context) error { return hardware.Watch(ctx, log, keeper.Doubt) }
	return run.All(ctx, run.Options{Log: log, Notify: notify, Watchdog: watchdog, Status: status(keeper)},
		run.Signals(syscall.SIGTERM, syscall.SIGINT),
		run.Func("doorkeeper", keep, keeper.Ready(), keeper.Healthy),
		run.Func("socket", serve, nil, nil),
		run.Func("journal", tell, nil, nil),
		run.Func("hardware watcher", watch, nil, nil))
}

// newKeeper hands the hardware to a keeper, whose site the inner link asks for in turn.
func newKeeper(node config.Node, modem *hardware.Modem, told *journal.Journal, log *slog.Logger) (keeper *netd.Keeper, err error) {
	outer := hardware.NewOuter(node.Modem, log)
	inner := hardware.NewInner(outer, func() *windows.Site { return keeper.Site() }, log)
	keeper, err = netd.New(netd.Config{
		Modem: modem, Outer: outer, Inner: inner, Interlock: hardware.NewGate(), Tunnel: tunnel.NewNode(log),
		StateDir: node.State.Netd, Log: log, Tap: hardware.NewTap(netd.SystemClock{}), Told: told.Tell,
		Interfaces: func() []windows.Interface { return hardware.Interfaces(outer, inner, log) },
	})
	return keeper, err
}

// status is the line of `systemctl status`.
func status(keeper *netd.Keeper) func() string {
	return func() string {
		s := keeper.Status()
		text := fmt.Sprintf("%s; outer %s, inner %s", s.Machine, s.Outer.State, s.Inner.State)
		if s.Fault != "" {
			text += "; FAULT: " + s.Fault
		}
		return text
	}
}
