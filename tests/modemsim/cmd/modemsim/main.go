// Command modemsim runs a simulated cellular module for other programs.
//
//	modemsim --listen unix:/run/modem.sock      one host at a time, such as QEMU's chardev
//	modemsim --listen tcp:127.0.0.1:7000
//	modemsim --pty /run/modem.tty               a pseudo terminal, linked at that path
//
// Its changes of state go to standard output, one JSON object a line. It moves no packets.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"airlock/tests/modemsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "modemsim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("modemsim", flag.ContinueOnError)
	listen := flags.String("listen", "", "serve the AT port on `unix:PATH or tcp:HOST:PORT`")
	tty := flags.String("pty", "", "serve the AT port on a pseudo terminal linked at `PATH`")
	var cfg modemsim.Config
	flags.Func("profile", "kind of module: "+names(), func(name string) error { return choose(&cfg, name) })
	flags.StringVar(&cfg.Network.APN, "apn", "internet", "the APN that the network knows")
	flags.StringVar(&cfg.SIM.PIN, "pin", "", "PIN that the SIM asks for")
	flags.BoolVar(&cfg.SIM.Missing, "no-sim", false, "no SIM is in the module")
	flags.BoolVar(&cfg.Faults.Deny, "deny", false, "the network refuses the SIM")
	flags.BoolVar(&cfg.Faults.Stuck, "stuck", false, "no network is found")
	flags.BoolVar(&cfg.Faults.Silent, "silent", false, "the module does not answer")
	flags.BoolVar(&cfg.Faults.URCInReply, "urc-in-reply", false, "put unsolicited lines into replies")
	flags.BoolVar(&cfg.Faults.Split, "split", false, "send byte by byte")
	flags.BoolVar(&cfg.LeftOn, "left-on", false, "start as a crash leaves a module: data active")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "repeat a run")
	fast := flags.Bool("fast", false, "take no time for anything")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if !*fast {
		cfg.Times = modemsim.Lifelike()
	}
	out := json.NewEncoder(os.Stdout)
	cfg.OnState = func(c modemsim.StateChange) { _ = out.Encode(c) }
	sim := modemsim.New(cfg)
	switch {
	case *listen != "" && *tty == "":
		return serveSocket(ctx, sim, *listen)
	case *tty != "" && *listen == "":
		return servePTY(ctx, sim, *tty)
	}
	return errors.New("give one of --listen and --pty")
}

func names() string {
	var all []string
	for _, p := range modemsim.Personalities() {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

func choose(cfg *modemsim.Config, name string) error {
	p, ok := modemsim.PersonalityOf(name)
	if !ok {
		return fmt.Errorf("unknown; there are %s", names())
	}
	cfg.Personality = p
	return nil
}

// serveSocket serves one host after the other; the module lives on between them.
func serveSocket(ctx context.Context, sim *modemsim.Sim, where string) error {
	network, address, ok := strings.Cut(where, ":")
	if !ok || network != "unix" && network != "tcp" {
		return fmt.Errorf("--listen %q: want unix:PATH or tcp:HOST:PORT", where)
	}
	if network == "unix" {
		if err := removeStale(address); err != nil {
			return err
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("accept: %w", err)
		}
		if err := sim.Serve(ctx, conn); err != nil {
			return err
		}
	}
}

// removeStale removes a socket that an earlier run left, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s exists and is no socket: remove it, or choose another path", path)
	}
	return os.Remove(path)
}

// servePTY serves whatever host opens the link, one after the other.
func servePTY(ctx context.Context, sim *modemsim.Sim, link string) error {
	tty, err := modemsim.OpenPTY()
	if err != nil {
		return err
	}
	defer tty.Close()
	if info, err := os.Lstat(link); err == nil && info.Mode().Type() == os.ModeSymlink {
		os.Remove(link)
	}
	if err := os.Symlink(tty.Host, link); err != nil {
		return err
	}
	defer os.Remove(link)
	return sim.Serve(ctx, tty)
}
