package modemsim

import (
	"fmt"
	"strconv"
)

func telits() []Personality {
	common := func(name, model, revision, imei, usb string, own verbs) Personality {
		return Personality{Name: name, Manufacturer: "Telit", Model: model, Revision: revision, IMEI: imei, USB: usb, ATInterface: 4,
			Domains: lteDomains(), QuietCard: true, Binding: true, Causes: true, verbs: with(telitCommon(), own)}
	}
	ecm := common("telit-ecm", "LE910C1-EU", "25.20.674", "351622110000011", "1bc7:1201", verbs{"#ECM": ecm, "#ECMD": ecmd})
	ecm.DefaultBearer = true
	ncm := common("telit-ncm", "UE910-EUR", "12.00.615", "357164040000013", "",
		verbs{"#NCM": ncm, "#PDPAUTH": accept, "+CGDATA": cgdataRaw})
	ncm.StaticAddress = true
	icm := common("telit-icm", "FN980m", "38.02.004", "357494100000011", "1bc7:1050",
		verbs{"#ICMAUTOCONN": mode(dialCID, hangUpCID, func(s *Sim) []string {
			return one("#ICMAUTOCONN: %d,%d", bit(s.tied), max(s.bound, 1))
		})})
	icm.Domains, icm.DefaultBearer, icm.Unverified = nrDomains(), true, true
	return []Personality{ecm, ncm, icm}
}

func telitCommon() verbs {
	return verbs{
		"#QSS": qss, "#CCID": ccid, "#PDPAUTH": accept, "#REBOOT": restart, "#SHDN": shutdown(""), "#BND": setting("0,0,1"), "#PSNT": setting("0,4"),
		"#PCT": cardThere(func(s *Sim, c call) reply {
			card := s.card()
			if card.pin == 0 { // the count is of the code that is asked for
				return say(fmt.Sprintf("#PCT: %d", card.puk))
			}
			return say(fmt.Sprintf("#PCT: %d", card.pin))
		}),
		"#RFSTS": func(s *Sim, c call) reply {
			if !s.registered() {
				return say(`#RFSTS: "",,,,,,,,,,,,"","",0,0`)
			}
			a := s.measure()
			mcc, mnc := s.plmn()
			return say(fmt.Sprintf(`#RFSTS: "%s %s",1850,%d,%d,%d,272D,255,,128,19,0,D17C148,"%s","%s",3,3`,
				mcc, mnc, a.rsrp, a.rssi, a.rsrq, s.cfg.SIM.IMSI, s.cfg.Network.Name))
		},
		"#SERVINFO": reading("#SERVINFO: ", func(s *Sim, a air) []string {
			return one(`#SERVINFO: 1850,%d,"%s","%s",D17C148,272D,128,3,%d`, a.rssi, s.cfg.Network.Name, s.cfg.Network.PLMN, a.rsrp)
		}),
	}
}

// qss is #QSS=<mode>: 0 not inserted, 1 inserted, 2 and PIN unlocked, 3 and ready.
func qss(s *Sim, c call) reply {
	switch c.form {
	case set:
		if c.arg(0) != "0" && c.arg(0) != "1" && c.arg(0) != "2" {
			return refuse(50)
		}
		s.kept["#QSS"] = c.arg(0)
		return reply{}
	case test:
		return say("#QSS: (0-2)")
	}
	state := 3
	switch s.cardError() {
	case 10, 14:
		state = 0
	case 11, 12, 13:
		state = 1
	}
	return say(fmt.Sprintf("#QSS: %s,%d", s.stored("#QSS", "0"), state))
}

// ecm is #ECM=<cid>,<did>: the context is activated and tied.
func ecm(s *Sim, c call) reply {
	switch c.form {
	case read:
		return say(fmt.Sprintf("#ECM: 0,%d", bit(s.up())))
	case test:
		return say("#ECM: (1-15),(0)")
	}
	cid, ok := c.cid(0)
	if !ok || c.arg(1) != "0" && c.arg(1) != "" {
		return refuse(50)
	}
	if s.up() {
		return refuse(3) // there is one interface, and it is taken
	}
	return s.dial(cid)
}

func ecmd(s *Sim, c call) reply {
	if c.arg(0) != "0" || !s.tied {
		return refuse(3)
	}
	return s.hangUp(s.bound)
}

// ncm is #NCM=<1|0>,<cid>: it prepares the interface for +CGDATA.
func ncm(s *Sim, c call) reply {
	cid, ok := c.cid(1)
	switch {
	case c.form == read:
		return say("#NCM: " + s.stored("#NCM", "0,1"))
	case c.form != set || !ok || c.arg(0) != "0" && c.arg(0) != "1" || s.contexts[cid] == nil:
		return refuse(50)
	}
	s.kept["#NCM"] = c.arg(0) + "," + strconv.Itoa(cid)
	if c.arg(0) == "0" {
		return s.untie()
	}
	return reply{}
}

// cgdataRaw: with M-RAW_IP the packets go by the prepared network interface and the port stays with its commands.
func cgdataRaw(s *Sim, c call) reply {
	cid, ok := c.cid(1)
	if c.form != set || c.arg(0) != "M-RAW_IP" {
		return cgdata(s, c)
	}
	if !ok || s.stored("#NCM", "") != "1,"+strconv.Itoa(cid) {
		return refuse(3)
	}
	r := s.tie(cid)
	r.connect = r.code == 0
	return r
}
