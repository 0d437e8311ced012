// Package usb restarts a device by its bus: a reset of the device, or its hub port's power. The device is named by its
// stable path, as sysfs.USB has it, because its number on the bus changes with every start.
//
// It never touches a device that it was not told of, and never a hub but for the one port. firmware/hardware makes
// levers of it for drivers/modem's ladder.
package usb
