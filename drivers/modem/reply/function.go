package reply

import "slices"

// Function is the functionality level of +CFUN? (§8.2).
type Function struct {
	Value int    `json:"fun"`
	Power string `json:"power_state"` // OFF, LOW (radio off, SIM powered), ON; whatever is not known to be off counts as ON
}

// ParseFunction reads +CFUN?; a second field, the reset flag, is ignored.
func ParseFunction(lines []string, d Dialect) (Function, error) {
	f, err := first(lines, "+CFUN")
	if err != nil {
		return Function{}, err
	}
	n, ok := within(f, 0, 0, 127)
	if !ok || len(f) > 3 {
		return Function{}, unreadable("+CFUN", lines)
	}
	return Function{n, d.power(n)}, nil
}

// power sorts a value of +CFUN?.
func (d Dialect) power(n int) string {
	switch {
	case n == 0 && !d.ZeroKeepsSIM:
		return "OFF"
	case n == 0, n == 4, slices.Contains(d.RadioOff, n):
		return "LOW"
	}
	return "ON"
}

// Functions are the levels that +CFUN=? offers.
type Functions struct {
	Supported []int `json:"supported"`
}

func readFunctions(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+CFUN")
		if !ok {
			continue
		}
		list, err := numbers(groups(rest)[0])
		if err != nil || len(list) == 0 {
			break
		}
		return Functions{list}, nil
	}
	return nil, unreadable("+CFUN", r.Lines)
}

func readFunction(r Reply) (any, error) { return ParseFunction(r.Lines, r.Dialect) }
func readSIM(r Reply) (any, error)      { return ParseSIM(r.Lines) }
func readICCID(r Reply) (any, error)    { return ParseICCID(r.Lines) }
