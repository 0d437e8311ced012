package hardware

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/drivers/gpio"
	"airlock/drivers/modem"
	"airlock/drivers/usb"
	"airlock/firmware/config"
)

// usbTree is a module at the second port of a controller, as sysfs shows it, with its AT port ttyUSB2.
func usbTree(t *testing.T) string {
	t.Helper()
	sys := t.TempDir()
	usb1 := filepath.Join(sys, "devices/pci0000:00/0000:00:04.0/usb1")
	tty := filepath.Join(usb1, "1-2/1-2:1.2/ttyUSB2")
	for _, dir := range []string{tty, filepath.Join(usb1, "1-0:1.0/usb1-port2"), filepath.Join(sys, "bus/usb/devices"), filepath.Join(sys, "bus/usb-serial"), filepath.Join(sys, "bus/pci"), filepath.Join(sys, "class/tty/ttyUSB2")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		"1-2/busnum": "1", "1-2/devnum": "7", "1-2/authorized": "1", "1-2/idVendor": "2c7c", "1-2/idProduct": "0125",
		"1-2/1-2:1.2/bInterfaceNumber": "02", "1-2/1-2:1.2/bInterfaceClass": "ff", "1-0:1.0/usb1-port2/disable": "0",
	} {
		if err := os.WriteFile(filepath.Join(usb1, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		filepath.Join(usb1, "subsystem"): filepath.Join(sys, "bus/usb"), filepath.Join(usb1, "1-2/subsystem"): filepath.Join(sys, "bus/usb"),
		filepath.Join(usb1, "1-2/1-2:1.2/subsystem"): filepath.Join(sys, "bus/usb"), filepath.Join(usb1, "../subsystem"): filepath.Join(sys, "bus/pci"),
		filepath.Join(tty, "subsystem"): filepath.Join(sys, "bus/usb-serial"), filepath.Join(usb1, "1-2/port"): filepath.Join(usb1, "1-0:1.0/usb1-port2"),
		filepath.Join(sys, "bus/usb/devices/1-2"): filepath.Join(usb1, "1-2"), filepath.Join(sys, "class/tty/ttyUSB2/device"): tty,
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

// TestPlaceOutlivesTheModule: the module's device and port are found by its AT port, and remembered when it is off its bus.
func TestPlaceOutlivesTheModule(t *testing.T) {
	sys := usbTree(t)
	const want = "pci-0000:00:04.0-usb-0:2"
	if got := anyModule(sys); got != want {
		t.Errorf("anyModule = %q, want %q", got, want)
	}
	if got := deviceOf(sys, "/dev/ttyUSB2"); got != want {
		t.Errorf("deviceOf = %q, want %q", got, want)
	}
	if got := deviceOf(sys, "/dev/ttyS0"); got != "" {
		t.Errorf("deviceOf a port that is no USB device = %q", got)
	}
	p := &place{bus: &usb.Bus{Sys: sys, Dev: t.TempDir()}, look: func() string { return anyModule(sys) }}
	reset, power := usbReset{p}, portPower{p, time.Millisecond}
	if err := reset.Pull(t.Context()); err != nil {
		t.Errorf("reset: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(sys, "class/tty/ttyUSB2")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(reset.Pull(t.Context()), power.Pull(t.Context())); err != nil {
		t.Errorf("with the port gone: %v", err)
	}
	if err := os.Remove(filepath.Join(sys, "bus/usb/devices/1-2")); err != nil {
		t.Fatal(err)
	}
	if err := reset.Pull(t.Context()); !errors.Is(err, modem.ErrNoLever) {
		t.Errorf("reset of a device that is gone = %v, want ErrNoLever", err)
	}
	if err := power.Pull(t.Context()); err != nil {
		t.Errorf("power of a port whose device is gone: %v", err)
	}
	never := &place{bus: &usb.Bus{Sys: sys}, look: func() string { return "" }}
	if err := (portPower{never, 0}).Pull(t.Context()); !errors.Is(err, modem.ErrNoLever) {
		t.Errorf("power of a module that was never seen = %v, want ErrNoLever", err)
	}
}

func TestLeversByConfiguration(t *testing.T) {
	for _, c := range []struct {
		usb, gpio string
		want      []string
	}{
		{config.Auto, "", []string{"usb-reset", "power (port)"}},
		{config.Auto, "gpiochip0:17", []string{"usb-reset", "power (line)"}},
		{config.Off, "gpiochip0:17", []string{"power (line)"}},
		{config.Off, "", nil},
	} {
		node := config.Default().Modem
		node.USBReset, node.Power.GPIO, node.Power.Active = c.usb, c.gpio, config.Low
		var got []string
		for _, l := range levers(node, newPlace(node)) {
			name := l.String()
			switch l := l.(type) {
			case portPower:
				name += " (port)"
			case *gpio.Power:
				name += " (line)"
				if l.On != 0 || l.OffFor != 5*time.Second || l.Place.Offset != 17 {
					t.Errorf("the line is %+v", l)
				}
			}
			got = append(got, name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("usb_reset %s, gpio %q: %s, want %s", c.usb, c.gpio, strings.Join(got, ", "), strings.Join(c.want, ", "))
		}
	}
}
