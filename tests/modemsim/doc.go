// Package modemsim is a simulated cellular module: a model behind an AT port, not a script. It keeps the state
// that a module keeps (SIM, radio, registration, contexts), takes time for what takes time, sends
// unsolicited lines, and refuses what is impossible in that state with the code that a module gives.
//
// It moves no packets. Config.OnData tells when packets could flow; the lab's carrier network opens and shuts by it.
// Serve speaks over any byte stream: a net.Pipe in tests, the socket of QEMU's usb-serial in the lab, a pseudo
// terminal for other programs (cmd/modemsim).
package modemsim
