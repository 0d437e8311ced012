package reply

import (
	"strings"
)

// readRFSTS reads Telit's #RFSTS on LTE: operator, EARFCN, RSRP, RSSI, RSRQ, TAC, …; the columns after these vary by
// firmware, so the cell and the band are taken only where the row has 16 of them.
func readRFSTS(r Reply) (any, error) {
	f, err := first(r.Lines, "#RFSTS")
	if err != nil {
		return nil, err
	}
	s := Serving{}
	mcc, mnc, ok := strings.Cut(text(f, 0), " ")
	if !ok || len(f) < 6 {
		return nil, unreadable("#RFSTS", r.Lines)
	}
	s.MCC, s.MNC = mcc, strings.TrimSpace(mnc)
	s.EARFCN, s.Area = whole(f, 1), text(f, 5)
	s.RSRP, s.RSSI, s.RSRQ = level(f, 2, -200, 0, 1), level(f, 3, -150, 0, 1), level(f, 4, -60, 30, 1)
	if s.EARFCN == nil || s.RSRP == nil {
		return nil, unreadable("#RFSTS", r.Lines)
	}
	if len(f) == 16 && !f[11].quoted {
		s.Cell, s.Band = cellID(f, 11), whole(f, 15)
	}
	return s, nil
}

// readSERVINFO reads Telit's #SERVINFO on LTE: EARFCN, RSSI, name, operator, cell, TAC, DRX, SD, RSRP.
func readSERVINFO(r Reply) (any, error) {
	f, err := first(r.Lines, "#SERVINFO")
	if err != nil {
		return nil, err
	}
	s := Serving{EARFCN: whole(f, 0)}
	op := text(f, 3)
	if len(f) < 9 || len(op) < 5 || len(op) > 6 || strings.Trim(op, "0123456789") != "" || s.EARFCN == nil {
		return nil, unreadable("#SERVINFO", r.Lines)
	}
	s.MCC, s.MNC = op[:3], op[3:]
	s.Cell, s.Area = cellID(f, 4), text(f, 5)
	s.RSSI, s.RSRP = level(f, 1, -150, 0, 1), level(f, 8, -200, 0, 1)
	return s, nil
}

// Interface is Telit's #ICMAUTOCONN?, Fibocom's +GTRNDIS? and its kin: whether the network interface is tied
// to a context.
type Interface struct {
	Active  bool     `json:"active"`
	CID     int      `json:"cid,omitempty"`
	Address string   `json:"ipv4,omitempty"`
	DNS     []string `json:"dns,omitempty"`
}

// Bound reports whether the interface carries the packets of a context.
func (i Interface) Bound(cid int) bool { return i.Active && i.CID == cid }

// ParseInterface reads <state>,<cid>[,<address>,<dns>,<dns>]; "0" alone means not tied.
func ParseInterface(lines []string, prefix string) (Interface, error) {
	all, err := rows(lines, prefix)
	if err != nil {
		return Interface{}, err
	}
	var out Interface
	for _, f := range all {
		state, ok := within(f, 0, 0, 1)
		cid, okCID := within(f, 1, 0, 255)
		if !ok || !okCID && (state == 1 || len(f) > 1) {
			return Interface{}, unreadable(prefix, lines)
		}
		if state == 0 || out.Active {
			continue
		}
		out = Interface{Active: true, CID: cid}
		for i := 2; i < len(f); i++ {
			a, ok := address(f[i].text)
			switch {
			case !ok && strings.Trim(f[i].text, "0.:") != "":
				return Interface{}, unreadable(prefix, lines)
			case ok && i == 2:
				out.Address = a.String()
			case ok:
				out.DNS = append(out.DNS, a.String())
			}
		}
	}
	return out, nil
}

// tied makes the reader of such a query.
func tied(prefix string) func(Reply) (any, error) {
	return func(r Reply) (any, error) { return ParseInterface(r.Lines, prefix) }
}

// Offer is the test form of such a command: what it takes, never a state.
type Offer struct {
	Test   bool     `json:"test"`
	Values []string `json:"values"`
}

func offer(prefix string) func(Reply) (any, error) {
	return func(r Reply) (any, error) {
		for _, line := range r.Lines {
			if rest, ok := after(line, prefix); ok && strings.Contains(rest, "(") {
				return Offer{true, groups(rest)}, nil
			}
		}
		return nil, unreadable(prefix, r.Lines)
	}
}

// Package is Telit's #SWPKGV: the version of the whole firmware stands alone in the first line.
type Package struct {
	Version string `json:"version"`
}

func readPackage(r Reply) (any, error) {
	v := ParseIdentity(r.Lines[:min(1, len(r.Lines))], r.Name)
	if v == "" || !strings.Contains(v, ".") || strings.Contains(v, " ") {
		return nil, unreadable(r.Name, r.Lines)
	}
	return Package{v}, nil
}

// ECM is Telit's #ECM?: <device>,<state>; the module has one device, 0, and does not name the context.
type ECM struct {
	Device int  `json:"device"`
	Active bool `json:"active"`
}

// Connected reports whether the interface is tied to a context.
func (e ECM) Connected() bool { return e.Active }

// ParseECM reads #ECM?.
func ParseECM(lines []string) (ECM, error) {
	f, err := first(lines, "#ECM")
	if err != nil {
		return ECM{}, err
	}
	device, ok1 := within(f, 0, 0, 15)
	state, ok2 := within(f, 1, 0, 1)
	if !ok1 || !ok2 {
		return ECM{}, unreadable("#ECM", lines)
	}
	return ECM{device, state == 1}, nil
}

func readECM(r Reply) (any, error) { return ParseECM(r.Lines) }
