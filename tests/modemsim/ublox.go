package modemsim

import "fmt"

// ubloxes are modules whose interface carries context 1 as soon as that is active; the module is the interface's
// router, or its bridge, by +UBMCONF.
func ubloxes() []Personality {
	common := func(name, model, mode string) Personality {
		return Personality{
			Name: name, Manufacturer: "u-blox", Model: model, Revision: "09.71", IMEI: "352848080000017",
			Boot: []string{"+AT: READY"}, CardReady: []string{"+PBREADY"}, QuietCard: true, Domains: lteDomains(),
			StaticAddress: mode == "2", Resets: []int{16},
			verbs: verbs{
				"+UPINCNT": retries("+UPINCNT: %[1]d,3,%[2]d,10"), "+UBMCONF": ubmconf(mode), "+UUSBCONF": setting(`2,"ECM",,"0x1143"`),
				"+UIPADDR": uipaddr, "+UAUTHREQ": uauthreq, "+UCGDFLT": setting(`"IP",""`), "+UACT": setting(",,,900,1800,1,3,7,8,20"),
				"+CPWROFF": shutdown(""), "+UGCNTRD": func(s *Sim, c call) reply { return say("+UGCNTRD: 1,0,0,0,0") },
			},
		}
	}
	return []Personality{common("ublox-router", "TOBY-L210", "1"), common("ublox-bridge", "TOBY-L210", "2")}
}

// ubmconf: a change is stored at once and holds from the next start.
func ubmconf(mode string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		switch {
		case c.form == test:
			return say("+UBMCONF: (1,2)")
		case c.form != set:
			return say("+UBMCONF: " + s.stored("+UBMCONF", mode))
		case c.arg(0) != "1" && c.arg(0) != "2":
			return refuse(50)
		}
		s.kept["+UBMCONF"] = c.arg(0)
		return reply{}
	}
}

// uipaddr is +UIPADDR=<cid>: the address that the module's router gave its interface.
func uipaddr(s *Sim, c call) reply {
	cid, ok := c.cid(0)
	switch {
	case c.form != set || !ok:
		return refuse(50)
	case s.contexts[cid] == nil || !s.contexts[cid].active:
		return refuse(3)
	}
	return say(fmt.Sprintf(`+UIPADDR: %d,"ccinet%d","192.168.1.100","255.255.255.0","",""`, cid, cid-1))
}

func uauthreq(s *Sim, c call) reply {
	if c.form == test {
		return say("+UAUTHREQ: (1-4),(0-3),,")
	}
	if cid, ok := c.cid(0); !ok || s.contexts[cid] == nil {
		return refuse(50)
	}
	return reply{}
}
