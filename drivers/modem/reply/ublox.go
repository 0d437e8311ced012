package reply

import (
	"strings"
)

// HostAddress is u-blox's +UIPADDR: the address on the USB interface in router mode.
type HostAddress struct {
	CID       int     `json:"cid"`
	Name      *string `json:"if_name"`
	IPv4      *string `json:"ipv4_address"`
	Netmask   *string `json:"ipv4_subnet"`
	IPv6      *string `json:"ipv6_global_address"`
	LinkLocal *string `json:"ipv6_link_local_address"`
}

func readUIPADDR(r Reply) (any, error) {
	f, err := first(r.Lines, "+UIPADDR")
	if err != nil {
		return nil, err
	}
	cid, ok := within(f, 0, 0, 255)
	if !ok || len(f) < 2 {
		return nil, unreadable("+UIPADDR", r.Lines)
	}
	for _, v := range f[min(2, len(f)):] {
		host, _, _ := strings.Cut(v.text, "/")
		if _, ok := address(host); !ok && strings.Trim(host, "0.:") != "" {
			return nil, unreadable("+UIPADDR", r.Lines)
		}
	}
	return HostAddress{cid, some(text(f, 1)), some(text(f, 2)), some(text(f, 3)), some(text(f, 4)), some(text(f, 5))}, nil
}

// Mode is a vendor's word for how the module shows itself.
type Mode struct {
	Mode    string `json:"mode,omitempty"`
	Profile string `json:"profile,omitempty"`
}

// ParseRouting reads +UBMCONF?: 1 router, 2 bridge.
func ParseRouting(lines []string) (Mode, error) {
	f, err := first(lines, "+UBMCONF")
	if err != nil {
		return Mode{}, err
	}
	n, ok := within(f, 0, 1, 2)
	if !ok {
		return Mode{}, unreadable("+UBMCONF", lines)
	}
	return Mode{Mode: [...]string{"ROUTER", "BRIDGE"}[n-1]}, nil
}

func readUBMCONF(r Reply) (any, error) { return ParseRouting(r.Lines) }

// readUUSBCONF: +UUSBCONF: <id>,<network>,<audio>,<product id>; 0 is without a network.
func readUUSBCONF(r Reply) (any, error) {
	f, err := first(r.Lines, "+UUSBCONF")
	if err != nil {
		return nil, err
	}
	n, ok := within(f, 0, 0, 3)
	name := strings.ToUpper(text(f, 1))
	switch {
	case ok && n == 0:
		return Mode{Profile: "BACK_COMPATIBLE"}, nil
	case ok && n == 2 && (name == "ECM" || name == "RNDIS"):
		return Mode{Profile: name}, nil
	case ok && n == 3:
		return Mode{Profile: "RNDIS"}, nil
	}
	return nil, unreadable("+UUSBCONF", r.Lines)
}

// AuthKinds is +UAUTHREQ=?: 0 none, 1 PAP, 2 CHAP, 3 what the module finds.
type AuthKinds struct {
	Auths []string `json:"auths"`
}

func readUAUTHREQ(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+UAUTHREQ")
		g := groups(rest)
		if !ok || len(g) < 2 {
			continue
		}
		list, err := numbers(g[1])
		if err != nil {
			break
		}
		out := AuthKinds{[]string{}}
		for _, n := range list {
			if n <= 3 {
				out.Auths = append(out.Auths, [...]string{"NONE", "PAP", "CHAP", "AUTO"}[n])
			}
		}
		if len(out.Auths) > 0 {
			return out, nil
		}
	}
	return nil, unreadable("+UAUTHREQ", r.Lines)
}

// Traffic is +UGCNTRD: bytes of a context.
type Traffic struct {
	CID       int       `json:"cid"`
	SessionTx int       `json:"session_tx_bytes"`
	SessionRx int       `json:"session_rx_bytes"`
	TotalTx   int       `json:"total_tx_bytes"`
	TotalRx   int       `json:"total_rx_bytes"`
	Contexts  []Traffic `json:"contexts,omitempty"` // all of them, when there are several; the last is shown above
}

func readUGCNTRD(r Reply) (any, error) {
	all, err := rows(r.Lines, "+UGCNTRD")
	if err != nil {
		return nil, err
	}
	var list []Traffic
	for _, f := range all {
		var t Traffic
		for i, into := range [...]*int{&t.CID, &t.SessionTx, &t.SessionRx, &t.TotalTx, &t.TotalRx} {
			n, ok := num(f, i)
			if !ok || n < 0 {
				return nil, unreadable("+UGCNTRD", r.Lines)
			}
			*into = n
		}
		list = append(list, t)
	}
	last := list[len(list)-1]
	if len(list) > 1 {
		last.Contexts = list
	}
	return last, nil
}
