package run

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier sends one message of sd_notify(3), lines of KEY=value, to the service manager.
type Notifier func(state string) error

// Systemd is the Notifier of a unit with Type=notify and the time within which its WatchdogSec=
// wants a ping. Off systemd (no NOTIFY_SOCKET, no WATCHDOG_USEC) both do nothing. The variables
// stay set: they name this process, and a child finds WATCHDOG_PID to be another's.
func Systemd() (Notifier, time.Duration, error) {
	notify := func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	return notify, watchdog, err
}

// NoManager is the Notifier where nobody listens.
func NoManager(string) error { return nil }

// oneLine keeps a status text from forging further lines of a message.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
