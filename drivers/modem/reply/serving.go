package reply

import (
	"strconv"
	"strings"
)

// Serving is the cell that serves the module, from a vendor's query; what was not told is left out. Powers are in dBm,
// ratios in dB, whatever unit the module uses.
type Serving struct {
	State  string `json:"state,omitempty"` // Quectel: SEARCH, LIMSRV, NOCONN, CONNECT; SIMCom: Online
	Mode   string `json:"mode,omitempty"`  // SIMCom's and Sierra's word for the technology
	RAT    string `json:"rat,omitempty"`
	Duplex string `json:"duplex,omitempty"`
	MCC    string `json:"mcc,omitempty"`
	MNC    string `json:"mnc,omitempty"`
	Area   string `json:"tac,omitempty"`
	LAC    string `json:"lac,omitempty"`
	Cell   any    `json:"cell_id,omitempty"` // hex digits as sent; a number where the module sends one
	PCI    *int   `json:"pci,omitempty"`
	PSC    *int   `json:"psc,omitempty"`
	RAC    *int   `json:"rac,omitempty"`
	Band   *int   `json:"band,omitempty"`
	EARFCN *int   `json:"earfcn,omitempty"`
	UARFCN *int   `json:"uarfcn,omitempty"`
	ARFCN  *int   `json:"arfcn,omitempty"`
	Levels
	SINRRaw   *int `json:"sinr_raw,omitempty"` // unit differs by firmware
	RSSNR     *int `json:"rssnr,omitempty"`
	SRXLev    *int `json:"srxlev,omitempty"`
	NoService bool `json:"no_service,omitempty"`
	// Transitional: the module is between two cells, and its numbers mean nothing.
	Transitional bool      `json:"transitional,omitempty"`
	Secondary    []Serving `json:"secondary,omitempty"` // the 5G cell beside an LTE one
}

// whole reads field i as a number; nil for "-", empty and anything else.
func whole(f []field, i int) *int {
	if n, ok := num(f, i); ok {
		return &n
	}
	return nil
}

// level reads field i times scale; values outside low…high (before scaling) are not levels.
func level(f []field, i int, low, high int, scale float64) *float64 {
	if n, ok := within(f, i, low, high); ok {
		return dB(float64(n) * scale)
	}
	return nil
}

// code gives field i unless it says "not available".
func code(f []field, i int) string {
	if s := text(f, i); s != "-" {
		return s
	}
	return ""
}

func cellID(f []field, i int) any {
	if s := code(f, i); s != "" {
		return s
	}
	return nil
}

// readQENG reads Quectel's +QENG="servingcell": one line, or with EN-DC a line for the state, one for LTE and one
// for 5G, whose last columns stand in another order (RSRP, SINR, RSRQ).
func readQENG(r Reply) (any, error) {
	all, err := rows(r.Lines, "+QENG")
	if err != nil {
		return nil, err
	}
	var out Serving
	known := false
	for _, f := range all {
		if strings.EqualFold(text(f, 0), "servingcell") {
			out.State = text(f, 1)
			if f = f[min(2, len(f)):]; len(f) == 0 { // the cells follow in lines of their own, or there is none
				out.NoService = out.State == "SEARCH"
				known = known || out.State != ""
				continue
			}
		}
		cell, ok := qengCell(f)
		switch {
		case !ok:
			return nil, unreadable("+QENG", r.Lines)
		case out.RAT != "":
			out.Secondary = append(out.Secondary, cell)
		default:
			cell.State, known = out.State, true
			out = cell
		}
	}
	if !known {
		return nil, unreadable("+QENG", r.Lines)
	}
	out.NoService = out.RAT == "" && out.State == "SEARCH"
	return out, nil
}

