// Package peers lets other programs judge the simulated module: Debian's ModemManager and oFono, as Debian ships them,
// bring it up and down over D-Bus. What both accept is no invention of ours. The bench measures ModemManager with it.
//
// Everything runs on a private bus and a private socket; nothing of it is seen by the machine's own services, no device
// is opened, and each program is stopped by its process id. Tests and tests/bench call it.
package peers
