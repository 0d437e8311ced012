// Package peers lets other programs judge the simulated module, as Debian ships them: ModemManager and oFono bring it up and
// down over D-Bus, and pppd calls over it from a small machine in QEMU. What they accept is no invention of ours. The bench
// measures ModemManager with it.
//
// Everything runs on a private bus and a private socket; nothing of it is seen by the machine's own services, no device
// is opened, and each program is stopped by its process id. Tests and tests/bench call it.
package peers
