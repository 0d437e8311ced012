// Package ppp is the network's end of a Point-to-Point link, as a cellular module has it behind its serial port: LCP
// (RFC 1661) in HDLC-like framing (RFC 1662), PAP (RFC 1334) or CHAP (RFC 1994), IPCP (RFC 1332, name servers by
// RFC 1877) and IPv6CP (RFC 5072). Peer.Run speaks over any byte stream; IP packets go to a callback and come by
// Peer.Send.
//
// It assigns addresses and takes none, authenticates the other end and itself to nobody, compresses nothing, and opens no
// device. The simulated module calls it; programs that test a dialler may.
package ppp
