// Package ppp makes a network interface of a module's AT port: it runs Debian's pppd, and stands between pppd and the port.
//
//	module ══ Line ══ gate: LCP and who we are pass; addresses and packets only once it is open ══ pseudo terminal ══ pppd ══ ppp0
//
// Start returns when the other end has agreed to a link and the interface is there, down, with the gate shut: nothing that
// the interface sends can reach the module, of whatever family, and pppd cannot bring it up, before somebody has guarded it
// and calls Open. pppd lives on a pseudo terminal of this process and so cannot outlive it. No script and no plugin of pppd runs,
// and no secret stands in a file or on a command line.
//
// It never speaks AT, sets no route, and decides nothing about doors. drivers/modem starts and ends calls,
// firmware/hardware opens their gate.
package ppp
