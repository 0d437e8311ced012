// Command netd is the doorkeeper of an edge node. It only wires: what it does stands in package netd, and
// how the hardware is fitted to it in firmware/hardware.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
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
	modem := hardware.NewModem(node.Modem, node.State.Netd, log)
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
	users, ear, err := guardListener(ctx, log)
	if err != nil {
		return err
	}
	kept := make(chan struct{}) // closed when both doors are down for good; until then the socket answers
	keep := func(ctx context.Context) error { defer close(kept); return keeper.Run(ctx) }
	serve := func(ctx context.Context) error {
		server := windows.NewServer(keeper, log)
		barCourier(server, log)
		return server.Serve(run.Until(ctx, kept), listener)
	}
	hear := func(ctx context.Context) error {
		return windows.NewGuardServer(keeper, log).Serve(run.Until(ctx, kept), ear, users...)
	}
	tell := func(ctx context.Context) error { return told.Run(run.Until(ctx, kept)) }
	watch := func(ctx context.Context) error { return hardware.Watch(ctx, log, keeper.Doubt) }
	return run.All(ctx, run.Options{Log: log, Notify: notify, Watchdog: watchdog, Status: status(keeper)},
		run.Signals(syscall.SIGTERM, syscall.SIGINT),
		run.Func("doorkeeper", keep, keeper.Ready(), keeper.Healthy),
		run.Func("socket", serve, nil, nil),
		run.Func("guard's socket", hear, nil, nil),
		run.Func("journal", tell, nil, nil),
		run.Func("hardware watcher", watch, nil, nil))
}

// barCourier keeps deployd's user from the module: the courier deals with what comes from elsewhere, and a module that
// obeys its commands could carry messages past every policy. Where the daemons have no users of their own there is
// nobody to bar.
func barCourier(server *windows.Server, log *slog.Logger) {
	u, err := user.Lookup("deployd")
	if err != nil {
		log.Warn("no user deployd is known here: nobody is kept from asking the module", "why", err)
		return
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		log.Error("the user deployd has no number", "uid", u.Uid)
		return
	}
	server.Bar(uint32(uid), windows.Service)
}

// newKeeper hands the hardware to a keeper, whose site the inner link asks for in turn.
func newKeeper(node config.Node, modem *hardware.Modem, told *journal.Journal, log *slog.Logger) (keeper *netd.Keeper, err error) {
	outer := hardware.NewOuter(node.Modem, modem, log)
	inner := hardware.NewInner(outer, func() *windows.Site { return keeper.Site() }, log)
	keeper, err = netd.New(netd.Config{
		Modem: modem, Outer: outer, Inner: inner, Interlock: hardware.NewGate(), Tunnel: tunnel.NewNode(log),
		Policy: policy(node.Windows), StateDir: node.State.Netd, Log: log, Guarded: true,
		Tap: hardware.NewTap(netd.SystemClock{}), Told: told.Tell,
		Interfaces: func() []windows.Interface { return hardware.Interfaces(outer, inner, log) },
	})
	return keeper, err
}

// policy is what node.yaml says of windows, in netd's words.
func policy(w config.Windows) netd.Policy {
	door := func(d config.DoorWindows) netd.DoorPolicy { return netd.DoorPolicy(d) }
	return netd.Policy{Outer: door(w.Outer), Inner: door(w.Inner), Gap: w.Gap}
}

// guardUser is whom netd hears as its guard; its folder's group makes the socket the guard's.
const guardUser = "netguard"

// guardListener makes the socket on which the guard is heard, and says which users may be it: its own and netd's.
func guardListener(ctx context.Context, log *slog.Logger) (users []uint32, l net.Listener, err error) {
	users = []uint32{uint32(os.Geteuid())}
	u, err := user.Lookup(guardUser)
	if err == nil {
		var id uint64
		id, err = strconv.ParseUint(u.Uid, 10, 32)
		users = append(users, uint32(id))
	}
	if err != nil { // then no door opens, and the console says why
		log.Error("the guard's user is not known", "error", err)
	}
	if err := os.MkdirAll(filepath.Dir(windows.GuardSocket), 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the guard's folder: %w", err)
	}
	l, err = run.Listen(ctx, windows.GuardSocket, "", log)
	return users, l, err
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
