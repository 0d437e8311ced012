package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// MachineConfig says what machine the image is put into.
type MachineConfig struct {
	Image      string // disk image; it is never written to, what the node writes is gone with the machine
	Accel      Accel  // how the processor is made; "" is TCG
	Memory     int    // MB; 0: 1024
	CPUs       int    // 0: 2
	Module     Serve  // the AT port's other end; nil: there is no module, neither its port nor its card
	Outer      Serve  // what the module's network card is plugged into: Carrier.Serve
	Inner      Serve  // what the LAN card is plugged into: LAN.ServeNode; nil: there is no LAN card
	ConsoleLog string // file for what the serial console printed, each line with its time; "": none
	Log        *slog.Logger
}

// Machine is the appliance's image in QEMU: UEFI firmware, the module on USB, the LAN card on PCI, and the console on
// the serial port. Every connection is an inherited socket, so nothing listens and nothing is left in a file system.
type Machine struct {
	Console *Console
	qmp     *qmp
	child   *child
	said    *syncBuffer // what QEMU itself complained of
	log     *slog.Logger
	group   *errgroup.Group
	cancel  context.CancelFunc
	ended   chan struct{} // closed when a wire has failed or the machine is stopped
}

// connectWithin bounds QEMU's own start until it answers its control socket.
const connectWithin = 30 * time.Second

// StartMachine starts QEMU and returns when its processor runs; what the image does then is seen on Console. The machine
// ends with ctx, with Close, or with this process, whichever comes first.
func StartMachine(ctx context.Context, cfg MachineConfig) (*Machine, error) {
	m, err := startMachine(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start machine: %w", err)
	}
	return m, nil
}

func startMachine(ctx context.Context, cfg MachineConfig) (*Machine, error) {
	fw, err := findFirmware()
	if err != nil {
		return nil, err
	}
	if cfg.Image != "" {
		if _, err := os.Stat(cfg.Image); err != nil {
			return nil, fmt.Errorf("find image: %w; `make image` builds it", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &Machine{said: &syncBuffer{}, log: cfg.Log, cancel: cancel, ended: make(chan struct{})}
	m.group, ctx = errgroup.WithContext(ctx)
	b := &board{}
	defer b.closeFiles()
	if err := m.connect(ctx, b, cfg, fw); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	cmd := exec.Command(qemuProgram, b.args...)
	cmd.ExtraFiles = b.files
	cmd.Stdout, cmd.Stderr = m.said, m.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is ours to act on
	if m.child, err = startTied(cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; `make setup` installs QEMU", err), m.Close())
	}
	m.group.Go(func() error { return m.watch(ctx) })
	hello, done := context.WithTimeout(ctx, connectWithin)
	defer done()
	if err := m.qmp.negotiate(hello); err != nil {
		err = errors.Join(err, m.Close())
		return nil, fmt.Errorf("%w; QEMU said: %s", err, lastLines(m.said.String(), 5))
	}
	return m, nil
}

// connect makes the wires of the board and serves our end of each.
func (m *Machine) connect(ctx context.Context, b *board, cfg MachineConfig, fw firmware) error {
	b.base(cfg, fw)
	console, err := b.chardev("console")
	if err != nil {
		return err
	}
	b.add("-device", "isa-serial,chardev=console,index=0")
	if m.Console, err = newConsole(console, cfg.ConsoleLog); err != nil {
		console.Close()
		return err
	}
	m.group.Go(func() error { return m.Console.serve(ctx) })
	control, err := b.chardev("qmp")
	if err != nil {
		return err
	}
	b.add("-mon", "chardev=qmp,mode=control")
	m.qmp = newQMP(control, m.log)
	m.group.Go(func() error { return m.qmp.serve(ctx) })
	if cfg.Module != nil {
		if err := m.connectModule(ctx, b, cfg); err != nil {
			return err
		}
	}
	if cfg.Inner == nil {
		return nil
	}
	lan, err := b.netdev("lan")
	if err != nil {
		return err
	}
	b.add("-device", lanCard)
	m.serve(ctx, "LAN", cfg.Inner, lan)
	return nil
}

func (m *Machine) connectModule(ctx context.Context, b *board, cfg MachineConfig) error {
	at, err := b.chardev("at")
	if err != nil {
		return err
	}
	m.serve(ctx, "module", cfg.Module, at)
	b.add("-device", "qemu-xhci,id=xhci,addr=6", "-device", modulePort)
	if cfg.Outer == nil {
		return nil
	}
	carrier, err := b.netdev("carrier")
	if err != nil {
		return err
	}
	b.add("-device", moduleCard)
	m.serve(ctx, "carrier", cfg.Outer, carrier)
	return nil
}

// serve runs the other end of a wire. That a wire ends is no fault: the machine may have ended.
func (m *Machine) serve(ctx context.Context, what string, serve Serve, conn net.Conn) {
	m.group.Go(func() error {
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		if err := serve(ctx, conn); !ended(err) {
			return fmt.Errorf("serve %s: %w", what, err)
		}
		return nil
	})
}

// watch ends the machine with ctx, and everything else with the machine.
func (m *Machine) watch(ctx context.Context) error {
	defer close(m.ended)
	select {
	case <-m.child.done:
		return errMachineEnded
	case <-ctx.Done():
		m.child.kill()
		return nil
	}
}

var errMachineEnded = errors.New("the machine ended")

// Done is closed when the machine has ended, of whatever cause.
func (m *Machine) Done() <-chan struct{} { return m.ended }

// Complaints is what QEMU itself printed.
func (m *Machine) Complaints() string { return m.said.String() }

// Close ends the machine at once, as if its power was cut, and returns when it is gone. It tells what went wrong with
// the machine's wires while it ran; that the machine was switched off is no error.
func (m *Machine) Close() error {
	m.cancel()
	err := m.group.Wait()
	if m.child != nil {
		m.child.kill()
	}
	if ended(err) || errors.Is(err, errMachineEnded) {
		return nil
	}
	return err
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
