package modemsim

import (
	"fmt"
	"net/netip"
)

func huaweis() []Personality {
	return []Personality{{
		Name: "huawei", Manufacturer: "Huawei Technologies Co., Ltd.", Model: "ME909s-120", Revision: "11.617.06.00.00",
		IMEI: "867223020000014", Boot: []string{"^BOOT:20140514,0,0,0,75"},
		CardReady: []string{"^SIMST: 1"}, Attached: []string{"^SRVST: 2", "^MODE: 7,101"}, QuietCard: true, Domains: lteDomains(),
		Binding: true, Functions: []int{0, 1, 4, 5, 7}, Resets: []int{6},
		verbs: verbs{
			"^NDISDUP": ndisdup, "^NDISSTATQRY": ndisstatqry, "^DHCP": dhcp, "^AUTHDATA": accept, "^CURC": setting("1"),
			"^HCSQ": hcsq, "^SYSINFOEX": sysinfoex, "^CPIN": huaweiCPIN, "^NWTIME": nwtime, "^RFSWITCH": rfswitch, "^RESET": restart,
			"^ICCID":       cardThere(func(s *Sim, c call) reply { return say("^ICCID: " + s.cfg.SIM.ICCID) }),
			"^GETPORTMODE": func(s *Sim, c call) reply { return say("^GETPORTMODE:TYPE:WCDMA:huawei,PCUI:2,3G_MODEM:0,NDIS:1") },
		},
	}}
}

// ndisdup is ^NDISDUP=<cid>,<1|0>[,<apn>[,<user>,<password>,<auth>]].
func ndisdup(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	if c.form == test {
		return say("^NDISDUP: (1-16),(0-1),,,,(0-3)")
	}
	if c.form != set || !ok || cid == 0 || c.arg(1) != "0" && c.arg(1) != "1" {
		return refuse(50)
	}
	if c.arg(1) == "0" {
		was := s.tied
		r := s.hangUp(cid)
		if was && r.code == 0 {
			r.after = func() { s.noisy(`^NDISSTAT:0,,,"IPV4"`) }
		}
		return r
	}
	if p := s.contexts[cid]; p == nil || !p.active {
		apn := c.arg(2)
		if apn == "" && p != nil {
			apn = p.apn
		}
		s.contexts[cid] = &pdp{kind: "IP", apn: apn}
	}
	r := s.dial(cid)
	if r.code == 0 && s.tied {
		r.after = func() { s.noisy(`^NDISSTAT:1,,,"IPV4"`) }
	}
	return r
}

// noisy is an unsolicited line that ^CURC=0 silences.
func (s *Sim) noisy(line string) {
	if s.stored("^CURC", "1") != "0" {
		s.urc(line)
	}
}

func ndisstatqry(s *Sim, c call) reply {
	return say(fmt.Sprintf(`^NDISSTATQRY: %d,,,"IPV4",0,,,"IPV6"`, bit(s.up())))
}

// dhcp tells address, mask, gateway, server and name servers as hexadecimal numbers, the last byte first.
func dhcp(s *Sim, c call) reply {
	if !s.up() {
		return refuse(3)
	}
	backwards := func(a netip.Addr) string {
		b := a.As4()
		return fmt.Sprintf("%02x%02x%02x%02x", b[3], b[2], b[1], b[0])
	}
	gw := backwards(s.gateway())
	return say(fmt.Sprintf("^DHCP:%s,f8ffffff,%s,%s,%s,%s,236800,236800", backwards(s.cfg.Network.Address), gw, gw,
		backwards(netip.MustParseAddr(dns1)), backwards(netip.MustParseAddr(dns2))))
}

// hcsq counts rssi from -120, rsrp from -140, sinr in fifths from -20, rsrq in halves from -19.5.
func hcsq(s *Sim, c call) reply {
	return reading("^HCSQ: NOSERVICE", func(s *Sim, a air) []string {
		return one(`^HCSQ: "LTE",%d,%d,%d,%d`, a.rssi+120, rsrpIndex(a.rsrp), (a.sinr+20)*5, rsrqIndex(a.rsrq))
	})(s, c)
}

func sysinfoex(s *Sim, c call) reply {
	if !s.registered() {
		return say("^SYSINFOEX:0,0,0,1,,0,\"NO SERVICE\",0,\"\"")
	}
	return say(fmt.Sprintf(`^SYSINFOEX:2,3,%d,1,,6,"LTE",101,"LTE"`, bit(s.cfg.Network.Roaming)))
}

// huaweiCPIN is ^CPIN?: the code that is asked for, its tries, and those of PUK, PIN, PUK2, PIN2.
func huaweiCPIN(s *Sim, c call) reply {
	if c.form == set {
		return cpin(s, c)
	}
	word, code := s.cardState()
	if code != 0 && code != 13 {
		return refuse(code)
	}
	card := s.card()
	times := map[string]string{"SIM PIN": fmt.Sprint(card.pin), "SIM PUK": fmt.Sprint(card.puk)}[word]
	return say(fmt.Sprintf("^CPIN: %s,%s,%d,%d,10,3", word, times, card.puk, card.pin))
}

// rfswitch is ^RFSWITCH=<0|1>; the second value read is a switch of the hardware's.
func rfswitch(s *Sim, c call) reply {
	switch {
	case c.form != set:
		return say(fmt.Sprintf("^RFSWITCH:%d,1", bit(s.fun == 1)))
	case c.arg(0) == "0":
		s.setFunction(7)
	case c.arg(0) == "1":
		s.setFunction(1)
	default:
		return refuse(50)
	}
	return reply{delay: s.cfg.Times.Function}
}
