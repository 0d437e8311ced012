package modemsim

import (
	"fmt"
	"time"
)

// cclk gives the network's time once the network has told it: local time, with the zone in quarters of an hour.
func cclk(s *Sim, c call) reply {
	if c.form != read {
		return refuse(3)
	}
	if !s.registered() {
		return say(`+CCLK: "80/01/06,00:00:12+00"`)
	}
	return say(fmt.Sprintf(`+CCLK: "%s%+03d"`, s.local().Format("06/01/02,15:04:05"), s.cfg.Network.Zone))
}

func (s *Sim) local() time.Time {
	return time.Now().UTC().Add(time.Duration(s.cfg.Network.Zone) * 15 * time.Minute)
}

// qlts is Quectel's +QLTS[=<mode>]: 0 the last synchronisation, 1 now in UTC, 2 now in local time.
func qlts(s *Sim, c call) reply {
	switch {
	case c.form == test:
		return say("+QLTS: (0-2)")
	case !s.registered():
		return say(`+QLTS: ""`)
	case c.arg(0) == "1":
		return say(fmt.Sprintf(`+QLTS: "%s%+03d,0"`, time.Now().UTC().Format("2006/01/02,15:04:05"), s.cfg.Network.Zone))
	}
	return say(fmt.Sprintf(`+QLTS: "%s%+03d,0"`, s.local().Format("2006/01/02,15:04:05"), s.cfg.Network.Zone))
}

// nwtime is Huawei's ^NWTIME?: local time as the collection of replies reads it, with the zone in quarters and the hours of
// summer time.
func nwtime(s *Sim, c call) reply {
	if !s.registered() {
		return refuse(30)
	}
	return say(fmt.Sprintf("^NWTIME: %s%+03d,00", s.local().Format("06/01/02,15:04:05"), s.cfg.Network.Zone))
}

// tellTime is the line that +CTZR=2 or 3 asks for when the network has told its time (27.007 §8.41).
func (s *Sim) tellTime() {
	if n := s.stored("+CTZR", "0"); n == "2" || n == "3" {
		s.urc(fmt.Sprintf(`+CTZE: "%+03d",0,"%s"`, s.cfg.Network.Zone, s.local().Format("2006/01/02,15:04:05")))
	}
}
