package hardware

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"airlock/drivers/gpio"
	"airlock/drivers/modem"
	"airlock/drivers/serial"
	"airlock/drivers/sysfs"
	"airlock/drivers/usb"
	"airlock/firmware/config"
)

// place is where the module is plugged in. A module that hangs may be off its bus when it is looked for, so that
// where it was seen last is kept.
type place struct {
	bus *usb.Bus
	// look tells the stable path of the module's USB device; empty: it is not there.
	look func() string

	mu   sync.Mutex
	path string   // guarded by mu; empty: never seen
	port usb.Port // guarded by mu
}

// newPlace is the place of the module that the configuration describes.
func newPlace(c config.Modem) *place {
	look := func() string { return anyModule(sysfs.Root) }
	if c.Port != config.Auto {
		look = func() string { return deviceOf(sysfs.Root, c.Port) }
	}
	return &place{bus: &usb.Bus{}, look: look}
}

// anyModule is the device whose port is asked first.
func anyModule(sys string) string {
	found, err := serial.Candidates(sys)
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0].USB.Device
}

// deviceOf is the USB device behind a port's path; empty when the port is none of a USB device.
func deviceOf(sys, port string) string {
	if real, err := filepath.EvalSymlinks(port); err == nil {
		port = real
	}
	dir, err := sysfs.Device(filepath.Join(sys, "class", "tty", filepath.Base(port)))
	if err != nil {
		return ""
	}
	u, _ := sysfs.USBOf(dir)
	return u.Device
}

// watched notes the module's place whenever its port is opened.
func (p *place) watched(open modem.Opener) modem.Opener {
	return func(ctx context.Context) (modem.Port, error) {
		p.note()
		return open(ctx)
	}
}

// note looks where the module is.
func (p *place) note() {
	path := p.look()
	if path == "" {
		return
	}
	d, err := p.bus.Find(path)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.path = path
	if port, err := d.Port(); err == nil {
		p.port = port
	}
}

// last is where the module was seen last.
func (p *place) last() (path string, port usb.Port) {
	p.note()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.path, p.port
}

// usbReset resets the module's USB device.
type usbReset struct{ at *place }

// Pull implements modem.Lever.
func (l usbReset) Pull(ctx context.Context) error {
	path, _ := l.at.last()
	d, err := l.at.bus.Find(path)
	if err != nil {
		return fmt.Errorf("%w: %w", modem.ErrNoLever, err)
	}
	return d.Reset(ctx)
}

// String implements modem.Lever.
func (usbReset) String() string { return "usb-reset" }

// portPower switches the power of the USB port.
type portPower struct {
	at     *place
	offFor time.Duration
}

// Pull implements modem.Lever.
func (l portPower) Pull(ctx context.Context) error {
	_, port := l.at.last()
	err := port.Cycle(ctx, l.offFor)
	if errors.Is(err, usb.ErrNoSwitch) {
		return fmt.Errorf("%w: %w", modem.ErrNoLever, err)
	}
	return err
}

// String implements modem.Lever.
func (portPower) String() string { return "power" }

var (
	_ modem.Lever = usbReset{}
	_ modem.Lever = portPower{}
	_ modem.Lever = (*gpio.Power)(nil)
)

// Power is the board's line that switches the module's power; nil when the configuration names none.
func Power(c config.Modem) *gpio.Power {
	where, err := gpio.ParsePlace(c.Power.GPIO)
	if err != nil {
		return nil // none is named: the configuration has been checked
	}
	p := &gpio.Power{Place: where, On: 1, OffFor: c.Power.OffFor}
	if c.Power.Active == config.Low {
		p.On = 0
	}
	return p
}

// levers are what can be pulled on this board, the gentlest first. A line for the power takes the place of the USB
// port's: it is known to cut it.
func levers(c config.Modem, at *place) (all []modem.Lever) {
	if c.USBReset != config.Off {
		all = append(all, usbReset{at})
	}
	switch power := Power(c); {
	case power != nil: // its line is held until this process ends
		all = append(all, power)
	case c.USBReset != config.Off:
		all = append(all, portPower{at, c.Power.OffFor})
	}
	return all
}
