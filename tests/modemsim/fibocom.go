package modemsim

import "fmt"

func fibocoms() []Personality {
	common := func(name, model, revision, imei, usb string, own verbs) Personality {
		return Personality{
			Name: name, Manufacturer: "Fibocom Wireless Inc.", Model: model, Revision: revision, IMEI: imei, USB: usb, ATInterface: 2,
			CardReady: []string{"+SIM READY"}, Domains: nrDomains(), Causes: true, Resets: []int{15}, verbs: with(fibocomCommon(), own),
		}
	}
	rndis := common("fibocom-gtrndis", "FG621-EA-00", "16000.1000.00.99.20.11", "863187050000018", "", verbs{
		"+GTRNDIS": gtrndis, "+MGAUTH": accept, "+GTUSBMODE": setting("31"),
		"+CGAUTH": func(*Sim, call) reply { return refuse(4) }, // seen with FM150 and FM350
	})
	rndis.Binding, rndis.DefaultBearer, rndis.Domains = true, true, lteDomains()
	mtk := common("fibocom-fm350", "FM350-GL", "81600.0000.00.29.23.06", "862146050000015", "", verbs{
		"+EIAAPN": accept, "+GTDUALSIM": simSlot(0), "+GTDNS": gtdns, "+EPINC": retries("+EPINC: %[1]d, 3, %[2]d, 10"),
		"+CGAUTH": func(*Sim, call) reply { return refuse(4) },
	})
	mtk.StaticAddress, mtk.Stammer = true, 5847
	xmm := common("fibocom-l850", "L850-GL", "18500.5001.00.03.27.12", "015550000000015", "2cb7:0007", verbs{
		"+XDATACHANNEL": xdatachannel, "+CGDATA": cgdataXMM, "+XGAUTH": accept, "+XDNS": accept,
		"+XPINCNT": retries("+XPINCNT: %[1]d, 3, %[2]d, 10"), "+XACT": setting("4,2,1,1,3,7,8,20,101,103,107,120"),
		"+XCESQ": reading("+XCESQ: 0,99,99,255,255,255,255,255", func(s *Sim, a air) []string {
			return one("+XCESQ: 0,99,99,255,255,%d,%d,%d", rsrqIndex(a.rsrq), rsrpIndex(a.rsrp), 2*a.sinr)
		}),
	})
	xmm.Binding, xmm.ZeroContext, xmm.StaticAddress, xmm.Domains = true, true, true, lteDomains()
	return []Personality{rndis, mtk, xmm}
}

func fibocomCommon() verbs {
	return verbs{
		"+ICCID": ccid, "+CPWROFF": shutdown(""),
		// Rows without the command's name: real modules put the cells so.
		"+GTCCINFO": func(s *Sim, c call) reply {
			if !s.registered() {
				return say("+GTCCINFO:")
			}
			a := s.measure()
			mcc, mnc := s.plmn()
			return say("+GTCCINFO:", "LTE service cell:", fmt.Sprintf("1,4,%s,%s,272D,D17C148,73A,1F0,103,100,%d,%d,%d,%d",
				mcc, mnc, a.sinr, rsrpIndex(a.rsrp), rsrpIndex(a.rsrp), rsrqIndex(a.rsrq)))
		},
	}
}

// gtrndis is +GTRNDIS=<1|0>,<cid>; where the USB profile has no network interface it cannot be.
func gtrndis(s *Sim, c call) reply {
	switch {
	case c.form == test:
		return say("+GTRNDIS: (0,1),(1-23)")
	case c.form == set && c.arg(0) == "1" && s.stored("+GTUSBMODE", "31") == "30":
		return refuse(-1)
	}
	return mode(dialCID, hangUpCID, func(s *Sim) []string {
		if !s.up() {
			return one("+GTRNDIS: 0")
		}
		return one(`+GTRNDIS: 1,%d,"%s","%s","%s"`, s.bound, s.cfg.Network.Address, dns1, dns2)
	})(s, c)
}

// gtdns is +GTDNS=<cid>: the name servers that no DHCP tells.
func gtdns(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	if !ok || s.contexts[cid] == nil || !s.contexts[cid].active {
		return refuse(3)
	}
	return say(fmt.Sprintf(`+GTDNS: %d,"%s","%s"`, cid, dns1, dns2))
}

// cgdataXMM: with M-RAW_IP the context is activated and the port keeps its commands; the packets need +XDATACHANNEL.
func cgdataXMM(s *Sim, c call) reply {
	cid, ok := c.cid(1)
	if c.form != set || c.arg(0) != "M-RAW_IP" {
		return cgdata(s, c)
	}
	if !ok || s.contexts[cid] == nil {
		return refuse(50)
	}
	r := reply{}
	if !s.contexts[cid].active {
		r = s.activate(s.contexts[cid])
	}
	r.connect = r.code == 0
	return r
}

// xdatachannel is =<1|0>[,<1>,"/USBCDC/0","/USBHS/NCM/0",2,<cid>]: it joins the channel to the network interface.
func xdatachannel(s *Sim, c call) reply {
	switch c.form {
	case read:
		return say(fmt.Sprintf("+XDATACHANNEL: %d,%d", bit(s.tied), s.bound))
	case test, action:
		return reply{}
	}
	if c.arg(0) == "0" {
		return s.untie()
	}
	cid, ok := c.cid(5)
	if !ok || c.arg(0) != "1" || len(c.args) != 6 {
		return refuse(50)
	}
	return s.tie(cid)
}
