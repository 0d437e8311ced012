package reply

import (
	"strings"
)

// Cells is Fibocom's +GTCCINFO?: rows without a prefix, under headings. A row begins with 1 (serving) or
// 2 (neighbour) and the technology: 2 UMTS, 4 LTE, 9 5G.
type Cells struct {
	Serving    []Serving `json:"serving"`
	Neighbours int       `json:"neighbours"`
}

func readGTCCINFO(r Reply) (any, error) {
	out := Cells{Serving: []Serving{}}
	seen := false
	for _, line := range r.Lines {
		if rest, ok := after(line+" ", "+GTCCINFO"); ok {
			seen = true
			if line = rest; line == "" {
				continue
			}
		}
		f := fields(line)
		kind, isRow := within(f, 0, 1, 2)
		rat, hasRAT := within(f, 1, 0, 12)
		switch {
		case !isRow || len(f) < 3:
			if strings.HasSuffix(line, ":") { // "LTE service cell:"
				continue
			}
			return nil, unreadable("+GTCCINFO", r.Lines)
		case !hasRAT:
			return nil, unreadable("+GTCCINFO", r.Lines)
		case kind == 2:
			out.Neighbours, seen = out.Neighbours+1, true
		default:
			out.Serving, seen = append(out.Serving, gtcc(f, rat)), true
		}
	}
	if !seen {
		return nil, unreadable("+GTCCINFO", r.Lines)
	}
	return out, nil
}

// gtcc: <serving>,<rat>,<mcc>,<mnc>,<tac>,<cell>,<earfcn>,<pci>,<band>,<bandwidth>,<rssnr>,<rxlev>,<rsrp>,<rsrq>
func gtcc(f []field, rat int) Serving {
	s := Serving{MCC: code(f, 2), MNC: code(f, 3), Area: code(f, 4), Cell: cellID(f, 5)}
	switch rat {
	case 2:
		s.RAT, s.UARFCN = "WCDMA", whole(f, 6)
	case 4:
		s.RAT, s.EARFCN, s.PCI, s.Band = "LTE", whole(f, 6), whole(f, 7), whole(f, 8)
		if n, ok := within(f, 12, 0, 97); ok { // indexes of +CESQ
			s.RSRP = dB(float64(n) - 141)
		}
		if n, ok := within(f, 13, 0, 34); ok {
			s.RSRQ = dB(float64(n)/2 - 20)
		}
	case 9:
		s.RAT, s.ARFCN, s.PCI, s.Band = "NR5G", whole(f, 6), whole(f, 7), whole(f, 8)
		if n, ok := within(f, 12, 0, 126); ok {
			s.RSRP = dB(float64(n) - 157)
		}
		if n, ok := within(f, 13, 0, 126); ok {
			s.RSRQ = dB(float64(n)/2 - 43.5)
		}
	}
	return s
}
