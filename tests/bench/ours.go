package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"airlock/drivers/modem"
	"airlock/drivers/serial"
	"airlock/tests/modemsim"
)

// ours measures our session, with the port found by its USB descriptors and opened as a terminal.
func ours(ctx context.Context, t tempo, runs int) ([]windows, error) {
	whole := windows{host: "airlock", what: "from a port to data proven", bar: windowBar.String()}
	known := windows{host: "airlock", what: "module known, to data proven", bar: windowBar.String()}
	for range runs {
		first, second, err := ourWindows(ctx, t)
		if err != nil {
			return nil, err
		}
		whole.all, known.all = append(whole.all, first), append(known.all, second)
	}
	return []windows{whole, known}, nil
}

// ourWindows opens a window on a module never seen, closes it, and opens another.
func ourWindows(ctx context.Context, t tempo) (first, second window, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return first, second, fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(dir)
	sim := modemsim.New(t.module())
	if err := sim.PowerOn(ctx); err != nil {
		return first, second, err
	}
	tty, err := modemsim.OpenPTY()
	if err != nil {
		return first, second, err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer tty.Close()
	serving.Go(func() { _ = sim.Serve(ctx, tty) }) // ends with the terminal
	finder, err := plugged(dir, t.module().Personality, tty.Host)
	if err != nil {
		return first, second, err
	}
	m := modem.New(modem.Config{APN: "internet"}, modem.Serial(finder))
	defer m.Close()
	up := func() error { return m.Up(ctx, nil) }
	if first, err = measure(sim, up); err != nil {
		return first, second, err
	}
	if err := m.Down(ctx); err != nil {
		return first, second, err
	}
	second, err = measure(sim, up)
	return first, second, err
}

// plugged is a sysfs with the module's four USB ports (as Linux' option driver makes them), and a folder of devices in
// which the one with AT commands is the terminal.
func plugged(dir string, p modemsim.Personality, host string) (serial.Finder, error) {
	f := serial.Finder{Sys: filepath.Join(dir, "sys"), Dev: filepath.Join(dir, "dev")}
	vendor, product, _ := strings.Cut(p.USB, ":")
	pci := filepath.Join(f.Sys, "devices/pci0000:00/0000:00:04.0")
	usb := filepath.Join(pci, "usb1/1-2")
	t := tree{files: map[string]string{filepath.Join(usb, "idVendor"): vendor, filepath.Join(usb, "idProduct"): product},
		links: map[string]string{filepath.Join(pci, "subsystem"): "/bus/pci", filepath.Join(usb, "subsystem"): "/bus/usb"}}
	for i := range 4 {
		name, ifc := fmt.Sprintf("ttyUSB%d", i), filepath.Join(usb, fmt.Sprintf("1-2:1.%d", i))
		t.files[filepath.Join(ifc, "bInterfaceNumber")] = fmt.Sprintf("%02d", i)
		t.files[filepath.Join(ifc, name, "port_number")] = "0"
		t.links[filepath.Join(ifc, "subsystem")] = "/bus/usb"
		t.links[filepath.Join(ifc, name, "subsystem")] = "/bus/usb-serial"
		t.links[filepath.Join(ifc, name, "driver")] = "/drivers/option1"
		t.links[filepath.Join(f.Sys, "class/tty", name, "device")] = filepath.Join(ifc, name)
	}
	t.links[filepath.Join(f.Dev, fmt.Sprintf("ttyUSB%d", p.ATInterface))] = host
	return f, t.write()
}

// tree is a folder's content by path.
type tree struct{ files, links map[string]string }

func (t tree) write() error {
	for path, text := range t.files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("lay out sysfs: %w", err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			return fmt.Errorf("lay out sysfs: %w", err)
		}
	}
	for path, target := range t.links {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("lay out sysfs: %w", err)
		}
		if err := os.Symlink(target, path); err != nil {
			return fmt.Errorf("lay out sysfs: %w", err)
		}
	}
	return nil
}
