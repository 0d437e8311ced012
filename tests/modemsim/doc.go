// Package modemsim is a simulated cellular module: a model behind an AT port, not a script. It keeps the state
// that a module keeps (SIM and its tries, radio, registration, contexts, calls), takes time for what takes time, sends
// unsolicited lines, and refuses what is impossible in that state with the code that a module gives.
//
//	Personality   which module: identity, boot lines, the vendor's own commands (one file a vendor)
//	Config        the card, the network on the air, how long things take
//	Faults        what is wrong now; SetFaults changes it
//	Script        what goes wrong by itself, and when (ParseScript; ScriptHelp is the language)
//
// A network interface has no packets here: Config.OnData tells when they could flow, and the lab's carrier network opens
// and shuts by it. Over a PPP call (ATD*99***1#) IP packets come to Config.OnPacket and go by SendPacket.
//
// Serve speaks over any byte stream: a net.Pipe in tests, the socket of QEMU's usb-serial in the lab, a pseudo
// terminal for other programs (cmd/modemsim). The module opens no device and reaches no network.
package modemsim
