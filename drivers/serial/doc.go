// Package serial finds and opens the tty of a cellular module. Which of a module's several ports takes AT commands
// is decided by the USB interface where roles.txt knows the module, and always by asking; never by the
// number in ttyUSB2, which depends on who came first.
//
// It never sends anything but the probe of package at, and never touches ports that are not on USB.
// firmware/cmd/netd hands a Finder to drivers/modem.
package serial
