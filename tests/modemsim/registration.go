package modemsim

import (
	"fmt"
	"slices"
	"strconv"
)

// registration is <stat> and, for n=2, where and how.
func (s *Sim) registration(domain string, n int) string {
	stat := s.domainStat(domain)
	switch {
	case n == 3 && stat == 3 && s.rejected > 0: // <cause_type> 0: a cause of the network
		return fmt.Sprintf("3,,,,0,%d", s.rejected)
	case n < 2 || stat != 1 && stat != 5:
		return strconv.Itoa(stat)
	case domain == "+C5GREG":
		return fmt.Sprintf(`%d,"6301D","065472283",%d,9,01.000000`, stat, s.cfg.Network.Access)
	}
	return fmt.Sprintf(`%d,"272D","0D17C148",%d`, stat, s.cfg.Network.Access)
}

// domainStat: with LTE a module is registered for packets in EPS (+CEREG), and +CGREG says 0 or the same by
// firmware; 5G stays 0 with LTE. With 5G alone the others say 0 (seen with Quectel RM500U).
func (s *Sim) domainStat(domain string) int {
	if domain == "+C5GREG" && s.cfg.Network.Access < 10 {
		return 0
	}
	if domain != "+C5GREG" && s.cfg.Network.Access >= 11 && s.registered() {
		return 0
	}
	return s.stat
}

// creg serves +CREG, +CGREG, +CEREG and +C5GREG.
func creg(s *Sim, c call) reply {
	if !slices.Contains(s.cfg.Personality.Domains, c.name) {
		return refuse(4)
	}
	switch c.form {
	case test:
		return say(fmt.Sprintf("%s: (0-%d)", c.name, s.reportMost()))
	case read:
		n := s.report[c.name]
		return say(fmt.Sprintf("%s: %d,%s", c.name, n, s.registration(c.name, n)))
	}
	n, err := strconv.Atoi(c.arg(0))
	if err != nil || n < 0 || n > s.reportMost() {
		return refuse(50)
	}
	s.report[c.name] = n
	return reply{}
}

// reportMost is the highest <n> of +CREG and its kin.
func (s *Sim) reportMost() int {
	if s.cfg.Personality.Causes {
		return 3
	}
	return 2
}

// ceer tells the last failure; 27.007 §8.2 leaves the text to the vendor.
func ceer(s *Sim, c call) reply {
	if s.rejected == 0 {
		return say("+CEER: No cause information available")
	}
	return say(fmt.Sprintf("+CEER: EMM_CAUSE,%d", s.rejected))
}
