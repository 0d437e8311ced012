package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"airlock/tests/modemsim"
)

// options are the command line.
type options struct {
	cfg         modemsim.Config
	listen, pty string
	list        bool
	powered     bool
}

const usage = `modemsim is a simulated cellular module behind an AT port.

usage
  modemsim [options] --pty PATH         a pseudo terminal, linked at PATH
  modemsim [options] --listen ADDRESS   unix:PATH, tcp:HOST:PORT or HOST:PORT; one host at a time
  modemsim --list                       the modules that it can be

examples
  modemsim --profile quectel-ec25 --pty /run/modem
  modemsim --profile huawei --pin 1234 --listen 127.0.0.1:7000
  modemsim --powered --listen unix:@abstract:sim      an abstract socket, as ModemManager's test mode wants it
  modemsim --profile telit-ecm --faults faults.txt --listen unix:/run/modem.sock | jq .
  modemsim --profile generic --user node --password secret --pty /run/modem
      and then: pppd /run/modem nodetach user node connect "chat '' ATD*99***1# CONNECT"

output
  one JSON object a line for each change: {"at":"…","what":"registered"}
  exit code 0 when stopped by a signal, 1 when the port cannot be served, 2 when the call or the fault script is wrong

options
`

func flags(o *options) *flag.FlagSet {
	f := flag.NewFlagSet("modemsim", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.listen, "listen", "", "serve the AT port on `ADDRESS`")
	f.StringVar(&o.pty, "pty", "", "serve the AT port on a pseudo terminal linked at `PATH`")
	f.BoolVar(&o.list, "list", false, "list the modules")
	f.BoolVar(&o.powered, "powered", false, "boot before the host comes: it finds a module that answers at once")
	f.Func("profile", "the `NAME` of the module (quectel-ec25)", func(name string) error {
		p, ok := modemsim.PersonalityOf(name)
		if !ok {
			return fmt.Errorf("no such module; there are %s", names())
		}
		o.cfg.Personality = p
		return nil
	})
	f.Func("faults", "let the faults of the script `FILE` strike", func(path string) (err error) {
		o.cfg.Script, err = modemsim.ReadScript(path)
		return err
	})
	f.StringVar(&o.cfg.Network.APN, "apn", "internet", "the `APN` that the network knows")
	f.StringVar(&o.cfg.Network.User, "user", "", "the `NAME` that a PPP call must prove")
	f.StringVar(&o.cfg.Network.Password, "password", "", "the `SECRET` that proves it, by CHAP or PAP")
	f.IntVar(&o.cfg.Network.Zone, "zone", 0, "the network's time zone in `QUARTERS` of an hour east of UTC")
	f.IntVar(&o.cfg.Network.Access, "access", 7, "the access technology `AcT` of 27.007: 7 LTE, 11 5G")
	f.IntVar(&o.cfg.Network.RSSI, "rssi", 20, "the signal `RSSI` around which it drifts, 1 to 31")
	f.StringVar(&o.cfg.SIM.PIN, "pin", "", "the `PIN` that the SIM asks for")
	f.StringVar(&o.cfg.SIM.PUK, "puk", "", "the `PUK` that unblocks it (12345678)")
	f.IntVar(&o.cfg.SIM.PINLeft, "pin-left", 0, "`TRIES` of the PIN left; -1 none (3)")
	f.BoolVar(&o.cfg.SIM.Missing, "no-sim", false, "no SIM is in the module")
	f.BoolVar(&o.cfg.Faults.Deny, "deny", false, "the network refuses the SIM")
	f.BoolVar(&o.cfg.Faults.Stuck, "stuck", false, "no network is found")
	f.BoolVar(&o.cfg.Faults.Silent, "silent", false, "the module does not answer")
	f.BoolVar(&o.cfg.Faults.URCInReply, "urc-in-reply", false, "put unsolicited lines into replies")
	f.BoolVar(&o.cfg.Faults.Split, "split", false, "send byte by byte")
	f.BoolVar(&o.cfg.LeftOn, "left-on", false, "start as a crash leaves a module: data active")
	f.Uint64Var(&o.cfg.Seed, "seed", 1, "repeat a run")
	return f
}

func parse(args []string) (o options, err error) {
	f := flags(&o)
	fast := f.Bool("fast", false, "take no time for anything")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; %w", err, errUsage)
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no option; %w", f.Arg(0), errUsage)
	case o.list:
		return o, nil
	case (o.listen == "") == (o.pty == ""):
		return o, fmt.Errorf("give one of --listen ADDRESS and --pty PATH; %w", errUsage)
	case o.cfg.Network.RSSI < 1 || o.cfg.Network.RSSI > 31:
		return o, fmt.Errorf("--rssi %d: want 1 to 31; %w", o.cfg.Network.RSSI, errUsage)
	case o.listen != "":
		if _, _, err := address(o.listen); err != nil {
			return o, err
		}
	}
	if !*fast {
		o.cfg.Times = modemsim.Lifelike()
	}
	return o, nil
}

// address parts unix:PATH, tcp:HOST:PORT and HOST:PORT.
func address(text string) (network, where string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok && path != "" {
		return "unix", path, nil
	}
	where = strings.TrimPrefix(text, "tcp:")
	if i := strings.LastIndexByte(where, ':'); i < 0 || i == len(where)-1 {
		return "", "", fmt.Errorf("--listen %q: want unix:PATH, tcp:HOST:PORT or HOST:PORT; %w", text, errUsage)
	}
	return "tcp", where, nil
}

func names() string {
	var all []string
	for _, p := range modemsim.Personalities() {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// help is the usage, the options and the language of fault scripts.
func help() string {
	var b strings.Builder
	b.WriteString(usage)
	f := flags(&options{})
	f.Bool("fast", false, "take no time for anything")
	f.VisitAll(func(o *flag.Flag) {
		value, text := flag.UnquoteUsage(o)
		fmt.Fprintf(&b, "  %-22s  %s\n", "--"+o.Name+" "+value, text)
	})
	b.WriteString("\nfault scripts\n  " + strings.ReplaceAll(strings.TrimRight(modemsim.ScriptHelp, "\n"), "\n", "\n  ") + "\n")
	return b.String()
}
