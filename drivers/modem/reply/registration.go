package reply

import (
	"fmt"
	"strconv"
	"strings"
)

// Registration is one domain's state (§7.2 +CREG, §10.1.20 +CGREG, §10.1.22 +CEREG, §10.1.47 +C5GREG).
type Registration struct {
	Mode   *int       `json:"n"`    // which unsolicited lines are on; nil in an unsolicited line
	Stat   *int       `json:"stat"` // nil when the module tells the mode only (FM350)
	State  string     `json:"state"`
	Domain string     `json:"domain"` // CS, PS, EPS, 5GS
	Area   uint64     `json:"lac_or_tac"`
	Cell   uint64     `json:"ci"`
	Access AccessTech `json:"act"`
	// CauseType 0 means that Cause is one of Causes; 1 that it is the operator's own.
	CauseType *int   `json:"cause_type,omitempty"`
	Cause     *int   `json:"reject_cause,omitempty"`
	CauseText string `json:"reject_text,omitempty"`
	// Final causes are not cured by trying again: the card, the contract or the place must change.
	Final bool `json:"reject_final,omitempty"`
}

// Registered: home or roaming; also the states of SMS only and CSFB not preferred (6, 7, 9, 10),
// which an LTE module reports in the circuit domain while packets flow.
func (r Registration) Registered() bool {
	if r.Stat == nil {
		return false
	}
	switch *r.Stat {
	case 1, 5, 6, 7, 9, 10:
		return true
	}
	return false
}

// Denied: the network refused.
func (r Registration) Denied() bool { return r.Stat != nil && *r.Stat == 3 }

// stateNames are the values of <stat> (§7.2).
func stateName(stat *int) string {
	names := [...]string{"IDLE", "HOME", "SEARCHING", "DENIED", "UNKNOWN", "ROAMING", "HOME_SMS_ONLY", "ROAMING_SMS_ONLY",
		"EMERGENCY_ONLY", "HOME_CSFB_NOT_PREFERRED", "ROAMING_CSFB_NOT_PREFERRED", "ATTACHED_RLOS"}
	if stat == nil || *stat < 0 || *stat >= len(names) {
		return "UNKNOWN"
	}
	return names[*stat]
}

// domainOf names what a query is about.
func domainOf(prefix string) string {
	return map[string]string{"+CREG": "CS", "+CGREG": "PS", "+CEREG": "EPS", "+C5GREG": "5GS"}[strings.ToUpper(prefix)]
}

// ParseRegistration reads a line of +CREG or its kin. Which of the two forms it has shows in the line itself, since
// modules use one where the other belongs: <n>,<stat>[,…] or <stat>[,<lac>,<ci>…]. One value alone is the state in an
// unsolicited line, and <n> in a solicited one; two are always <n>,<stat>.
func ParseRegistration(line, prefix string, solicited bool) (Registration, error) {
	rest, ok := after(line, prefix)
	if !ok {
		return Registration{}, unreadable(prefix, []string{line})
	}
	r := Registration{Domain: domainOf(prefix), Access: AccessUnknown}
	f := fields(rest)
	if n, ok := within(f, 0, 0, 5); ok && (hasMode(f) || len(f) == 2 || solicited && (len(f) == 1 || isState(f, 1))) {
		r.Mode, f = &n, f[1:]
	}
	if len(f) > 0 {
		stat, ok := within(f, 0, 0, 11)
		if !ok {
			return Registration{}, fmt.Errorf("read %s: no state in %q", prefix, line)
		}
		r.Stat = &stat
		if err := r.place(f[1:], prefix); err != nil {
			return Registration{}, fmt.Errorf("read %s: %w in %q", prefix, err, line)
		}
	}
	r.State = stateName(r.Stat)
	return r, nil
}

// hasMode: the first field is <n> when the second can only be a state. Modules quote lac and ci alike, so an
// unquoted second field before a quoted third is no lac; and a lac of one or two digits is not seen.
func hasMode(f []field) bool {
	return isState(f, 1) && (len(f[1].text) <= 2 || len(f) > 2 && f[2].quoted)
}

// isState: field i can be a <stat>.
func isState(f []field, i int) bool {
	_, ok := within(f, i, 0, 11)
	return ok && !f[i].quoted
}

// place reads what follows the state: <lac>,<ci>,<AcT>, then by domain a routing area or slices, then the cause.
func (r *Registration) place(f []field, prefix string) (err error) {
	if r.Area, err = hexField(f, 0); err != nil {
		return err
	}
	// Novatel and others put the routing area between area and cell.
	if _, isAct := within(f, 2, 0, 15); len(f) >= 4 && len(text(f, 1)) <= 2 && text(f, 1) != "" && !isAct {
		f = append(f[:1:1], f[2:]...)
	}
	if r.Cell, err = hexField(f, 1); err != nil {
		return err
	}
	if act, ok := within(f, 2, 0, 15); ok { // old phones put something else there
		r.Access = accessOf(act)
	}
	if len(f) <= 3 {
		return nil
	}
	f = f[3:]
	switch strings.ToUpper(prefix) {
	case "+CGREG": // <rac>; modules that know none leave it out
		if len(f) != 2 || f[0].quoted {
			f = f[1:]
		}
	case "+C5GREG": // <Allowed_NSSAI_length>,<Allowed_NSSAI>
		f = f[min(2, len(f)):]
	}
	return r.reject(f)
}

// reject reads <cause_type>,<reject_cause>, which come with mode 3 and 5.
func (r *Registration) reject(f []field) error {
	kind, ok1 := within(f, 0, 0, 1)
	cause, ok2 := within(f, 1, 0, 255)
	if !ok1 || !ok2 {
		return nil
	}
	r.CauseType, r.Cause = &kind, &cause
	if kind == 0 {
		c := CauseOf(cause)
		r.CauseText, r.Final = c.Text, c.Final
	}
	return nil
}

func hexField(f []field, i int) (uint64, error) {
	s := strings.ReplaceAll(text(f, i), ",", "") // Thuraya parts the digits: "F0,0F"
	s = strings.TrimPrefix(strings.ToLower(s), "0x")
	if s == "" || s == "-" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 16, 36)
	if err != nil {
		return 0, fmt.Errorf("no area or cell %q", text(f, i))
	}
	return v, nil
}

func readRegistration(r Reply) (any, error) {
	for _, line := range r.Lines {
		if _, ok := after(line, r.Name); ok {
			return ParseRegistration(line, r.Name, r.Form == Read)
		}
	}
	return nil, unreadable(r.Name, r.Lines)
}
