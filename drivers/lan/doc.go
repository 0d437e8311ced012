// Package lan raises and lowers one network interface: link, address, default route, MTU. It finds
// interfaces by where they are plugged in, not by their name.
//
//	Find → (the interlock attaches to the link, which is down) → Up: admin up → carrier → address → route
//	                                                             Down: routes, addresses, admin down, read back
//
// It never decides when, never touches a firewall rule, and sends nothing by itself but DHCP: no gratuitous ARP, and with
// IPv6 off no neighbour or router discovery. firmware/cmd/netd adapts it to netd's Link, for either door.
package lan
