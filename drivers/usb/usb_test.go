package usb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// tree lays out a controller with a module behind a hub's second port, as the kernel does.
func tree(t *testing.T) string {
	t.Helper()
	sys := t.TempDir()
	usb1 := filepath.Join(sys, "devices/pci0000:00/0000:00:04.0/usb1")
	for dir, files := range map[string]map[string]string{
		usb1: {"busnum": "1"},
		filepath.Join(usb1, "1-0:1.0/usb1-port2"): {"disable": "0"},
		filepath.Join(usb1, "1-2"):                {"busnum": "1", "devnum": "7", "authorized": "1", "idVendor": "2c7c"},
		filepath.Join(usb1, "1-2/1-2:1.2"):        {"bInterfaceNumber": "02"},
		filepath.Join(sys, "bus/usb/devices"):     {},
		filepath.Join(sys, "bus/pci"):             {},
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	links := map[string]string{
		filepath.Join(usb1, "subsystem"):                 filepath.Join(sys, "bus/usb"),
		filepath.Join(usb1, "1-2/subsystem"):             filepath.Join(sys, "bus/usb"),
		filepath.Join(usb1, "../subsystem"):              filepath.Join(sys, "bus/pci"),
		filepath.Join(usb1, "1-2/port"):                  filepath.Join(usb1, "1-0:1.0/usb1-port2"),
		filepath.Join(sys, "bus/usb/devices/usb1"):       usb1,
		filepath.Join(sys, "bus/usb/devices/1-2"):        filepath.Join(usb1, "1-2"),
		filepath.Join(sys, "bus/usb/devices/1-2:1.2"):    filepath.Join(usb1, "1-2/1-2:1.2"),
		filepath.Join(usb1, "1-0:1.0/usb1-port2/device"): filepath.Join(usb1, "1-2"),
	}
	for link, to := range links {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

const modulePath = "pci-0000:00:04.0-usb-0:2"

// kernel notes what is written and reset, in order, and may refuse either.
type kernel struct {
	done          []string
	sealed, fixed error
	at            []time.Time
}

func (k *kernel) bus(sys string) *Bus {
	return &Bus{Sys: sys, Dev: "/dev", write: func(path, value string) error {
		if k.sealed != nil {
			return k.sealed
		}
		k.done, k.at = append(k.done, filepath.Base(path)+"="+value), append(k.at, time.Now())
		return nil
	}, reset: func(node string) error {
		if k.fixed != nil {
			return k.fixed
		}
		k.done = append(k.done, node)
		return nil
	}}
}

func TestReset(t *testing.T) {
	sys := tree(t)
	for _, c := range []struct {
		name          string
		sealed, fixed error
		want          []string
		fails         bool
	}{
		{"both ways", nil, nil, []string{"authorized=0", "/dev/bus/usb/001/007", "authorized=1"}, false},
		{"sysfs is sealed", unix.EROFS, nil, []string{"/dev/bus/usb/001/007"}, false},
		{"no device file", nil, unix.ENOENT, []string{"authorized=0", "authorized=1"}, false},
		{"neither", unix.EROFS, unix.EPERM, nil, true},
	} {
		k := &kernel{sealed: c.sealed, fixed: c.fixed}
		d, err := k.bus(sys).Find(modulePath)
		if err != nil || d.String() != "1-2" {
			t.Fatalf("Find = %s, %v", d, err)
		}
		err = d.Reset(t.Context())
		if (err != nil) != c.fails || !slices.Equal(k.done, c.want) {
			t.Errorf("%s: Reset = %v after %q, want %q", c.name, err, k.done, c.want)
		}
		if c.fails && (!errors.Is(err, unix.EROFS) || !errors.Is(err, unix.EPERM)) {
			t.Errorf("%s: Reset = %v, want both reasons", c.name, err)
		}
	}
}

func TestFindOfWhatIsGone(t *testing.T) {
	for _, path := range []string{"", "pci-0000:00:04.0-usb-0:3", "pci-0000:00:04.0"} {
		if d, err := (&Bus{Sys: tree(t)}).Find(path); !errors.Is(err, ErrGone) {
			t.Errorf("Find(%q) = %v, %v, want ErrGone", path, d, err)
		}
	}
	if _, err := (&Bus{Sys: t.TempDir()}).Find(modulePath); !errors.Is(err, ErrGone) {
		t.Errorf("Find without any USB = %v, want ErrGone", err)
	}
}

func TestCycle(t *testing.T) {
	sys := tree(t)
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{}
		d, err := k.bus(sys).Find(modulePath)
		if err != nil {
			t.Fatal(err)
		}
		port, err := d.Port()
		if err != nil || port.String() != "usb1-port2" {
			t.Fatalf("Port = %s, %v", port, err)
		}
		if err := port.Cycle(t.Context(), 5*time.Second); err != nil {
			t.Error(err)
		}
		if !slices.Equal(k.done, []string{"disable=1", "disable=0"}) || k.at[1].Sub(k.at[0]) != 5*time.Second {
			t.Errorf("did %q at %v", k.done, k.at)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := port.Cycle(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || k.done[3] != "disable=0" {
			t.Errorf("a cancelled Cycle = %v after %q, want the port on again", err, k.done)
		}
		k.sealed = unix.EROFS
		if err := port.Cycle(t.Context(), time.Second); !errors.Is(err, ErrNoSwitch) {
			t.Errorf("Cycle in a sandbox = %v, want ErrNoSwitch", err)
		}
	})
	if err := (Port{}).Cycle(t.Context(), 0); !errors.Is(err, ErrNoSwitch) {
		t.Errorf("Cycle of no port = %v", err)
	}
}

// TestWritesForReal: attributes are written as they stand in the tree, and none is made that the kernel does not show.
func TestWritesForReal(t *testing.T) {
	sys := tree(t)
	b := &Bus{Sys: sys, Dev: t.TempDir()}
	d, err := b.Find(modulePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(t.Context()); err != nil { // there is no device file: sysfs alone
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "authorized"))
	if err != nil || strings.TrimSpace(string(text)) != "1" {
		t.Errorf("authorized reads %q, %v", text, err)
	}
	if err := os.Remove(filepath.Join(d.dir, "authorized")); err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Reset without any way = %v", err)
	}
}
