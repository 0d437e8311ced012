// Package system is the whole product on one machine: the publisher as a process, the appliance's image in QEMU behind a
// simulated module and a simulated carrier, and real SSH servers on its LAN. It speaks to the appliance through the serial
// console only, and to the publisher through its own commands. The demo and the whole-system tests tell their stories with
// it; package lab holds the pieces.
package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"airlock/tests/lab"
	"airlock/tests/lab/evidence"
	"airlock/tests/modemsim"
)

// NodeName is the edge node's name at the publisher.
const NodeName = "plant-7"

// Addresses of the isolated network.
const (
	nodeAddress   = "10.90.0.2/24"
	targetAddress = "10.90.0.%d/24"
	firstTarget   = 11
)

// Config says what is started, and with what.
type Config struct {
	Image      string   // the appliance's disk image
	Publisherd string   // the publisher's program
	Dir        string   // everything that a run leaves behind; emptied at the start
	Cache      string   // kept from run to run: the targets' root, what builds downloaded
	Targets    []string // names of the servers
	HealthPort int      // the port on targets which the node may dial beside SSH
	Module     modemsim.Config
	NoCard     bool              // the module shows no network interface: its data go by PPP over the AT port
	Say        func(text string) // tells a person what is happening
}

// System is what runs.
type System struct {
	Publisher *Publisher
	Node      *Node
	Module    *modemsim.Sim
	Carrier   *lab.Carrier
	LAN       *lab.LAN
	Targets   []*lab.Target
	Machine   *lab.Machine
	// SwitchedOn is when the appliance got its power.
	SwitchedOn time.Time

	cfg      Config
	calls    *lab.Calls // the carrier's end of data calls
	captures []*lab.Capture
	log      *slog.Logger // of the lab's pieces, into lab.log
	closers  []io.Closer
}

// Start starts the publisher, the networks and the targets; the appliance waits for Boot. On an error nothing is left running.
func Start(ctx context.Context, cfg Config) (*System, error) {
	s := &System{cfg: cfg}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *System) start(ctx context.Context) error {
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		return fmt.Errorf("empty the folder of the last run: %w", err)
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	log, err := s.create("lab.log")
	if err != nil {
		return err
	}
	s.log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := s.startPublisher(ctx); err != nil {
		return err
	}
	return s.startNetworks()
}

func (s *System) startPublisher(ctx context.Context) (err error) {
	log, err := s.create("publisher.log")
	if err != nil {
		return err
	}
	s.Publisher, err = startPublisher(ctx, s.cfg.Publisherd, s.path("publisher"), filepath.Join(s.cfg.Cache, "builds"), log)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.Publisher)
	return nil
}

// create makes a file of the run that is closed with it.
func (s *System) create(name string) (*os.File, error) {
	f, err := os.Create(s.path(name))
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	s.closers = append(s.closers, f)
	return f, nil
}

// startNetworks makes carrier and LAN, each with the capture of its door, and the module that moves the carrier's gate.
func (s *System) startNetworks() (err error) {
	outer, err := s.capture("outer.pcap")
	if err != nil {
		return err
	}
	inner, err := s.capture("inner.pcap")
	if err != nil {
		return err
	}
	if s.Carrier, err = lab.NewCarrier(outer, s.log); err != nil {
		return err
	}
	s.LAN = lab.NewLAN(inner, s.log)
	module := s.cfg.Module
	module.OnData = s.Carrier.SetData
	if s.cfg.NoCard {
		module.Network.Address = netip.MustParseAddr(callAddress)
		module.OnPacket = func(ip []byte) { s.calls.Packet(ip) }
	}
	s.Module = modemsim.New(module)
	s.calls = s.Carrier.NewCalls(s.Module.SendPacket)
	return nil
}

// callAddress is what the network gives to a data call, in the carrier's subnet beside those that DHCP leases.
const callAddress = "100.64.0.77"

