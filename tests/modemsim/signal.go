package modemsim

import "fmt"

// air is what the receiver measures now, in dBm and dB. It follows the one drifting <rssi>.
type air struct{ rssi, rsrp, rsrq, sinr int }

// heard is whether there is anything to measure.
func (s *Sim) heard() bool { return s.fun == 1 && s.stat != 0 }

// measure drifts by a step at each look, within 3 of where the network was set.
func (s *Sim) measure() air {
	middle := s.cfg.Network.RSSI
	s.rssi = min(max(s.rssi+s.rng.IntN(3)-1, middle-3, 0), middle+3, 31)
	dbm := -113 + 2*s.rssi // 27.007 §8.5
	return air{rssi: dbm, rsrp: max(dbm-27, -140), rsrq: -10, sinr: min(s.rssi-8, 30)}
}

func csq(s *Sim, c call) reply {
	if c.form == test {
		return say("+CSQ: (0-31,99),(0-7,99)")
	}
	if !s.heard() {
		return say("+CSQ: 99,99")
	}
	s.measure()
	return say(fmt.Sprintf("+CSQ: %d,99", s.rssi))
}

// cesq is 27.007 §8.69; modules with 5G give nine fields.
func cesq(s *Sim, c call) reply {
	tail, ranges := "", ""
	if len(s.cfg.Personality.Domains) > 3 {
		tail, ranges = ",255,255,255", ",(0-126,255),(0-126,255),(0-127,255)"
	}
	if c.form == test {
		return say("+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-34,255),(0-34,255),(0-97,255)" + ranges)
	}
	if !s.heard() {
		return say("+CESQ: 99,99,255,255,255,255" + tail)
	}
	a := s.measure()
	return say(fmt.Sprintf("+CESQ: 99,99,255,255,%d,%d%s", rsrqIndex(a.rsrq), rsrpIndex(a.rsrp), tail))
}

// rsrpIndex and rsrqIndex are <rsrp> and <rsrq> of 27.007 §8.69, for dBm from -140 and dB from -19.5.
func rsrpIndex(dbm int) int { return min(max(dbm+141, 0), 97) }
func rsrqIndex(db int) int  { return min(max(2*db+40, 0), 34) }

// plmn parts the operator's number.
func (s *Sim) plmn() (mcc, mnc string) { return s.cfg.Network.PLMN[:3], s.cfg.Network.PLMN[3:] }

// reading is a query of the signal, with one reply for silence and another made of what is heard.
func reading(silence string, of func(*Sim, air) []string) func(*Sim, call) reply {
	return func(s *Sim, c call) reply {
		switch {
		case c.form == test:
			return reply{}
		case !s.heard():
			return say(silence)
		}
		return say(of(s, s.measure())...)
	}
}

func one(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
