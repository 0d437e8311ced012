// Package at talks AT commands over one byte stream. It stands beneath github.com/warthog618/modem's
// at.AT, which runs each command, and gives that library only what belongs to the command that runs.
//
//	serial port ── wire: bytes → lines → owner of each line ──┬─ reply lines, final result → at.AT → Command
//	                                                          ├─ unsolicited lines, in order → their Handle
//	                                                          └─ echo, late answers, stray results: dropped, counted
//
// The library alone hands an unsolicited line to its handler and also to the command that runs, and gives
// the answer of a command that timed out to the next one. Here a line reaches one owner, and after a
// timeout nothing is sent before a probe with an answer of its own has come back (resync.go).
//
// It never interprets what a reply means, never decides what to send, and never opens a device.
// drivers/modem calls it; drivers/serial uses it to tell an AT port from other ports.
package at
