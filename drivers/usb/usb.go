package usb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"airlock/drivers/sysfs"
)

// ErrGone says that no device is at the path.
var ErrGone = errors.New("no USB device is there")

// ErrNoSwitch says that the port's hub shows no switch.
var ErrNoSwitch = errors.New("the hub's port cannot be switched")

// Bus is the kernel's USB. The zero value is the real one.
type Bus struct {
	Sys string // root of sysfs; /sys
	Dev string // where device files are; /dev

	write func(path, value string) error // nil: os.WriteFile; tests model the kernel by it
	reset func(node string) error        // nil: USBDEVFS_RESET
}

// Device is a whole USB device.
type Device struct {
	bus *Bus
	dir string // in sysfs, links resolved
}

// Find finds the device with a stable path, such as pci-0000:00:04.0-usb-0:2. The error wraps ErrGone.
func (b *Bus) Find(path string) (Device, error) {
	devices := filepath.Join(b.sys(), "bus", "usb", "devices")
	entries, err := os.ReadDir(devices)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Device{}, fmt.Errorf("list USB devices: %w", err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ":") || strings.HasPrefix(e.Name(), "usb") {
			continue // an interface; a bus's own hub
		}
		dir, err := filepath.EvalSymlinks(filepath.Join(devices, e.Name()))
		if err == nil && path != "" && sysfs.Path(dir) == path {
			return Device{b, dir}, nil
		}
	}
	return Device{}, fmt.Errorf("find USB device %s: %w", path, ErrGone)
}

// String names the device as the kernel's messages do.
func (d Device) String() string { return filepath.Base(d.dir) }

// Reset takes the device from its drivers, resets it, and gives it back. Where one of both ways is closed, as sysfs is in
// a sandbox, the other does it. It returns when the device has been on its way back.
func (d Device) Reset(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	authorized := filepath.Join(d.dir, "authorized")
	taken := d.bus.put(authorized, "0")
	node, err := d.node()
	if err == nil {
		err = d.bus.resetNode(node)
	}
	if taken != nil && err != nil {
		return fmt.Errorf("reset USB device %s: %w", d, errors.Join(taken, err))
	}
	if taken == nil {
		// The directory is named after the port, so that it is the same for whatever number the device has now.
		if err := d.bus.put(authorized, "1"); err != nil {
			return fmt.Errorf("give USB device %s back: %w", d, err)
		}
	}
	return nil
}

// node is the device's file, /dev/bus/usb/001/004.
func (d Device) node() (string, error) {
	bus, err := strconv.Atoi(sysfs.Read(d.dir, "busnum"))
	if err != nil {
		return "", fmt.Errorf("read the bus of %s: %w", d, err)
	}
	number, err := strconv.Atoi(sysfs.Read(d.dir, "devnum"))
	if err != nil {
		return "", fmt.Errorf("read the number of %s: %w", d, err)
	}
	dev := d.bus.Dev
	if dev == "" {
		dev = "/dev"
	}
	return filepath.Join(dev, "bus", "usb", fmt.Sprintf("%03d", bus), fmt.Sprintf("%03d", number)), nil
}

// Port is where a device is plugged in. It is known also when the device is gone.
type Port struct {
	bus *Bus
	dir string // such as /sys/…/usb1/1-0:1.0/usb1-port2; empty: none
}

// Port finds the device's port, by the kernel's link to it.
func (d Device) Port() (Port, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(d.dir, "port"))
	if err != nil {
		return Port{}, fmt.Errorf("find the port of %s: %w: %w", d, ErrNoSwitch, err)
	}
	return Port{d.bus, dir}, nil
}

// String names the port.
func (p Port) String() string { return filepath.Base(p.dir) }

// Cycle switches the port off for so long, and on again, also when ctx ends meanwhile. The kernel has the switch since
// 6.0; hubs without power switching only cut the data lines, which is no less than a reset. The error wraps ErrNoSwitch
// where there is none.
func (p Port) Cycle(ctx context.Context, off time.Duration) error {
	if p.dir == "" {
		return ErrNoSwitch
	}
	disable := filepath.Join(p.dir, "disable")
	if _, err := os.Stat(disable); err != nil {
		return fmt.Errorf("switch port %s: %w: %w", p, ErrNoSwitch, err)
	}
	err := p.bus.put(disable, "1")
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("switch port %s off: %w: %w", p, ErrNoSwitch, err)
	}
	if err != nil {
		return fmt.Errorf("switch port %s off: %w", p, err)
	}
	t := time.NewTimer(off)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	if err := p.bus.put(disable, "0"); err != nil {
		return fmt.Errorf("switch port %s on: %w", p, err)
	}
	return ctx.Err()
}

func (b *Bus) sys() string {
	if b.Sys == "" {
		return sysfs.Root
	}
	return b.Sys
}

// put writes an attribute that is there.
func (b *Bus) put(path, value string) error {
	if b.write != nil {
		return b.write(path, value)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// usbdevfsReset is USBDEVFS_RESET of linux/usbdevice_fs.h: _IO('U', 20).
const usbdevfsReset = 0x5514

func (b *Bus) resetNode(node string) error {
	if b.reset != nil {
		return b.reset(node)
	}
	fd, err := unix.Open(node, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", node, err)
	}
	defer unix.Close(fd)
	// ENODEV: the device came back as another one, which is what a module that restarts does.
	if err := unix.IoctlSetInt(fd, usbdevfsReset, 0); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("reset %s: %w", node, err)
	}
	return nil
}
