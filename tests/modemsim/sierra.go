package modemsim

import (
	"fmt"
	"maps"
	"slices"
)

// sierras are the DirectIP class (MC73xx), and the EM74xx and EM91xx, which are made for MBIM and QMI and speak AT besides.
func sierras() []Personality {
	common := func(name, model, revision, imei, usb string) Personality {
		return Personality{
			Name: name, Manufacturer: "Sierra Wireless, Incorporated", Model: model, Revision: revision, IMEI: imei, USB: usb, ATInterface: 3,
			Domains: lteDomains(), QuietCard: true, Binding: true, verbs: sierraVerbs(),
		}
	}
	em := common("sierra-em", "EM7455", "SWI9X30C_02.24.05.06", "359072060000011", "1199:9071")
	em.DefaultBearer, em.Causes, em.Unverified = true, true, true // that !SCACT works there is nobody's observation
	return []Personality{common("sierra", "MC7304", "SWI9X15C_05.05.58.00", "359225050000017", "1199:68c0"), em}
}

func sierraVerbs() verbs {
	return verbs{
		"!SCACT": scact, "$QCPDPP": accept, "!ENTERCND": entercnd, "+CPINC": retries("+CPINC: %[1]d,3,%[2]d,10"),
		"!PCSTATE": pcstate, "!PCOFFEN": locked(setting("0")), "!USBCOMP": locked(setting("1,1,0000010D")), "!RESET": restart,
		"!GSTATUS": gstatus, "!ICCID": cardThere(func(s *Sim, c call) reply { return say("!ICCID: " + s.cfg.SIM.ICCID) }),
	}
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
