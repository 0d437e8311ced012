// Command airlock is what an operator types on an edge node, and the field console that a
// technician meets on its serial line. It asks netd and deployd over their sockets and does nothing
// by itself. See package cli for the commands, their exit codes and what they print where.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"airlock/deployd/api"
	"airlock/firmware/cli"
	"airlock/firmware/config"
	"airlock/firmware/console"
	"airlock/firmware/run"
	"airlock/netd/windows"
)

// idle is how long the field console may be left alone before it logs out.
const idle = 15 * time.Minute

// version is what the linker stamps with -X main.version=...; nothing else writes it. Without it the
// version is what the toolchain knows of the build.
var version string

func main() { os.Exit(airlock(os.Args[1:])) }

func airlock(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	env := cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Version: run.Version(version), Name: "airlock ", HasConfig: true,
		Connect: connect, Console: fieldConsole,
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		if tty, err := cli.OpenTerminal(); err == nil {
			defer tty.Close()
			env.Ask = tty
		}
	}
	code, err := cli.Execute(ctx, env, args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "airlock: %v\n", err)
	}
	return code
}

// connect makes clients of the daemons that the configuration names. A broken override of the
// configuration is told, and passed over as the daemons do.
func connect(path string) (cli.Doorkeeper, cli.Courier, error) {
	node, notice, err := config.Choose(path)
	if err != nil {
		return nil, nil, err
	}
	if notice != "" {
		fmt.Fprintln(os.Stderr, "airlock:", notice)
	}
	return windows.NewClient(node.Sockets.Netd), api.NewClient(node.Sockets.Deployd), nil
}

func fieldConsole(ctx context.Context, path string) error {
	node, notice, err := config.Choose(path)
	if err != nil {
		return err
	}
	line, raw, restore, err := console.Open(os.Stdin, os.Stdout)
	if err != nil {
		return err
	}
	defer restore()
	return console.Run(ctx, console.Options{
		Line: line, Raw: raw, Idle: idle, Version: run.Version(version), Notice: notice,
		Doors: windows.NewClient(node.Sockets.Netd), Courier: api.NewClient(node.Sockets.Deployd),
	})
}
