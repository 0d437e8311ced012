package lab

import (
	"context"
	"strings"
)

// Reset presses the machine's reset button: memory is lost, the disk is kept.
func (m *Machine) Reset(ctx context.Context) error { return m.qmp.do(ctx, "system_reset", nil) }

// PowerButton asks the image to shut down, as a person does who presses the button.
func (m *Machine) PowerButton(ctx context.Context) error {
	return m.qmp.do(ctx, "system_powerdown", nil)
}

// Pause stops the machine's processors; its clock then runs behind.
func (m *Machine) Pause(ctx context.Context) error { return m.qmp.do(ctx, "stop", nil) }

// Resume lets a paused machine go on.
func (m *Machine) Resume(ctx context.Context) error { return m.qmp.do(ctx, "cont", nil) }

// Quit ends the machine by QEMU's own way out, and waits for that.
func (m *Machine) Quit(ctx context.Context) error {
	// QEMU may be gone before its answer is read; whether it is gone is what counts.
	err := m.qmp.do(ctx, "quit", nil)
	select {
	case <-m.child.done:
		return m.Close()
	case <-ctx.Done():
		return err
	}
}

// UnplugModule pulls the module out of its USB socket, AT port and network card alike.
func (m *Machine) UnplugModule(ctx context.Context) error {
	if err := m.qmp.remove(ctx, deviceID(moduleCard)); err != nil {
		return err
	}
	return m.qmp.remove(ctx, deviceID(modulePort))
}

// PlugModule puts it in again, at the same socket.
func (m *Machine) PlugModule(ctx context.Context) error {
	for _, device := range []string{modulePort, moduleCard} {
		if err := m.qmp.do(ctx, "device_add", deviceArguments(device)); err != nil {
			return err
		}
	}
	return nil
}

// SetLANLink plugs the LAN cable in, or pulls it: the guest loses the carrier.
func (m *Machine) SetLANLink(ctx context.Context, up bool) error {
	return m.qmp.do(ctx, "set_link", map[string]any{"name": deviceID(lanCard), "up": up})
}

// deviceArguments turns an argument of -device into those of device_add.
func deviceArguments(device string) map[string]any {
	driver, rest, _ := strings.Cut(device, ",")
	arguments := map[string]any{"driver": driver}
	for _, pair := range strings.Split(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		arguments[key] = value
	}
	return arguments
}

func deviceID(device string) string { return deviceArguments(device)["id"].(string) }
