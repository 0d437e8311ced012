package modemsim

import "strconv"

// connected is the result CONNECT among the codes.
const connected = -2

// noCarrier is the result NO CARRIER among them.
const noCarrier = -3

// finish is the final result, with an unsolicited line before it where that fault is on.
func (s *Sim) finish(code int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == connected { // nothing stands between a reply and the data behind it
		return s.final(code)
	}
	inside := s.inside
	s.inside = ""
	if s.faults.URCInReply {
		inside += "\r\n+CGEV: NW MODIFY 1,0\r\n"
		if n := s.report["+CEREG"]; n > 0 {
			inside += "\r\n+CEREG: " + s.registration("+CEREG", n) + "\r\n"
		}
	}
	return inside + s.final(code)
}

// final words a result as E, V and +CMEE say; the caller holds mu.
func (s *Sim) final(code int) string {
	text := "OK"
	switch {
	case code == connected:
		text = "CONNECT"
	case code == noCarrier:
		text = "NO CARRIER"
	case code != 0 && (s.cmee == 0 || code < 0):
		text = "ERROR"
	case code != 0 && s.cmee == 1:
		text = "+CME ERROR: " + strconv.Itoa(code)
	case code != 0:
		text = "+CME ERROR: " + cmeText(code)
	}
	if !s.verbose {
		digits := map[int]string{0: "0\r", connected: "1\r", noCarrier: "3\r"} // V.250 §5.7.1
		if d, ok := digits[code]; ok {
			return d
		}
		return "4\r"
	}
	return "\r\n" + text + "\r\n"
}

// cmeText is what +CMEE=2 gives (27.007 §9.2).
func cmeText(code int) string {
	texts := map[int]string{3: "operation not allowed", 4: "operation not supported", 10: "SIM not inserted",
		11: "SIM PIN required", 12: "SIM PUK required", 13: "SIM failure", 14: "SIM busy", 16: "incorrect password",
		30: "no network service", 50: "incorrect parameters", 133: "requested service option not subscribed"}
	if t, ok := texts[code]; ok {
		return t
	}
	return "unknown"
}
