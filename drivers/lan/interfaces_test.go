package lan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nic is one entry of a fake sysfs.
type nic struct {
	name, dir, subsystem, driver, flags string
}

func fakeSys(t *testing.T, nics ...nic) string {
	t.Helper()
	root := t.TempDir()
	for n, i := range nics {
		device := filepath.Join(root, "devices", i.dir)
		entry := filepath.Join(device, "net", i.name)
		for _, dir := range []string{entry, filepath.Join(root, "class", "net")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		link(t, "/bus/"+i.subsystem, filepath.Join(device, "subsystem"))
		link(t, "/drivers/"+i.driver, filepath.Join(device, "driver"))
		link(t, "../..", filepath.Join(entry, "device"))
		link(t, entry, filepath.Join(root, "class", "net", i.name))
		for name, value := range map[string]string{"ifindex": string(rune('2' + n)), "flags": i.flags, "address": "52:54:00:00:00:01"} {
			if err := os.WriteFile(filepath.Join(entry, name), []byte(value+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		parent := filepath.Dir(device)
		if i.subsystem == "virtio" {
			link(t, "/bus/pci", filepath.Join(parent, "subsystem"))
		}
		if i.subsystem == "usb" {
			link(t, "/bus/usb", filepath.Join(parent, "subsystem"))
			link(t, "/bus/pci", filepath.Join(parent, "..", "..", "subsystem"))
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "class", "net", "lo"), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
}

var (
	lanNIC   = nic{"enp0s3", "pci0000:00/0000:00:03.0/virtio1", "virtio", "virtio_net", "0x1002"}
	otherNIC = nic{"enp0s5", "pci0000:00/0000:00:05.0", "pci", "igc", "0x1003"}
	modemNIC = nic{"wwan0", "pci0000:00/0000:00:04.0/usb1/1-2/1-2:1.0", "usb", "cdc_ether", "0x1002"}
)

func TestList(t *testing.T) {
	got, err := List(fakeSys(t, modemNIC, lanNIC, otherNIC))
	if err != nil {
		t.Fatal(err)
	}
	want := []Interface{
		{Name: "enp0s3", Index: '3' - '0', Path: "pci-0000:00:03.0", Driver: "virtio_net", MAC: "52:54:00:00:00:01", Role: Wired},
		{Name: "wwan0", Index: 2, Path: "pci-0000:00:04.0-usb-0:2:1.0", Driver: "cdc_ether", MAC: "52:54:00:00:00:01", Role: Modem},
		{Name: "enp0s5", Index: 4, Path: "pci-0000:00:05.0", Driver: "igc", MAC: "52:54:00:00:00:01", Role: Wired, Up: true},
	}
	if len(got) != len(want) {
		t.Fatalf("List = %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("List[%d] = %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		name string
		nics []nic
		want Want
		get  string
		kind Kind
		word string // in the error
	}{
		{"only wired one", []nic{lanNIC, modemNIC}, Want{}, "enp0s3", "", ""},
		{"only modem", []nic{lanNIC, modemNIC}, Want{Role: Modem}, "wwan0", "", ""},
		{"several wired", []nic{lanNIC, otherNIC}, Want{}, "", Ambiguous, "pci-0000:00:05.0"},
		{"by path", []nic{lanNIC, otherNIC}, Want{Path: "pci-0000:00:05.0"}, "enp0s5", "", ""},
		{"by the USB device's path", []nic{modemNIC}, Want{Path: "pci-0000:00:04.0-usb-0:2", Role: Modem}, "wwan0", "", ""},
		{"wrong path names what is there", []nic{lanNIC}, Want{Path: "pci-0000:00:09.0"}, "", NoInterface, "enp0s3 (pci-0000:00:03.0"},
		{"a path is no beginning of another", []nic{modemNIC}, Want{Path: "pci-0000:00:04.0-usb-0:2:1"}, "", NoInterface, "wwan0"},
		{"no modem", []nic{lanNIC}, Want{Role: Modem}, "", NoInterface, "USB mode"},
		{"nothing at all", nil, Want{}, "", NoInterface, "none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := New(Config{Want: tc.want, Sys: fakeSys(t, tc.nics...)}).Find()
			if tc.kind == "" {
				if err != nil || got.Name != tc.get {
					t.Errorf("Find = %v, %v, want %s", got, err, tc.get)
				}
				return
			}
			fault, ok := errors.AsType[*Error](err)
			if !ok || fault.Kind != tc.kind || !strings.Contains(fault.Detail, tc.word) {
				t.Errorf("Find = %v, want kind %q and %q", err, tc.kind, tc.word)
			}
		})
	}
}
