package sysfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"airlock/drivers/sysfs"
)

// tree lays out device directories: path → attributes; "subsystem" and "driver" become links.
func tree(t *testing.T, dirs map[string]map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for dir, attributes := range dirs {
		full := filepath.Join(root, "devices", dir)
		if err := os.MkdirAll(full, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, value := range attributes {
			var err error
			if name == "subsystem" || name == "driver" {
				err = os.Symlink("/somewhere/"+value, filepath.Join(full, name))
			} else {
				err = os.WriteFile(filepath.Join(full, name), []byte(value+"\n"), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(root, "devices")
}

func devices(t *testing.T) string {
	return tree(t, map[string]map[string]string{
		"pci0000:00":                                       {},
		"pci0000:00/0000:00:03.0":                          {"subsystem": "pci", "driver": "virtio-pci"},
		"pci0000:00/0000:00:03.0/virtio1":                  {"subsystem": "virtio", "driver": "virtio_net"},
		"pci0000:00/0000:00:1c.0":                          {"subsystem": "pci", "driver": "pcieport"},
		"pci0000:00/0000:00:1c.0/0000:02:00.0":             {"subsystem": "pci", "driver": "igc"},
		"pci0000:00/0000:00:04.0":                          {"subsystem": "pci", "driver": "xhci_hcd"},
		"pci0000:00/0000:00:04.0/usb1":                     {"subsystem": "usb", "driver": "usb"},
		"pci0000:00/0000:00:04.0/usb1/1-1":                 {"subsystem": "usb", "driver": "usb", "idVendor": "0403", "idProduct": "6001"},
		"pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0":         {"subsystem": "usb", "driver": "ftdi_sio", "bInterfaceNumber": "00", "bInterfaceClass": "ff"},
		"pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/ttyUSB0": {"subsystem": "usb-serial", "driver": "ftdi_sio", "port_number": "0"},
		"pci0000:00/0000:00:04.0/usb1/1-2/1-2.4":           {"subsystem": "usb", "idVendor": "2C7C", "idProduct": "0125"},
		"pci0000:00/0000:00:04.0/usb1/1-2":                 {"subsystem": "usb", "driver": "usb"},
		"pci0000:00/0000:00:04.0/usb1/1-2/1-2.4/1-2.4:1.4": {"subsystem": "usb", "driver": "cdc_ether", "bInterfaceNumber": "04"},
		"platform/soc/fe300000.ethernet":                   {"subsystem": "platform", "driver": "bcmgenet"},
		"platform/soc":                                     {"subsystem": "platform"},
		"virtual/net/br0":                                  {"subsystem": "net"},
	})
}

// The expected values are what `udevadm info` prints as ID_PATH for such devices.
func TestPath(t *testing.T) {
	root := devices(t)
	for dir, want := range map[string]string{
		"pci0000:00/0000:00:03.0/virtio1":                  "pci-0000:00:03.0",
		"pci0000:00/0000:00:1c.0/0000:02:00.0":             "pci-0000:02:00.0",
		"pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0":         "pci-0000:00:04.0-usb-0:1:1.0",
		"pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/ttyUSB0": "pci-0000:00:04.0-usb-0:1:1.0-port0",
		"pci0000:00/0000:00:04.0/usb1/1-2/1-2.4/1-2.4:1.4": "pci-0000:00:04.0-usb-0:2.4:1.4",
		"platform/soc/fe300000.ethernet":                   "platform-fe300000.ethernet",
		"virtual/net/br0":                                  "",
	} {
		if got := sysfs.Path(filepath.Join(root, dir)); got != want {
			t.Errorf("Path(%q) = %q, want %q", dir, got, want)
		}
	}
}

func TestUSBOf(t *testing.T) {
	root := devices(t)
	got, ok := sysfs.USBOf(filepath.Join(root, "pci0000:00/0000:00:04.0/usb1/1-2/1-2.4/1-2.4:1.4"))
	want := sysfs.USB{Vendor: "2c7c", Product: "0125", Interface: "04", Device: "pci-0000:00:04.0-usb-0:2.4"}
	if !ok || got != want {
		t.Errorf("USBOf(1-2.4:1.4) = %+v, %v, want %+v", got, ok, want)
	}
	if got, ok := sysfs.USBOf(filepath.Join(root, "pci0000:00/0000:00:03.0/virtio1")); ok {
		t.Errorf("USBOf(virtio1) = %+v, want none", got)
	}
}
