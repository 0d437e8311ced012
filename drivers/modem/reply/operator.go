package reply

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Operator is +COPS? (§7.3).
type Operator struct {
	Mode   int        `json:"mode"`     // 0 automatic, 1 manual, 2 deregistered, 4 manual with fallback
	Format *int       `json:"format"`   // 0 long name, 1 short name, 2 number; nil when not registered
	Name   string     `json:"operator"` // empty when not registered
	Access AccessTech `json:"act"`
}

// ParseOperator reads +COPS?; of several lines (names were asked for in several formats) the last.
func ParseOperator(lines []string) (Operator, error) {
	all, err := rows(lines, "+COPS")
	if err != nil {
		return Operator{}, err
	}
	f := all[len(all)-1]
	mode, ok := within(f, 0, 0, 4)
	if !ok {
		return Operator{}, unreadable("+COPS", lines)
	}
	o := Operator{Mode: mode, Access: AccessUnknown}
	if len(f) == 1 {
		return o, nil
	}
	format, ok := within(f, 1, 0, 2)
	if !ok {
		return Operator{}, unreadable("+COPS", lines)
	}
	o.Format, o.Name = &format, Unhex(text(f, 2))
	if act, ok := within(f, 3, 0, 15); ok {
		o.Access = accessOf(act)
	}
	return o, nil
}

// Scan is +COPS=?: the networks around.
type Scan struct {
	Networks []Network `json:"networks"`
}

// Network is one of them.
type Network struct {
	Status string     `json:"status"` // UNKNOWN, AVAILABLE, CURRENT, FORBIDDEN
	Long   *string    `json:"operator_long"`
	Short  *string    `json:"operator_short"`
	Code   string     `json:"operator_code"` // country and network
	Access AccessTech `json:"act"`           // GSM when not told, as §7.3 has it
}

// networkShape is (<stat>,"long","short","code"[,<AcT>]); Ericsson closes the parenthesis before <AcT> as well.
func networkShape() *regexp.Regexp {
	const name = `\s*(?:"([^"]*)"|([^",()]*))\s*,`
	return regexp.MustCompile(`\(\s*(\d)\s*,` + name + name + `\s*"?([0-9A-Fa-f]{5,28})"?\s*(?:\)?\s*,\s*"?(\d{1,2})"?\s*)?\)`)
}

func readScan(r Reply) (any, error) {
	out := Scan{[]Network{}}
	all := strings.Join(r.Lines, "")
	rest, ok := after(all, "+COPS")
	if !ok || !strings.Contains(rest, "(") {
		return nil, unreadable("+COPS", r.Lines)
	}
	statuses := [...]string{"UNKNOWN", "AVAILABLE", "CURRENT", "FORBIDDEN"}
	for _, m := range networkShape().FindAllStringSubmatch(rest, -1) {
		status, err := strconv.Atoi(m[1])
		code := Unhex(m[6])
		if err != nil || status >= len(statuses) || strings.Trim(code, "0123456789") != "" || len(code) < 5 || len(code) > 7 {
			continue
		}
		act, _ := strconv.Atoi(m[7])
		out.Networks = append(out.Networks, Network{
			Status: statuses[status], Long: some(Unhex(m[2] + m[3])), Short: some(Unhex(m[4] + m[5])),
			Code: code, Access: accessOf(act),
		})
	}
	return out, nil
}

// Unhex decodes a name that a module sends in UCS2 as hex digits (+CSCS="UCS2"), which shows in its length and its first
// digits; anything else comes back as it was.
func Unhex(s string) string {
	if len(s) < 8 || len(s)%4 != 0 {
		return s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return s
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		if units[i] == 0 || i == 0 && strings.Trim(s, "0123456789") == "" && b[0] != 0 {
			return s // a long number is a number
		}
	}
	runes := utf16.Decode(units)
	for _, r := range runes {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return s
		}
	}
	return string(runes)
}

// Number is an operator's numeric name.
type Number struct {
	MCC       int  `json:"mcc"`
	MNC       int  `json:"mnc"`
	LongMNC   bool `json:"three_digit_mnc"`
	ValidCode bool `json:"ok"`
}

// ParseNumber cuts an operator's number into country and network (ITU-T E.212).
func ParseNumber(code string) (Number, bool) {
	if len(code) != 5 && len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return Number{}, false
	}
	mcc, _ := strconv.Atoi(code[:3])
	mnc, _ := strconv.Atoi(code[3:])
	return Number{mcc, mnc, len(code) == 6, mcc > 0}, mcc > 0
}

func readOperator(r Reply) (any, error) { return ParseOperator(r.Lines) }
