// Command deployd is the courier of an edge node. It only wires: what it does stands in package deployd.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"airlock/deployd"
	"airlock/deployd/isolation"
	"airlock/firmware/config"
	"airlock/firmware/run"
	"airlock/netd/windows"
)

// version is what the linker stamps with -X main.version=...; nothing else writes it.
var version string

const usage = `Usage: deployd [--config FILE]

The courier: fetches releases, deploys them to the servers of the site, reports. It has no network of
its own and dials through netd's socket. Normally started by systemd; ask it with airlock.

  --config FILE     node.yaml to use in place of the installed one
  --allow-network   start also where the process sees a network: on a machine of a developer
`

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags := flag.NewFlagSet("deployd", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	file := flags.String("config", "", "")
	networked := flags.Bool("allow-network", false, "")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(os.Stderr, "deployd: takes no arguments but its flags; see deployd --help")
		os.Exit(2)
	}
	if err := courier(context.Background(), *file, *networked, log); err != nil {
		log.Error("deployd ends", "error", err)
		os.Exit(1)
	}
}

// courier runs deployd until a signal comes.
func courier(ctx context.Context, file string, networked bool, log *slog.Logger) error {
	network, err := isolation.Look()
	if err != nil {
		return err
	}
	if err := isolation.Check(network); err != nil && !networked {
		return err
	}
	node, notice, err := config.Choose(file)
	if err != nil {
		return err
	}
	log.Info("deployd starts", "version", run.Version(version), "state", node.State.Deployd)
	if notice != "" {
		log.Error("configuration", "notice", notice)
	}
	notify, watchdog, err := run.Systemd()
	if err != nil {
		return err
	}
	listener, err := run.Listen(ctx, node.Sockets.Deployd, node.Sockets.Group, log)
	if err != nil {
		return err
	}
	c, err := deployd.New(deployd.Config{
		Windows:  deployd.Netd(windows.NewClient(node.Sockets.Netd)),
		Dir:      node.State.Deployd,
		Listener: listener,
		Network:  network,
		Log:      log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	status := func() string {
		s := c.Status()
		return fmt.Sprintf("%s, runs %q, fetched %q", s.Phase, s.Running, s.Fetched)
	}
	return run.All(ctx, run.Options{Log: log, Notify: notify, Watchdog: watchdog, Status: status},
		run.Signals(syscall.SIGTERM, syscall.SIGINT),
		run.Func("courier", c.Run, nil, nil))
}
