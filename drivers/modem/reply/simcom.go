package reply

import (
	"strconv"
	"strings"
)

// readCPSI reads SIMCom's +CPSI?. Two units are about: tenths of dB, which are negative (SIM7600), and the indexes
// of +CESQ, which are not (A76xx), so the sign tells them apart.
func readCPSI(r Reply) (any, error) {
	all, err := rows(r.Lines, "+CPSI")
	if err != nil {
		return nil, err
	}
	out := Serving{}
	for i, f := range all {
		s, ok := cpsiCell(f)
		switch {
		case !ok:
			return nil, unreadable("+CPSI", r.Lines)
		case i == 0:
			out = s
		default:
			out.Secondary = append(out.Secondary, s)
		}
	}
	return out, nil
}

func cpsiCell(f []field) (Serving, bool) {
	s := Serving{Mode: strings.ToUpper(text(f, 0)), State: text(f, 1)}
	if len(f) < 2 || s.State == "" && s.Mode != "NR5G_NSA" {
		return s, false
	}
	if s.Mode == "NO SERVICE" {
		s.NoService = true
		return s, len(f) == 2
	}
	mode, _, _ := strings.Cut(s.Mode, " ") // LTE CAT-M1
	if !knownMode(mode) || len(f) < 4 {
		return s, false
	}
	if transitional(f) { // between two cells: EUTRAN-BAND0 and EARFCN 4294967295
		s.Transitional = true
		return s, true
	}
	if mode == "NR5G_NSA" { // PCI, band, frequency, RSRP, RSRQ, SNR stand at once
		s.State, s.PCI, s.Band = "", whole(f, 1), band(text(f, 2))
		s.ARFCN, s.RSRP, s.RSRQ, s.SINR = whole(f, 3), level(f, 4, -2000, -1, 0.1), level(f, 5, -600, -1, 0.1), level(f, 6, -600, 600, 0.1)
		return s, true
	}
	s.MCC, s.MNC, _ = strings.Cut(text(f, 2), "-")
	if n := whole(f, 4); n != nil {
		s.Cell = *n
	}
	area := strings.TrimPrefix(strings.ToUpper(text(f, 3)), "0X")
	switch {
	case mode == "GSM":
		s.LAC, s.ARFCN, s.RSSI = area, whole(f, 5), level(f, 6, -150, 0, 1)
	case mode == "WCDMA":
		s.LAC, s.Band, s.PSC, s.UARFCN = area, nil, whole(f, 6), whole(f, 7)
	case mode == "LTE":
		s.Area, s.PCI, s.Band, s.EARFCN = area, whole(f, 5), band(text(f, 6)), whole(f, 7)
		return s, s.lteLevels(f) && len(f) >= 13
	case strings.HasPrefix(mode, "NR5G"):
		s.Area, s.PCI, s.Band, s.ARFCN = area, whole(f, 5), band(text(f, 6)), whole(f, 7)
		s.RSRP, s.RSRQ, s.SINR = level(f, 8, -2000, -1, 0.1), level(f, 9, -600, -1, 0.1), level(f, 10, -600, 600, 0.1)
	}
	return s, s.MCC != "" && s.MNC != ""
}

func knownMode(mode string) bool {
	return mode == "GSM" || mode == "WCDMA" || mode == "LTE" || strings.HasPrefix(mode, "NR5G")
}

// lteLevels: RSRQ, RSRP, RSSI and SNR follow the two bandwidths.
func (s *Serving) lteLevels(f []field) bool {
	rsrp, ok := num(f, 11)
	if !ok {
		return false
	}
	if rsrp < 0 {
		s.RSRQ, s.RSRP, s.RSSI = level(f, 10, -600, -1, 0.1), level(f, 11, -2000, -1, 0.1), level(f, 12, -1500, -1, 0.1)
		s.RSSNR = whole(f, 13)
		return true
	}
	if v := level(f, 10, 0, 34, 0.5); v != nil {
		s.RSRQ = dB(*v - 20)
	}
	if v := level(f, 11, 0, 97, 1); v != nil {
		s.RSRP = dB(*v - 140) // the A76xx manual counts from -140, one above §8.69
	}
	if v := level(f, 12, 0, 63, 1); v != nil {
		s.RSSI = dB(*v - 110)
	}
	s.SINR = level(f, 13, -60, 60, 1)
	return true
}

func transitional(f []field) bool {
	for _, v := range f {
		if v.text == "4294967295" || strings.EqualFold(v.text, "EUTRAN-BAND0") {
			return true
		}
	}
	return false
}

// band reads the number at the end: EUTRAN-BAND20, NR5G_BAND78.
func band(s string) *int {
	i := strings.LastIndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	n, err := strconv.Atoi(s[i+1:])
	if err != nil {
		return nil
	}
	return &n
}

// NetMode is SIMCom's $MYCONFIG="usbnetmode" on the A76xx: 0 RNDIS, 1 ECM, taken up at the next start.
type NetMode struct {
	Value int    `json:"usbnetmode"`
	Arg   *int   `json:"arg2,omitempty"`
	Mode  string `json:"mode"`
}

func readMyConfig(r Reply) (any, error) {
	f, err := first(r.Lines, "$MYCONFIG")
	if err != nil {
		return nil, err
	}
	n, ok := within(f, 1, 0, 1)
	if !ok || !strings.EqualFold(text(f, 0), "usbnetmode") {
		return nil, unreadable("$MYCONFIG", r.Lines)
	}
	return NetMode{n, whole(f, 2), [...]string{"RNDIS", "ECM"}[n]}, nil
}

// Call is SIMCom's $QCRMCALL: the state of the data call by family.
type Call struct {
	V4 bool `json:"v4_connected"`
	V6 bool `json:"v6_connected"`
}

// Connected reports whether packets of either family may flow.
func (c Call) Connected() bool { return c.V4 || c.V6 }

// ParseCall reads rows of "$QCRMCALL: 1, V4"; V4V6 may share one. A lone 0 is no call.
func ParseCall(lines []string) (Call, error) {
	all, err := rows(lines, "$QCRMCALL")
	if err != nil {
		return Call{}, err
	}
	var c Call
	for _, f := range all {
		n, ok := within(f, 0, 0, 1)
		family := strings.ToUpper(text(f, 1))
		if !ok || family != "" && family != "V4" && family != "V6" && family != "V4V6" || family == "" && n == 1 {
			return Call{}, unreadable("$QCRMCALL", lines)
		}
		if n == 1 {
			c.V4, c.V6 = c.V4 || family != "V6", c.V6 || family != "V4"
		}
	}
	return c, nil
}

func readCall(r Reply) (any, error) { return ParseCall(r.Lines) }
