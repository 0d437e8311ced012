package modem

import (
	"fmt"
	"net/netip"
	"strings"
)

// The parsers in this file read standard replies (27.007, section beside each). They are pure, and refuse
// what they cannot read instead of guessing.

// ParseSIM reads +CPIN? (§8.3): READY, SIM PIN, SIM PUK, … Some modules leave the prefix or add quotes.
func ParseSIM(lines []string) (string, error) {
	for _, line := range lines {
		state, ok := after(line, "+CPIN")
		if !ok {
			state = strings.TrimSpace(line)
		}
		state = strings.ToUpper(strings.Trim(state, `" `))
		switch {
		case state == "READY", state == "NOT READY", state == "NOT INSERTED":
			return state, nil
		case strings.HasSuffix(state, "PIN"), strings.HasSuffix(state, "PIN2"),
			strings.HasSuffix(state, "PUK"), strings.HasSuffix(state, "PUK2"):
			return state, nil
		}
	}
	return "", fmt.Errorf("read +CPIN: no SIM state in %q", lines)
}

// ParseFunction reads +CFUN? (§8.2); a second field, the reset flag, is ignored.
func ParseFunction(lines []string) (int, error) {
	for _, line := range lines {
		if rest, ok := after(line, "+CFUN"); ok {
			if n, ok := num(fields(rest), 0); ok {
				return n, nil
			}
		}
	}
	return 0, fmt.Errorf("read +CFUN: no functionality in %q", lines)
}

// Registration is one domain's state (§7.2, §10.1.20, §10.1.22, §10.1.47).
type Registration struct {
	Stat   int    // 0 not searching, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming, 6… see §7.2
	Access string // GSM, UMTS, LTE, 5G, …; empty when not told
}

// Registered: home or roaming; also the states of SMS only and CSFB not preferred (6, 7, 9, 10),
// which an LTE module reports in the circuit domain while packets flow.
func (r Registration) Registered() bool {
	switch r.Stat {
	case 1, 5, 6, 7, 9, 10:
		return true
	}
	return false
}

// ParseRegistration reads the reply to +CREG? and its kin, and their unsolicited form. Which of the two
// it is shows in the line: <n>,<stat>[,…] or <stat>[,<lac>,<ci>…].
func ParseRegistration(line, prefix string) (Registration, error) {
	rest, ok := after(line, prefix)
	if !ok {
		return Registration{}, fmt.Errorf("read %s: wrong prefix in %q", prefix, line)
	}
	f := fields(rest)
	at := 0
	if hasMode(f) {
		at = 1
	}
	stat, ok := num(f, at)
	if !ok || stat < 0 || stat > 11 {
		return Registration{}, fmt.Errorf("read %s: no state in %q", prefix, line)
	}
	r := Registration{Stat: stat}
	// Novatel puts a routing area code before the cell, so the technology stands one further.
	for _, i := range [...]int{at + 3, at + 4} {
		if act, ok := num(f, i); ok && r.Access == "" {
			r.Access = accessName(act)
		}
	}
	return r, nil
}

// hasMode: the first field is <n> when the second can only be a state. Modules quote lac and ci alike, so an
// unquoted second field before a quoted third is no lac; and a lac of one or two digits is not seen.
func hasMode(f []field) bool {
	if len(f) < 2 || f[1].quoted || f[1].text == "" || strings.Trim(f[1].text, "0123456789") != "" {
		return false
	}
	return len(f[1].text) <= 2 || len(f) > 2 && f[2].quoted
}

// accessName names an <AcT> (§7.3).
func accessName(act int) string {
	names := [...]string{"GSM", "GSM", "UMTS", "EDGE", "HSDPA", "HSUPA", "HSPA", "LTE", "EC-GSM-IoT", "LTE NB-IoT",
		"LTE (5G core)", "5G", "NG-RAN", "LTE + 5G"}
	if act < 0 || act >= len(names) {
		return ""
	}
	return names[act]
}

