package reply

import (
	"strconv"
	"strings"
)

// Context is a defined data context (§10.1.1).
type Context struct {
	CID  int     `json:"cid"`
	Type string  `json:"pdp_type"` // IPV4, IPV6, IPV4V6
	APN  *string `json:"apn"`
}

// Name is the APN, empty when none is set.
func (c Context) Name() string {
	if c.APN == nil {
		return ""
	}
	return *c.APN
}

// pdpType is the family's name in JSON; other types (PPP, X.25, Ethernet, Non-IP) carry no packets for us.
func pdpType(s string) (string, bool) {
	switch strings.ToUpper(s) {
	case "IP", "IPV4":
		return "IPV4", true
	case "IPV6", "IPV4V6":
		return strings.ToUpper(s), true
	}
	return "", false
}

// Contexts is +CGDCONT?.
type Contexts struct {
	List []Context `json:"contexts"`
}

// ParseContexts reads +CGDCONT?. No line at all means that no context is defined.
func ParseContexts(lines []string) (Contexts, error) {
	out, seen := Contexts{[]Context{}}, len(lines) == 0
	for _, line := range lines {
		rest, ok := after(line, "+CGDCONT")
		if !ok {
			continue
		}
		seen = true
		f := fields(rest)
		cid, ok := within(f, 0, 0, 255)
		if !ok || len(f) < 2 {
			return out, unreadable("+CGDCONT", []string{line})
		}
		if kind, ok := pdpType(text(f, 1)); ok {
			out.List = append(out.List, Context{cid, kind, some(text(f, 2))})
		}
	}
	if !seen {
		return out, unreadable("+CGDCONT", lines)
	}
	return out, nil
}

// Ranges is +CGDCONT=?.
type Ranges struct {
	Formats []Range `json:"formats"`
}

// Range says which numbers contexts of a type may have.
type Range struct {
	Min  int    `json:"min_cid"`
	Max  int    `json:"max_cid"`
	Type string `json:"pdp_type"`
}

func readRanges(r Reply) (any, error) {
	out := Ranges{[]Range{}}
	for _, line := range r.Lines {
		rest, ok := after(line, "+CGDCONT")
		if !ok {
			return nil, unreadable("+CGDCONT", r.Lines)
		}
		g := groups(rest)
		if len(g) < 2 {
			return nil, unreadable("+CGDCONT", r.Lines)
		}
		// Cinterion offers two ranges, the second for its internal stack.
		low, high, isRange := strings.Cut(strings.Split(g[0], ",")[0], "-")
		low1, err := strconv.Atoi(strings.TrimSpace(low))
		high1 := low1
		if err == nil && isRange {
			high1, err = strconv.Atoi(strings.TrimSpace(high))
		}
		if err != nil {
			return nil, unreadable("+CGDCONT", r.Lines)
		}
		if kind, ok := pdpType(strings.Trim(g[1], `"`)); ok {
			out.Formats = append(out.Formats, Range{low1, high1, kind})
		}
	}
	return out, nil
}

// Activity is which contexts are active: +CGACT? (§10.1.10), and Sierra's !SCACT?.
type Activity struct {
	Contexts []Active `json:"contexts"`
}

// Active is one context's state.
type Active struct {
	CID    int  `json:"cid"`
	Active bool `json:"active"`
}

// Has reports whether a context is active.
func (a Activity) Has(cid int) bool {
	for _, c := range a.Contexts {
		if c.CID == cid {
			return c.Active
		}
	}
	return false
}

// ParseActivity reads +CGACT?, or another query of the same form. No line at all means no context.
func ParseActivity(lines []string, prefix string) (Activity, error) {
	out, seen := Activity{[]Active{}}, len(lines) == 0
	for _, line := range lines {
		rest, ok := after(line, prefix)
		if !ok {
			continue
		}
		seen = true
		f := fields(rest)
		cid, ok1 := within(f, 0, 0, 255)
		state, ok2 := within(f, 1, 0, 1)
		if !ok1 || !ok2 {
			return out, unreadable(prefix, []string{line})
		}
		out.Contexts = append(out.Contexts, Active{cid, state == 1})
	}
	if !seen {
		return out, unreadable(prefix, lines)
	}
	return out, nil
}

func readContexts(r Reply) (any, error) { return ParseContexts(r.Lines) }
func readActivity(r Reply) (any, error) { return ParseActivity(r.Lines, r.Name) }

// SameAPN compares an APN that a module tells with the one asked for: capitals do not count, and the network may add
// its operator identifier (3GPP TS 23.003 §9.1.2).
func SameAPN(existing, requested string) bool {
	a, b := strings.ToLower(existing), strings.ToLower(requested)
	if a == b {
		return true
	}
	suffix, ok := strings.CutPrefix(a, b)
	return ok && b != "" && operatorSuffix(suffix)
}

// operatorSuffix: .mncXXX.mccYYY.gprs
func operatorSuffix(s string) bool {
	const shape = ".mnc000.mcc000.gprs"
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; shape[i] == '0' && !digit || shape[i] != '0' && shape[i] != s[i] {
			return false
		}
	}
	return true
}
