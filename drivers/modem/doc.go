// Package modem takes a cellular module from whatever state it is in to an active data context, and back
// to a radio that is proven to be off. It speaks 3GPP TS 27.007, and what a vendor does differently stands
// as data in one file per vendor (quectel.go, …), with replies in testdata; package reply reads them.
//
//	            ┌──────────────────────────── Up ────────────────────────────────────┐
//	find port → identify → SIM ready → configure (radio off) → radio on → registered → data on → proven
//	            any state ─────────────────── Down ─────────────────→ data off → CFUN=4 → read back
//
// It never touches the network interface (drivers/lan does), never sends a PIN but as the guard in pin.go allows, never sets
// a clock, and never trusts a state that it has not read back. Between windows it answers a technician's questions
// (service.go, operators.go). firmware/cmd/netd adapts it to netd's Modem.
package modem
