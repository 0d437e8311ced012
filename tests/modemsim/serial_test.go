package modemsim_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"airlock/drivers/modem"
	"airlock/drivers/serial"
	"airlock/tests/modemsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOverTTY takes the way of the appliance: the port is found in the device tree, among one that is silent, opened as
// a tty, and a window is opened and closed over it.
func TestOverTTY(t *testing.T) {
	tty, err := modemsim.OpenPTY()
	if err != nil {
		t.Skipf("skipped: no pseudo terminal here: %v", err)
	}
	sim := modemsim.New(modemsim.Config{LeftOn: true})
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { sim.Serve(ctx, tty) })
	defer serving.Wait()
	defer cancel()

	finder := serial.Finder{Sys: deviceTree(t, "ttyUSB0", "ttyUSB1"), Patience: 300 * time.Millisecond,
		Open: func(device string) (io.ReadWriteCloser, error) {
			if filepath.Base(device) == "ttyUSB1" {
				return serial.Open(tty.Host)
			}
			silent, err := modemsim.OpenPTY()
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { silent.Close() })
			return serial.Open(silent.Host)
		}}
	m := modem.New(modem.Config{Times: short()}, modem.Serial(finder))
	defer m.Close()
	if err := m.Up(t.Context(), nil); err != nil || !sim.DataActive() {
		t.Fatalf("Up = %v, data %v", err, sim.DataActive())
	}
	if got, want := m.Status().Port, "ttyUSB1 (0403:6001, pci-0000:00:04.0-usb-0:2:1.0)"; got != want {
		t.Errorf("Status().Port = %q, want %q", got, want)
	}
	if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
		t.Errorf("Down = %v, radio on %v", err, sim.RadioOn())
	}
}

// deviceTree lays USB serial adapters out as QEMU's are, one to a port of the bus.
func deviceTree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for i, name := range names {
		usb := "1-" + string(rune('1'+i))
		pci := filepath.Join(root, "devices/pci0000:00/0000:00:04.0")
		ifc := filepath.Join(pci, "usb1", usb, usb+":1.0")
		class := filepath.Join(root, "class/tty", name)
		for _, dir := range []string{ifc, class} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for file, text := range map[string]string{ifc + "/bInterfaceNumber": "00", ifc + "/../idVendor": "0403", ifc + "/../idProduct": "6001"} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for link, target := range map[string]string{class + "/device": ifc, ifc + "/subsystem": "/bus/usb",
			ifc + "/../subsystem": "/bus/usb", pci + "/subsystem": "/bus/pci"} {
			if err := os.Symlink(target, link); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
	}
	return root
}