// ParseOperator reads +COPS? (§7.3): the operator's name or number, and the access technology; both empty
// when not registered.
func ParseOperator(lines []string) (name, access string, err error) {
	for _, line := range lines {
		rest, ok := after(line, "+COPS")
		if !ok {
			continue
		}
		f := fields(rest)
		if _, ok := num(f, 0); !ok {
			break
		}
		if act, ok := num(f, 3); ok {
			access = accessName(act)
		}
		return text(f, 2), access, nil
	}
	return "", "", fmt.Errorf("read +COPS: no operator in %q", lines)
}

// ParseSignal reads +CSQ (§8.5): RSSI in dBm; ok is false for 99, not known.
func ParseSignal(lines []string) (dBm int, ok bool, err error) {
	for _, line := range lines {
		rest, has := after(line, "+CSQ")
		if !has {
			continue
		}
		switch n, ok := num(fields(rest), 0); {
		case ok && n >= 0 && n <= 31:
			return -113 + 2*n, true, nil
		case ok && n >= 100 && n <= 191: // TD-SCDMA RSCP of some modules: -116 dBm and up, 1 dB steps
			return n - 216, true, nil
		case ok && (n == 99 || n == 199):
			return 0, false, nil
		}
	}
	return 0, false, fmt.Errorf("read +CSQ: no signal in %q", lines)
}

// Context is a defined data context (§10.1.1).
type Context struct {
	CID  int
	Type string // IP, IPV6, IPV4V6
	APN  string
}

// ParseContexts reads +CGDCONT?.
func ParseContexts(lines []string) ([]Context, error) {
	var out []Context
	for _, line := range lines {
		rest, ok := after(line, "+CGDCONT")
		if !ok {
			continue
		}
		f := fields(rest)
		cid, ok := num(f, 0)
		if !ok {
			return nil, fmt.Errorf("read +CGDCONT: no context number in %q", line)
		}
		out = append(out, Context{CID: cid, Type: text(f, 1), APN: text(f, 2)})
	}
	return out, nil
}

// ParseActive reads +CGACT? (§10.1.10): context number → active.
func ParseActive(lines []string) (map[int]bool, error) {
	out := map[int]bool{}
	for _, line := range lines {
		rest, ok := after(line, "+CGACT")
		if !ok {
			continue
		}
		f := fields(rest)
		cid, ok1 := num(f, 0)
		state, ok2 := num(f, 1)
		if !ok1 || !ok2 || state < 0 || state > 1 {
			return nil, fmt.Errorf("read +CGACT: cannot read %q", line)
		}
		out[cid] = state == 1
	}
	return out, nil
}

// ParseAddress reads +CGPADDR=<cid> (§10.1.14): the context's first address that is one. 0.0.0.0 and
// missing addresses give ok false.
func ParseAddress(lines []string, cid int) (addr netip.Addr, ok bool) {
	for _, line := range lines {
		rest, has := after(line, "+CGPADDR")
		if !has {
			continue
		}
		f := fields(rest)
		if n, ok := num(f, 0); !ok || n != cid {
			continue
		}
		for _, v := range f[1:] {
			if a, err := netip.ParseAddr(v.text); err == nil && !a.IsUnspecified() {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

// ParseIdentity reads +CGMI, +CGMM, +CGMR, +CGSN (§5): one line, with or without the command's prefix.
func ParseIdentity(lines []string, prefix string) string {
	for _, line := range lines {
		if rest, ok := after(line, prefix); ok {
			line = rest
		}
		if line = strings.Trim(line, `" `); line != "" {
			return line
		}
	}
	return ""
}

// IsIMEI: 15 digits, the last by Luhn's rule (3GPP TS 23.003 §6.2.1); modules without one (old CDMA) give less.
func IsIMEI(s string) bool {
	if len(s) != 15 {
		return false
	}
	sum := 0
	for i, r := range s {
		if r < '0' || r > '9' {
			return false
		}
		d := int(r - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
