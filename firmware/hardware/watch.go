package hardware

import (
	"context"
	"log/slog"
	"time"

	"airlock/drivers/serial"
	"airlock/drivers/sysfs"
)

// lookEvery is how often the ports are listed. Reading a few folders of sysfs takes well below a millisecond.
const lookEvery = 2 * time.Second

// Watch calls doubt whenever a USB serial port appears that was not there before, until ctx ends: a module
// that was plugged in, or has reset itself, may come with its radio on, and netd must read it back.
func Watch(ctx context.Context, log *slog.Logger, doubt func()) error {
	return watch(ctx, log, doubt, ports, time.Tick(lookEvery))
}

func watch(ctx context.Context, log *slog.Logger, doubt func(), list func() ([]string, error), tick <-chan time.Time) error {
	known, failing := map[string]bool{}, false
	for first := true; ; first = false {
		names, err := list()
		if err != nil && !failing {
			log.Warn("serial ports cannot be listed", "error", err)
		}
		failing = err != nil
		if err == nil {
			now := map[string]bool{}
			appeared := ""
			for _, name := range names {
				now[name] = true
				if !known[name] {
					appeared = name
				}
			}
			known = now
			if appeared != "" && !first { // what was there at the start is read back at the start
				log.Info("serial port appeared", "port", appeared)
				doubt()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

// ports names the USB serial ports by what changes when a module comes back: name and place.
func ports() ([]string, error) {
	found, err := serial.Candidates(sysfs.Root)
	var names []string
	for _, c := range found {
		names = append(names, c.Name+" at "+c.Path)
	}
	return names, err
}
