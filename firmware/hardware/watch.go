package hardware

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"airlock/drivers/lan"
	"airlock/drivers/serial"
	"airlock/drivers/sysfs"
)

// lookEvery is how often devices are listed. Reading a few folders of sysfs takes well below a millisecond.
const lookEvery = 2 * time.Second

// Watch calls doubt whenever a USB serial port or a network interface appears that was not there before, until ctx
// ends: a module that was plugged in, or has reset itself, may come with its radio on, a card with its link up, and
// netd must read them back.
func Watch(ctx context.Context, log *slog.Logger, doubt func()) error {
	return watch(ctx, log, doubt, devices, time.Tick(lookEvery))
}

func watch(ctx context.Context, log *slog.Logger, doubt func(), list func() ([]string, error), tick <-chan time.Time) error {
	known, failing := map[string]bool{}, false
	for first := true; ; first = false {
		names, err := list()
		if err != nil && !failing {
			log.Warn("devices cannot be listed", "error", err)
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
				log.Info("device appeared", "device", appeared)
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

// devices names what could open a door by what changes when it comes back: name and place.
func devices() ([]string, error) {
	ports, err := serial.Candidates(sysfs.Root)
	if err != nil {
		return nil, err
	}
	links, err := lan.List(sysfs.Root)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range ports {
		names = append(names, p.Name+" at "+p.Path)
	}
	for _, l := range links {
		names = append(names, fmt.Sprintf("%s (%d) at %s", l.Name, l.Index, l.Path))
	}
	return names, nil
}
