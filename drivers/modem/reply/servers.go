package reply

import "net/netip"

// ParseServers reads the name servers of +GTDNS=<cid> (Fibocom): +GTDNS: <cid>,"<first>","<second>". What is no address is
// left out, so that an odd firmware costs the servers and not the window.
func ParseServers(lines []string) []netip.Addr {
	var servers []netip.Addr
	for _, line := range lines {
		rest, ok := after(line, "+GTDNS")
		if !ok {
			continue
		}
		for i, f := range fields(rest) {
			if a, ok := address(f.text); ok && i > 0 {
				servers = append(servers, a)
			}
		}
	}
	return servers
}
