// Package sysfs reads the kernel's device tree: the stable path of a device, its driver, and the USB
// identifiers behind it. It never writes, and never opens a device. drivers/serial and drivers/lan call it.
//
// Every function takes directories, so that a test can lay out a tree of its own.
package sysfs

import (
	"os"
	"path/filepath"
	"strings"
)

// Root is where the kernel mounts the tree.
const Root = "/sys"

// Device resolves the device behind a class entry such as /sys/class/net/eth0. It fails for
// virtual ones (bridge, veth, tun), which have none.
func Device(class string) (string, error) {
	return filepath.EvalSymlinks(filepath.Join(class, "device"))
}

// Path computes the stable path of a device directory as udev's ID_PATH does: where it is
// plugged in, not when it was found. "" when nothing on the way says where. Forms:
//
//	pci-0000:00:03.0
//	pci-0000:00:04.0-usb-0:2:1.0
//	pci-0000:00:04.0-usb-0:1:1.0-port0
//	platform-fe300000.ethernet
func Path(device string) string {
	var parts []string
	last := ""
	for dir := device; len(dir) > 1 && filepath.Base(dir) != "devices"; dir = filepath.Dir(dir) {
		subsystem := linkBase(filepath.Join(dir, "subsystem"))
		if subsystem == last && subsystem != "" {
			continue // bridges above a PCI function, hubs above a USB interface
		}
		if part := pathPart(subsystem, dir); part != "" {
			parts = append([]string{part}, parts...)
		}
		if subsystem != "" {
			last = subsystem
		}
	}
	return strings.Join(parts, "-")
}

// pathPart is what one level adds.
func pathPart(subsystem, dir string) string {
	name := filepath.Base(dir)
	switch subsystem {
	case "pci", "platform":
		return subsystem + "-" + name
	case "usb":
		if _, port, ok := strings.Cut(name, "-"); ok {
			return "usb-0:" + port
		}
	case "usb-serial":
		if port := Read(dir, "port_number"); port != "" {
			return "port" + port
		}
	}
	return ""
}

// Driver is the name of the driver bound to a device directory, or to its nearest parent that has one
// (a ttyUSB hangs below the interface whose driver matters to nobody else).
func Driver(device string) string {
	return linkBase(filepath.Join(device, "driver"))
}

// USB is the USB interface behind a device.
type USB struct {
	Vendor, Product           string // four hex digits, lower case
	Interface                 string // two hex digits
	Class, Subclass, Protocol string // two hex digits
	// Device is the stable path of the whole USB device, without the interface: ports and
	// network interfaces of one module share it.
	Device string
}

// USBOf finds the USB interface at or above a device directory.
func USBOf(device string) (USB, bool) {
	for dir := device; len(dir) > 1 && filepath.Base(dir) != "devices"; dir = filepath.Dir(dir) {
		number := Read(dir, "bInterfaceNumber")
		if number == "" {
			continue
		}
		parent := filepath.Dir(dir)
		return USB{
			Vendor:    strings.ToLower(Read(parent, "idVendor")),
			Product:   strings.ToLower(Read(parent, "idProduct")),
			Interface: strings.ToLower(number),
			Class:     strings.ToLower(Read(dir, "bInterfaceClass")),
			Subclass:  strings.ToLower(Read(dir, "bInterfaceSubClass")),
			Protocol:  strings.ToLower(Read(dir, "bInterfaceProtocol")),
			Device:    Path(parent),
		}, true
	}
	return USB{}, false
}

// Read returns a one-line attribute, or "" when it is not there or cannot be read now.
func Read(dir, attribute string) string {
	b, err := os.ReadFile(filepath.Join(dir, attribute))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func linkBase(link string) string {
	target, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}
