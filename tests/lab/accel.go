package lab

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"time"
)

// Accel is how QEMU makes the processor.
type Accel string

// What QEMU offers on Linux. TCG translates and works everywhere; KVM is many times faster.
const (
	TCG Accel = "tcg"
	KVM Accel = "kvm"
)

func (a Accel) args() []string {
	if a == KVM {
		return []string{"-accel", "kvm", "-cpu", "max"}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max"}
}

// How long KVM gets to show each thing in the probe. On a machine where it works the shell takes 2 s and the image 10 s.
const (
	firmwareWithin = 10 * time.Second
	imageWithin    = 30 * time.Second
)

// ChooseAccel returns KVM when it really runs here, else TCG. That /dev/kvm can be opened says little: nested and
// restricted ones exist that abort, or hang a stock kernel. So the firmware, then the image itself are run for some
// seconds, with no network and no module, until the firmware's shell has come and the image has printed what alive
// matches on its console.
func ChooseAccel(ctx context.Context, image string, alive *regexp.Regexp, log *slog.Logger) Accel {
	err := probeKVM(ctx, image, alive, log)
	if err != nil {
		log.Info("QEMU translates (TCG)", "why", err)
		return TCG
	}
	log.Info("QEMU runs by KVM")
	return KVM
}

var firmwareShell = regexp.MustCompile(`Shell>|startup\.nsh`)

func probeKVM(ctx context.Context, image string, alive *regexp.Regexp, log *slog.Logger) error {
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	device.Close()
	if err := probeMachine(ctx, "", firmwareShell, firmwareWithin, log); err != nil {
		return fmt.Errorf("KVM does not run the firmware: %w", err)
	}
	if image == "" {
		return nil
	}
	if err := probeMachine(ctx, image, alive, imageWithin, log); err != nil {
		return fmt.Errorf("KVM does not run the image: %w", err)
	}
	return nil
}

// probeMachine starts a machine by KVM and waits for a sign of life.
func probeMachine(ctx context.Context, image string, sign *regexp.Regexp, within time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := StartMachine(ctx, MachineConfig{Image: image, Accel: KVM, Log: log})
	if err != nil {
		return err
	}
	_, err = m.Console.Expect(ctx, sign)
	if closed := m.Close(); err == nil {
		err = closed
	}
	if said := m.Complaints(); err != nil && said != "" {
		err = fmt.Errorf("%w; QEMU said: %s", err, lastLines(said, 2))
	}
	return err
}