func qengCell(f []field) (Serving, bool) {
	s := Serving{RAT: strings.ToUpper(text(f, 0))}
	need := 0
	switch s.RAT {
	case "LTE", "CAT-M", "CAT-NB", "EMTC", "NBIOT":
		need = 15
		s.Duplex, s.MCC, s.MNC, s.Cell, s.PCI = code(f, 1), code(f, 2), code(f, 3), cellID(f, 4), whole(f, 5)
		s.EARFCN, s.Band, s.Area = whole(f, 6), whole(f, 7), code(f, 10)
		s.RSRP, s.RSRQ, s.RSSI = level(f, 11, -200, 0, 1), level(f, 12, -60, 30, 1), level(f, 13, -150, 0, 1)
		s.SINRRaw = whole(f, 14)
		if len(f) <= 16 {
			s.SRXLev = whole(f, 15)
		} else { // newer firmware puts CQI and the transmit power before it
			s.SRXLev = whole(f, 17)
		}
	case "WCDMA":
		need = 10
		s.MCC, s.MNC, s.LAC, s.Cell, s.UARFCN = code(f, 1), code(f, 2), code(f, 3), cellID(f, 4), whole(f, 5)
		s.PSC, s.RAC, s.RSCP, s.EcIo = whole(f, 6), whole(f, 7), level(f, 8, -150, 0, 1), level(f, 9, -60, 0, 1)
	case "GSM":
		need = 10
		s.MCC, s.MNC, s.LAC, s.Cell, s.ARFCN = code(f, 1), code(f, 2), code(f, 3), cellID(f, 4), whole(f, 6)
		s.RSSI = level(f, 9, -150, 0, 1)
	case "NR5G-SA":
		need = 12
		s.Duplex, s.MCC, s.MNC, s.Cell, s.PCI = code(f, 1), code(f, 2), code(f, 3), cellID(f, 4), whole(f, 5)
		s.Area, s.ARFCN, s.Band = code(f, 6), whole(f, 7), whole(f, 8)
		s.RSRP, s.RSRQ, s.SINR = level(f, 10, -200, 0, 1), level(f, 11, -60, 30, 1), level(f, 12, -60, 60, 1)
	case "NR5G-NSA":
		need = 7
		s.MCC, s.MNC, s.PCI = code(f, 1), code(f, 2), whole(f, 3)
		s.RSRP, s.SINR, s.RSRQ = level(f, 4, -200, 0, 1), level(f, 5, -60, 60, 1), level(f, 6, -60, 30, 1)
		s.ARFCN, s.Band = whole(f, 7), whole(f, 8)
	default:
		return s, false
	}
	return s, len(f) >= need
}

// readQCSQ reads Quectel's +QCSQ: the technology, then what it has; SINR comes in steps of 0.2 dB from -20.
func readQCSQ(r Reply) (any, error) {
	f, err := first(r.Lines, "+QCSQ")
	if err != nil {
		return nil, err
	}
	s := Serving{RAT: strings.ToUpper(text(f, 0))}
	switch rat := s.RAT; {
	case rat == "NOSERVICE":
		s.RAT, s.NoService = "", true
		return s, nil
	case rat == "GSM" && len(f) >= 2:
		s.RSSI = level(f, 1, -150, 0, 1)
	case (rat == "WCDMA" || rat == "TDSCDMA") && len(f) >= 4:
		s.RSSI, s.RSCP, s.EcIo = level(f, 1, -150, 0, 1), level(f, 2, -150, 0, 1), level(f, 3, -60, 0, 1)
	case (rat == "LTE" || rat == "CAT-M1" || rat == "CAT-NB1" || rat == "EMTC" || rat == "NBIOT") && len(f) >= 5:
		s.RSSI, s.RSRP, s.RSRQ = level(f, 1, -150, 0, 1), level(f, 2, -200, 0, 1), level(f, 4, -60, 30, 1)
		if v := level(f, 3, 0, 250, 0.2); v != nil {
			s.SINR = dB(*v - 20)
		}
	case strings.HasPrefix(rat, "NR5G") && len(f) >= 4:
		s.RSRP, s.RSRQ = level(f, 1, -200, 0, 1), level(f, 3, -60, 30, 1)
	default:
		return nil, unreadable("+QCSQ", r.Lines)
	}
	return s, nil
}

// Antennas is Quectel's +QRSRP: a power for each receiver; nil where no antenna is.
type Antennas struct {
	RSRP []*float64 `json:"rsrp_dbm"`
	RAT  string     `json:"rat"`
}

func readQRSRP(r Reply) (any, error) {
	f, err := first(r.Lines, "+QRSRP")
	if err != nil {
		return nil, err
	}
	a := Antennas{}
	for i, v := range f {
		n, err := strconv.Atoi(v.text)
		switch {
		case err == nil && i < 4:
			a.RSRP = append(a.RSRP, level(f, i, -200, 0, 1)) // -32768: no antenna
			if n > 0 || n < -32768 {
				return nil, unreadable("+QRSRP", r.Lines)
			}
		case err != nil && i == len(f)-1 && i > 0:
			a.RAT = v.text
		default:
			return nil, unreadable("+QRSRP", r.Lines)
		}
	}
	return a, nil
}
