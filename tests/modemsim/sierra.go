package modemsim

import (
	"fmt"
	"maps"
	"slices"
)

// sierras is the DirectIP class (MC73xx); EM74xx and EM91xx move packets by MBIM or QMI, or by PPP.
func sierras() []Personality {
	return []Personality{{
		Name: "sierra", Manufacturer: "Sierra Wireless, Incorporated", Model: "MC7304", Revision: "SWI9X15C_05.05.58.00",
		IMEI: "359225050000017", USB: "1199:68c0", ATInterface: 3, Domains: lteDomains(), QuietCard: true,
		Binding: true,
		verbs: verbs{
			"!SCACT": scact, "$QCPDPP": accept, "!ENTERCND": entercnd, "+CPINC": retries("+CPINC: %[1]d,3,%[2]d,10"),
			"!PCSTATE": pcstate, "!PCOFFEN": locked(setting("0")), "!USBCOMP": locked(setting("1,1,0000010D")), "!RESET": restart,
			"!GSTATUS": gstatus, "!ICCID": cardThere(func(s *Sim, c call) reply { return say("!ICCID: " + s.cfg.SIM.ICCID) }),
		},
	}}
}

// scact is !SCACT=<1|0>,<cid>; it needs an attached module.
func scact(s *Sim, c call) reply {
	return mode(dialCID, hangUpCID, func(s *Sim) []string {
		var lines []string
		for _, cid := range slices.Sorted(maps.Keys(s.contexts)) {
			lines = append(lines, fmt.Sprintf("!SCACT: %d,%d", cid, bit(s.up() && s.bound == cid)))
		}
		return lines
	})(s, c)
}

// entercnd opens the privileged commands until the next restart.
func entercnd(s *Sim, c call) reply {
	if c.form != set || c.arg(0) != "A710" {
		return refuse(3)
	}
	s.privileged = true
	return reply{}
}

// locked refuses to change what only an unlocked module changes.
func locked(then func(*Sim, call) reply) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		if c.form == set && !s.privileged {
			return refuse(3)
		}
		return then(s, c)
	}
}

// pcstate is the power state beside +CFUN: 0 low power, 1 online.
func pcstate(s *Sim, c call) reply {
	switch {
	case c.form != set:
		return say(fmt.Sprintf("!PCSTATE: %d", bit(s.fun == 1)))
	case c.arg(0) == "0":
		s.setFunction(4)
	case c.arg(0) == "1":
		s.setFunction(1)
	default:
		return refuse(50)
	}
	return reply{delay: s.cfg.Times.Function}
}

func gstatus(s *Sim, c call) reply {
	power, attached := "LOW POWER MODE", "Not attached"
	if s.fun == 1 {
		power = "ONLINE"
	}
	if !s.registered() {
		return say("!GSTATUS: \r\nCurrent Time:  22016\t\tTemperature: 40\r\nReset Counter: 1\t\tMode:        " + power +
			"\r\nSystem mode:   No service\tPS state:    " + attached)
	}
	a := s.measure()
	return say(fmt.Sprintf("!GSTATUS: \r\nCurrent Time:  22016\t\tTemperature: 40\r\nReset Counter: 1\t\tMode:        %s\r\n"+
		"System mode:   LTE        \tPS state:    Attached\r\nLTE band:      B3     \t\tLTE bw:      20 MHz\r\n"+
		"PCC RxM RSSI:  %d\t\tRSRP (dBm):  %d\r\nRSRQ (dB):     %d.0\t\tSINR (dB):   %d.0", power, a.rssi, a.rsrp, a.rsrq, a.sinr))
}
