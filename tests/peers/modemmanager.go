package peers

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"
)

// ModemManager is one running ModemManager on a bus of its own. It looks at no device of this machine.
type ModemManager struct {
	Version string
	bus     *bus
	daemon  *process
}

const (
	mmName   = "org.freedesktop.ModemManager1"
	mmPath   = "/org/freedesktop/ModemManager1"
	mmModem  = mmName + ".Modem"
	mmSimple = mmModem + ".Simple"
	mmBearer = mmName + ".Bearer"
)

// LogLevel is how much ModemManager writes into its log.
type LogLevel string

// Log levels. All has each command and reply, and makes ModemManager slow: with it a window that took 0.14 s took 1.3 s.
const (
	LogAll    LogLevel = "DEBUG"
	LogErrors LogLevel = "ERR"
)

// StartModemManager starts it, with its files in dir. Plugins take part of a second to load.
func StartModemManager(ctx context.Context, dir string, level LogLevel) (*ModemManager, error) {
	program, err := find("ModemManager")
	if err != nil {
		return nil, err
	}
	b, err := startBus(ctx, dir)
	if err != nil {
		return nil, err
	}
	m := &ModemManager{Version: program.version(), bus: b}
	args := []string{"--test-session", "--test-enable", "--test-no-udev", "--test-no-suspend-resume", "--test-no-qrtr",
		"--no-auto-scan", "--log-relative-timestamps"}
	switch level {
	case LogAll:
		args = append(args, "--debug") // to its standard error, with what its libraries say before they abort
	default:
		args = append(args, "--log-level="+string(level), "--log-file="+filepath.Join(dir, "errors.log"))
	}
	if program.root != "/" {
		plugins, _ := filepath.Glob(filepath.Join(program.root, "usr/lib/*/ModemManager")) // the pattern is well-formed
		for _, folder := range plugins {
			args = append(args, "--test-plugin-dir="+folder)
		}
	}
	env := append(program.libraries(), "DBUS_SESSION_BUS_ADDRESS="+b.address)
	if m.daemon, err = start(m.Log(), env, program.path, args...); err != nil {
		b.close()
		return nil, err
	}
	if err := m.await(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// await waits for the name on the bus.
func (m *ModemManager) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ctx, release := m.daemon.whileAlive(ctx)
	defer release()
	if err := m.bus.untilOwned(ctx, mmName); err != nil {
		return fmt.Errorf("wait for ModemManager: %w", err)
	}
	return nil
}

// Log is the file with what ModemManager says on its standard error.
func (m *ModemManager) Log() string { return filepath.Join(m.bus.dir, "ModemManager.log") }

// Close stops it and its bus.
func (m *ModemManager) Close() {
	m.daemon.stop()
	m.bus.close()
}

// Plug gives ModemManager a modem whose AT port is an abstract socket, with the plugin for it: the socket "@"+port, whose
// name has to begin with "abstract:". It returns when ModemManager has identified the modem, or given it up.
func (m *ModemManager) Plug(ctx context.Context, id, plugin, port string) (*Modem, error) {
	ctx, release := m.daemon.whileAlive(ctx)
	defer release()
	manager := m.bus.conn.Object(mmName, mmPath)
	if err := manager.CallWithContext(ctx, mmName+".Test.SetProfile", 0, id, plugin, []string{port}).Err; err != nil {
		return nil, fmt.Errorf("give ModemManager a %s modem: %w", plugin, err)
	}
	modem := &Modem{manager: m}
	err := m.bus.until(ctx, func() (bool, error) {
		var objects map[dbus.ObjectPath]map[string]map[string]dbus.Variant
		err := manager.CallWithContext(ctx, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", 0).Store(&objects)
		for path, interfaces := range objects {
			properties := interfaces[mmModem]
			if value[string](properties, "Device") == "/virtual/"+id {
				modem.path = path
				return State(value[int32](properties, "State")).settled(), err
			}
		}
		return false, err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for ModemManager to identify the modem: %w", err)
	}
	return modem, modem.usable(ctx)
}