func (s *System) capture(name string) (*lab.Capture, error) {
	c, err := lab.NewCapture(s.path(name))
	if err != nil {
		return nil, err
	}
	s.captures = append(s.captures, c)
	s.closers = append(s.closers, c)
	return c, nil
}

// StartTargets starts the servers of the site; the first time on a machine their root file system is made.
func (s *System) StartTargets(ctx context.Context) error {
	if len(s.cfg.Targets) == 0 {
		return nil
	}
	tar, err := lab.TargetRoot(ctx, s.cfg.Cache, s.cfg.Say)
	if err != nil {
		return err
	}
	for i, name := range s.cfg.Targets {
		address := netip.MustParsePrefix(fmt.Sprintf(targetAddress, firstTarget+i))
		t, err := lab.StartTarget(ctx, lab.TargetConfig{Name: name, Address: address, Tar: tar, LAN: s.LAN.ServeTarget, Log: s.log})
		if err != nil {
			return err
		}
		s.Targets = append(s.Targets, t)
		s.closers = append(s.closers, t)
	}
	return nil
}

// TargetAddress is where a target's port is on the LAN.
func (s *System) TargetAddress(i int, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParsePrefix(fmt.Sprintf(targetAddress, firstTarget+i)).Addr(), uint16(port))
}

// Boot switches the appliance on and waits until ctx ends for its console; the appliance runs as long as life.
func (s *System) Boot(ctx, life context.Context) (err error) {
	accel := lab.ChooseAccel(ctx, s.cfg.Image, promptPattern, s.log)
	s.SwitchedOn = time.Now()
	machine := lab.MachineConfig{
		Image: s.cfg.Image, Accel: accel, Module: s.serveModule, Outer: s.Carrier.Serve, Inner: s.LAN.ServeNode,
		ConsoleLog: s.path("console.log"), Log: s.log,
	}
	if s.cfg.NoCard {
		machine.Outer, machine.Module = nil, s.serveCalls
	}
	s.Machine, err = lab.StartMachine(life, machine)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.Machine)
	s.Node = &Node{console: s.Machine.Console}
	return s.Node.AwaitPrompt(ctx)
}

// serveModule is the module's AT port.
func (s *System) serveModule(ctx context.Context, conn net.Conn) error {
	return s.Module.Serve(ctx, conn)
}

// serveCalls is the AT port of a module whose packets go over it, and the network behind.
func (s *System) serveCalls(ctx context.Context, conn net.Conn) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.calls.Serve(ctx) })
	g.Go(func() error { return s.serveModule(ctx, conn) })
	return g.Wait()
}

// SiteYAML is the site as the technician writes it: the LAN, and the targets with the keys read off their own screens.
func (s *System) SiteYAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lan:\n  address: %s\ntargets:\n", nodeAddress)
	for i, t := range s.Targets {
		fmt.Fprintf(&b, "  - name: %s\n    address: %s\n    user: deploy\n    host_key: %s\n    ports: [%d]\n",
			s.cfg.Targets[i], s.TargetAddress(i, 22).Addr(), t.HostKey(), s.cfg.HealthPort)
	}
	return b.String()
}

// Judge writes the timeline and lays it over the captures.
func (s *System) Judge(ctx context.Context) (evidence.Timeline, evidence.Verdict, error) {
	t, err := s.Timeline(ctx)
	if err != nil {
		return t, evidence.Verdict{}, err
	}
	for _, c := range s.captures {
		if err := c.Err(); err != nil {
			return t, evidence.Verdict{}, fmt.Errorf("a capture has a gap: %w", err)
		}
	}
	if err := t.Write(s.path("timeline.json")); err != nil {
		return t, evidence.Verdict{}, err
	}
	frames, err := evidence.ReadCaptures(t, s.path("outer.pcap"), s.path("inner.pcap"))
	if err != nil {
		return t, evidence.Verdict{}, err
	}
	return t, evidence.Judge(t, frames), nil
}

func (s *System) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

// Close ends everything, last started first.
func (s *System) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	s.closers = nil
	return errors.Join(errs...)
}
