package reply

import "strings"

// Identity is one line that names the module: +CGMI, +CGMM, +CGMR (§5).
type Identity struct {
	Value string `json:"value"`
}

// ParseIdentity reads one line, with or without the command's prefix; empty when there is none.
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

func readIdentity(r Reply) (any, error) {
	v := ParseIdentity(r.Lines, r.Name)
	if v == "" {
		return nil, unreadable(r.Name, r.Lines)
	}
	return Identity{v}, nil
}

// Serial is +CGSN and +GSN: the IMEI of 3GPP devices, the ESN or MEID of CDMA ones.
type Serial struct {
	IMEI *string `json:"imei"`
	ESN  *string `json:"esn"`
	MEID *string `json:"meid"`
}

func readSerial(r Reply) (any, error) {
	var out Serial // CDMA modules tell ESN and MEID in lines of their own
	for _, line := range r.Lines {
		s := line
		if _, rest, ok := strings.Cut(line, ":"); ok {
			s = rest
		}
		s, _, _ = strings.Cut(s, ",")
		s = strings.ToUpper(strings.Trim(strings.TrimSpace(s), `" `))
		hexed := strings.HasPrefix(s, "0X")
		s = strings.TrimPrefix(s, "0X")
		digits := strings.Trim(s, "0123456789") == ""
		switch {
		case strings.Trim(s, "0123456789ABCDEF") != "" || s == "":
		case (len(s) == 15 || len(s) == 16) && digits && !hexed:
			out.IMEI = some(s) // 16 digits: IMEISV, with the software version in place of the check digit
		case len(s) == 14:
			out.MEID = some(s)
		case len(s) == 7 || len(s) == 8:
			out.ESN = some(strings.Repeat("0", 8-len(s)) + s)
		}
	}
	if out == (Serial{}) {
		return nil, unreadable(r.Name, r.Lines)
	}
	return out, nil
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

// About is ATI: what most modules write, by the words before the colons.
type About struct {
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Revision     string `json:"revision"`
	IMEI         string `json:"imei"`
}

func readAbout(r Reply) (any, error) {
	var a About
	for i, line := range r.Lines {
		key, value, ok := strings.Cut(line, ":")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch word := strings.ToUpper(strings.TrimSpace(key)); {
		case ok && word == "MANUFACTURER":
			a.Manufacturer = value
		case ok && word == "MODEL":
			a.Model = value
		case ok && word == "REVISION":
			a.Revision = value
		case ok && word == "IMEI":
			a.IMEI = value
		case !ok && i == 0: // Quectel: three bare lines, then Revision:
			a.Manufacturer = line
		case !ok && i == 1:
			a.Model = line
		}
	}
	if a == (About{}) {
		return nil, unreadable("ATI", r.Lines)
	}
	return a, nil
}

// Subscriber is +CIMI (§5.6): the IMSI, 6 to 15 digits.
type Subscriber struct {
	IMSI string `json:"imsi"`
}

func readIMSI(r Reply) (any, error) {
	s := ParseIdentity(r.Lines, r.Name)
	if len(s) < 6 || len(s) > 15 || strings.Trim(s, "0123456789") != "" {
		return nil, unreadable(r.Name, r.Lines)
	}
	return Subscriber{s}, nil
}

// Ended is +CEER (§6.10): why the last call or context ended, in the module's words; they may be empty.
type Ended struct {
	Reason string `json:"reason"`
}

func readEnded(r Reply) (any, error) {
	for _, line := range r.Lines {
		if rest, ok := after(line+" ", "+CEER"); ok {
			return Ended{strings.Trim(rest, `" `)}, nil
		}
	}
	return nil, unreadable("+CEER", r.Lines)
}
