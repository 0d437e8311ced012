package modemsim

import "fmt"

func simcoms() []Personality {
	boot, ready := []string{"*ATREADY: 1"}, []string{"SMS DONE", "PB DONE"}
	return []Personality{
		{
			Name: "simcom-sim7600", Manufacturer: "SIMCOM INCORPORATED", Model: "SIMCOM_SIM7600E-H", Revision: "LE20B04SIM7600M22",
			IMEI: "867584030000017", USB: "1e0e:9001", ATInterface: 2, Boot: []string{"RDY"}, CardReady: ready, Domains: lteDomains(),
			DefaultBearer: true, Binding: true, Causes: true, Functions: []int{0, 1, 4, 7}, Resets: []int{6},
			verbs: with(simcomCommon(), verbs{"$QCRMCALL": qcrmcall, "+CPSI": reading("+CPSI: NO SERVICE,Online", cpsiTenths)}),
		},
		{
			Name: "simcom-a7670", Manufacturer: "INCORPORATED", Model: "A7670E-FASE", Revision: "A7670M7_V1.11.1",
			IMEI: "864643060000017", USB: "1e0e:9011", ATInterface: 4, Boot: boot, CardReady: ready, Domains: lteDomains(),
			DefaultBearer: true, Binding: true, Functions: []int{0, 1, 4}, Resets: []int{6},
			verbs: with(simcomCommon(), verbs{"+DIALMODE": dialmode, "+USBNETIP": setting("0"),
				"$MYCONFIG": named(map[string]string{"usbnetmode": "0,1"}), "+CPSI": reading("+CPSI: NO SERVICE,Online", cpsiIndex)}),
		},
		{
			Name: "simcom-sim8200", Manufacturer: "SIMCOM INCORPORATED", Model: "SIMCOM_SIM8200EA-M2", Revision: "LE12B07SIM8200M44A-M2",
			IMEI: "863427040000011", USB: "1e0e:9001", ATInterface: 2, Boot: []string{"RDY"}, CardReady: ready, Domains: nrDomains(),
			Causes: true, Unverified: true, Functions: []int{0, 1, 4, 7}, Resets: []int{6},
			verbs: with(simcomCommon(), verbs{"+CNWINFO": cnwinfo, "+CPSI": reading("+CPSI: NO SERVICE,Online", cpsiTenths)}),
		},
	}
}

func simcomCommon() verbs {
	return verbs{
		"+SPIC": retries("+SPIC: %[1]d,%[2]d,3,10"), "+CNMP": setting("2"), "+CNAOP": setting("0"),
		"+CNSMOD": cnsmod, "+AUTOCSQ": ranged("0,0", "(0,1),(0,1)"),
		"+CRESET": restart, "+CPOF": shutdown(""), "+CUSBPIDSWITCH": setting("9001,0,0"),
		"+CICCID": cardThere(func(s *Sim, c call) reply { return say("+ICCID: " + s.cfg.SIM.ICCID) }),
		// +NETOPEN starts the stack inside the module: it says yes, and nothing reaches the network interface.
		"+NETOPEN": func(s *Sim, c call) reply {
			return reply{after: func() { s.urc("+NETOPEN: 0") }}
		},
	}
}

// cnsmod tells the network's kind, and with 1 each change of it. ModemManager's simtech plugin asks nothing else for it.
func cnsmod(s *Sim, c call) reply {
	switch {
	case c.form == test:
		return say("+CNSMOD: (0,1)")
	case c.form == read:
		return say(fmt.Sprintf("+CNSMOD: %d,%d", s.report[c.name], s.simcomMode()))
	case c.form != set || c.arg(0) != "0" && c.arg(0) != "1":
		return refuse(50)
	}
	s.report[c.name] = bit(c.arg(0) == "1")
	return reply{}
}

// simcomMode is <stat> of +CNSMOD: 8 is LTE. What these modules say in 5G is not known here, so they say "no service".
func (s *Sim) simcomMode() int {
	if s.registered() && s.cfg.Network.Access == 7 {
		return 8
	}
	return 0
}

// qcrmcall is $QCRMCALL=<1|0>,<instance>: the interface's own data call, on context 1.
func qcrmcall(s *Sim, c call) reply {
	switch {
	case c.form == read && s.up():
		return say("$QCRMCALL: 1, V4")
	case c.form == read:
		return reply{}
	case c.form == test:
		return say("$QCRMCALL: (0-1),(1-8),(1-3),(1-2),(1-23),(1-8)")
	case c.form != set || c.arg(1) != "1":
		return refuse(50)
	case c.arg(0) == "0":
		return s.hangUp(1)
	case c.arg(0) != "1":
		return refuse(50)
	}
	r := s.dial(1)
	if r.code == 0 && s.tied {
		r.lines = []string{"$QCRMCALL: 1, V4"}
	}
	return r
}

// dialmode: 0 passes the interface's packets to the network; 1, which the module comes with, hands an address out
// and forwards nothing.
func dialmode(s *Sim, c call) reply {
	mode := s.stored("+DIALMODE", "1")
	switch {
	case c.form == test:
		return say("+DIALMODE: (0-1)")
	case c.form != set:
		return say("+DIALMODE: " + mode)
	case c.arg(0) == "1":
		s.kept["+DIALMODE"] = "1"
		return s.untie()
	case c.arg(0) != "0":
		return refuse(50)
	}
	s.kept["+DIALMODE"] = "0"
	s.autoTie()
	return reply{}
}

// autoTie is the part of modules that tie context 1 by themselves when they may.
func (s *Sim) autoTie() {
	if s.cfg.Personality.Binding && s.stored("+DIALMODE", "") == "0" && !s.tied && s.contexts[1] != nil && s.contexts[1].active {
		s.tie(1)
	}
}

// cnwinfo tells the network with 5G (details unverified).
func cnwinfo(s *Sim, c call) reply {
	if c.form == set || !s.registered() {
		return reply{}
	}
	mcc, mnc := s.plmn()
	return say(fmt.Sprintf("+CNWINFO: %d,%s-%s", s.cfg.Network.Access, mcc, mnc))
}

// cpsiTenths is +CPSI? of SIM7x00: RSRQ, RSRP, RSSI in tenths.
func cpsiTenths(s *Sim, a air) []string {
	mcc, mnc := s.plmn()
	return one("+CPSI: LTE,Online,%s-%s,0x272D,219660616,496,EUTRAN-BAND3,1850,5,5,%d,%d,%d,%d", mcc, mnc, 10*a.rsrq, 10*a.rsrp, 10*a.rssi, a.sinr)
}

// cpsiIndex is that of A76xx: the codes of 27.007, and 255 for unknown.
func cpsiIndex(s *Sim, a air) []string {
	mcc, mnc := s.plmn()
	return one("+CPSI: LTE,Online,%s-%s,0x272D,219660616,496,EUTRAN-BAND3,1850,5,0,%d,%d,255,%d", mcc, mnc, rsrqIndex(a.rsrq), rsrpIndex(a.rsrp), a.sinr)
}
