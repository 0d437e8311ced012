package reply

import "strings"

// Retries are the tries left before a card blocks. Nil was not told; 0 is blocked.
type Retries struct {
	PIN  *int `json:"pin_attempts,omitempty"`
	PIN2 *int `json:"pin2_attempts,omitempty"`
	PUK  *int `json:"puk_attempts,omitempty"`
	PUK2 *int `json:"puk2_attempts,omitempty"`
	// Current belongs to the code that the module asks for now, or to the one the query named.
	Current *int `json:"retries,omitempty"`
}

// slot names a member of Retries in the order of a vendor's reply.
type slot func(*Retries) **int

func pin(r *Retries) **int     { return &r.PIN }
func pin2(r *Retries) **int    { return &r.PIN2 }
func puk(r *Retries) **int     { return &r.PUK }
func puk2(r *Retries) **int    { return &r.PUK2 }
func current(r *Retries) **int { return &r.Current }

// counts makes a reader for a reply with one number per code; skip fields stand before them.
func counts(prefix string, skip int, order ...slot) func(Reply) (any, error) {
	return func(r Reply) (any, error) {
		f, err := first(r.Lines, prefix)
		if err != nil {
			return nil, err
		}
		// More fields than there are codes are another form, whose counts might be another code's.
		if len(f) != skip+len(order) {
			return nil, unreadable(prefix, r.Lines)
		}
		var out Retries
		for i, s := range order {
			n, ok := within(f, skip+i, 0, 15)
			if !ok {
				return nil, unreadable(prefix, r.Lines)
			}
			*s(&out) = &n
		}
		return out, nil
	}
}

// readCPINR reads §8.65: +CPINR: <code>,<retries>[,<default>], a line for each code.
func readCPINR(r Reply) (any, error) {
	return named(r, "+CPINR", map[string][]slot{"SIM PIN": {pin}, "SIM PUK": {puk}, "SIM PIN2": {pin2}, "SIM PUK2": {puk2}})
}

// readQPINC reads Quectel's +QPINC: "SC",<pin>,<puk> and "P2",<pin2>,<puk2>.
func readQPINC(r Reply) (any, error) {
	return named(r, "+QPINC", map[string][]slot{"SC": {pin, puk}, "P2": {pin2, puk2}})
}

// named reads rows that begin with the code they are about. Codes of other locks are passed over.
func named(r Reply, prefix string, codes map[string][]slot) (any, error) {
	all, err := rows(r.Lines, prefix)
	if err != nil {
		return nil, err
	}
	var out Retries
	known := false
	for _, f := range all {
		for i, s := range codes[strings.ToUpper(text(f, 0))] {
			n, ok := within(f, 1+i, 0, 15)
			if !ok {
				return nil, unreadable(prefix, r.Lines)
			}
			*s(&out), known = &n, true
		}
	}
	if !known {
		return nil, unreadable(prefix, r.Lines)
	}
	return out, nil
}
