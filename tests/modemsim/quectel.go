package modemsim

import (
	"fmt"
	"strconv"
)

func quectels() []Personality {
	return []Personality{QuectelEC25(), quectelUnisoc(), quectelRM5xx()}
}

// QuectelEC25 is an LTE module of the Quectel EC2x family with its network interface in ECM mode.
func QuectelEC25() Personality {
	return Personality{
		Name: "quectel-ec25", Manufacturer: "Quectel", Model: "EC25", Revision: "EC25EUGAR06A07M4G",
		IMEI: "490154203237518", USB: "2c7c:0125", ATInterface: 2, Boot: []string{"RDY"}, Domains: lteDomains(),
		DefaultBearer: true, Binding: true, OffNeedsSIM: true,
		verbs: with(quectelCommon("1"), verbs{"+QNETDEVCTL": qnetdevctl, "+QNETDEVSTATUS": qnetdevstatus}),
	}
}

// quectelUnisoc is the RM500U: 5G, and +QNETDEVCTL with its arguments in the other order.
func quectelUnisoc() Personality {
	return Personality{
		Name: "quectel-unisoc", Manufacturer: "Quectel", Model: "RM500U-CNV", Revision: "RM500UCNVAAR03A06M2G_01.001.01.001",
		IMEI: "864284040000015", Boot: []string{"RDY"}, Domains: nrDomains(),
		DefaultBearer: true, Binding: true, Causes: true,
		verbs: with(quectelCommon("5"), verbs{"+QNETDEVCTL": unisocCtl, "+QNETDEVSTATUS": unisocStatus}),
	}
}

// quectelRM5xx is the RM520N with its own router: the data call is the module's, switched by +QMAPWAC.
func quectelRM5xx() Personality {
	return Personality{
		Name: "quectel-rm5xx", Manufacturer: "Quectel", Model: "RM520N-GL", Revision: "RM520NGLAAR01A07M4G",
		IMEI: "868371050000013", USB: "2c7c:0801", ATInterface: 2, Boot: []string{"RDY"}, Domains: nrDomains(),
		DefaultBearer: true, Binding: true, Causes: true, Unverified: true,
		verbs: with(quectelCommon("1"), verbs{"+QUIMSLOT": simSlot(1), "+QMAPWAC": qmapwac, "+QMAP": qmap, "+QRSRP": reading("+QRSRP: -32768,-32768,-32768,-32768,LTE",
			func(s *Sim, a air) []string {
				return one("+QRSRP: %d,%d,%d,-32768,%s", a.rsrp, a.rsrp-8, a.rsrp-15, s.quectelAccess())
			})}),
	}
}

func quectelCommon(usbnet string) verbs {
	return verbs{
		"+QPINC": retries(`+QPINC: "SC",%d,%d`), "+QCCID": ccid, "+QLTS": qlts, "+QCSQ": qcsq, "+QENG": qeng,
		"+QCFG": named(map[string]string{"usbnet": usbnet, "nat": "1"}), "+QICSGP": accept, "+CTZU": ranged("0", "(0,1,3)"), "+QINDCFG": accept,
		"+QPOWD": shutdown("POWERED DOWN"),
		"+QGMR":  func(s *Sim, c call) reply { return say(s.cfg.Personality.Revision) },
	}
}

func (s *Sim) quectelAccess() string {
	if s.cfg.Network.Access >= 11 {
		return "NR5G"
	}
	return "LTE"
}

// qcsq: <sinr> counts fifths of a dB from -20.
func qcsq(s *Sim, c call) reply {
	return reading(`+QCSQ: "NOSERVICE"`, func(s *Sim, a air) []string {
		if s.cfg.Network.Access >= 11 {
			return one(`+QCSQ: "NR5G",%d,%d,%d`, a.rsrp, a.sinr, a.rsrq)
		}
		return one(`+QCSQ: "LTE",%d,%d,%d,%d`, a.rssi, a.rsrp, (a.sinr+20)*5, a.rsrq)
	})(s, c)
}

func qeng(s *Sim, c call) reply {
	if c.form != set || c.arg(0) != "servingcell" {
		return refuse(50)
	}
	if !s.registered() {
		return say(`+QENG: "servingcell","SEARCH"`)
	}
	a := s.measure()
	mcc, mnc := s.plmn()
	if s.cfg.Network.Access >= 11 {
		return say(fmt.Sprintf(`+QENG: "servingcell","NOCONN","NR5G-SA","FDD",%s,%s,2426AB483,277,242400,428910,1,6,%d,%d,%d,0,-`,
			mcc, mnc, a.rsrp, a.rsrq, a.sinr))
	}
	return say(fmt.Sprintf(`+QENG: "servingcell","NOCONN","LTE","FDD",%s,%s,D17C148,496,1850,3,5,5,272D,%d,%d,%d,%d,18`,
		mcc, mnc, a.rsrp, a.rsrq, a.rssi, a.sinr))
}

// qnetdevctl is that of the Qualcomm and ASR platforms: =<connect type>,<cid>,<urc>.
func qnetdevctl(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+QNETDEVCTL: (0-3),(1-15),(0,1)")
	case read:
		if s.bound == 0 {
			return say("+QNETDEVCTL: 0,0,0,0")
		}
		return say(fmt.Sprintf("+QNETDEVCTL: 1,%d,1,%d", s.bound, bit(s.up())))
	}
	kind, err := strconv.Atoi(c.arg(0))
	cid, ok := c.cid(1)
	if err != nil || kind < 0 || kind > 3 || !ok || s.contexts[cid] == nil {
		return refuse(50)
	}
	if kind == 0 {
		return s.untie()
	}
	r := s.tie(cid)
	if r.code == 0 && s.bound == cid && c.arg(2) == "1" {
		r.after = func() { s.urc(fmt.Sprintf("+QNETDEVSTATUS: %d,1,4,1", cid)) }
	}
	return r
}

func qnetdevstatus(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	if !ok && c.form == set {
		return refuse(50)
	}
	if !s.up() {
		return refuse(3)
	}
	return say(fmt.Sprintf("+QNETDEVSTATUS: %d,1,4,1", max(cid, s.bound)))
}

// unisocCtl is that of the Unisoc platform: =<cid>,<op>,<urc>; 0 disconnects, 1 connects, 2 and 3 connect by themselves.
func unisocCtl(s *Sim, c call) reply {
	switch c.form {
	case test:
		return say("+QNETDEVCTL: (1-8),(0-3),(0,1)")
	case read:
		return say(fmt.Sprintf("+QNETDEVCTL: %d,%d,1,%d", max(s.bound, 1), bit(s.tied), bit(s.up())))
	case action:
		return refuse(50)
	}
	cid, ok := c.cid(0)
	op, err := strconv.Atoi(c.arg(1))
	if !ok || cid > 8 || err != nil || op < 0 || op > 3 {
		return refuse(50)
	}
	if op == 0 {
		return s.hangUp(cid)
	}
	r := s.dial(cid)
	if r.code == 0 && s.tied {
		r.after = func() { s.urc(fmt.Sprintf(`+QNETDEVSTATUS: %d,1,"%s",0`, cid, s.contexts[cid].kind)) }
	}
	return r
}

// unisocStatus is =<cid>: the interface's configuration, or +CME ERROR: 3 while there is none.
func unisocStatus(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	switch {
	case c.form == test:
		return say("+QNETDEVSTATUS: (1-8)")
	case c.form != set || !ok || cid > 8:
		return refuse(50)
	case !s.up() || s.bound != cid:
		return refuse(3)
	}
	return say(fmt.Sprintf("+QNETDEVSTATUS: %s,255.255.255.0,%s,,%s,%s,,,,,,,", s.cfg.Network.Address, s.gateway(), dns1, dns2))
}

// qmapwac is =<0|1>: the module's router makes the data call by itself, or not.
func qmapwac(s *Sim, c call) reply {
	switch {
	case c.form == test:
		return say("+QMAPWAC: (0,1)")
	case c.form == read:
		return say(fmt.Sprintf("+QMAPWAC: %d", bit(s.tied)))
	case c.arg(0) == "0":
		return s.untie()
	case c.arg(0) != "1":
		return refuse(50)
	}
	return s.dial(1)
}

func qmap(s *Sim, c call) reply {
	if c.form != set || c.arg(0) != "WWAN" {
		return refuse(50)
	}
	if !s.up() {
		return say(`+QMAP: "WWAN",0,1,"IPV4","0.0.0.0"`, `+QMAP: "WWAN",0,1,"IPV6","0:0:0:0:0:0:0:0"`)
	}
	return say(fmt.Sprintf(`+QMAP: "WWAN",1,1,"IPV4","%s"`, s.cfg.Network.Address), `+QMAP: "WWAN",0,1,"IPV6","0:0:0:0:0:0:0:0"`)
}
