package config

import (
	"slices"
	"strings"
)

// apnLimit is the longest access point name, 3GPP TS 23.003 section 9.1.
const apnLimit = 100

// secretLimit is the longest user name and password that modules take (127 with those that name a limit).
const secretLimit = 127

// slotLimit is more SIM slots than a module has.
const slotLimit = 4

// judgeModem judges how the module reaches its network. What is typed here ends up between quotes in AT commands.
func (d *document) judgeModem(m Modem) {
	d.wantAPN("modem.apn", m.APN)
	d.wantAPN("modem.attach_apn", m.AttachAPN)
	d.wantOneOf("modem.type", m.Type, "ip", "ipv6", "ipv4v6")
	d.wantOneOf("modem.auth", m.Auth, "any", "none", "pap", "chap")
	d.wantOneOf("modem.bearer", m.Bearer, Auto, "interface", "ppp")
	if bad := strings.IndexFunc(m.User, notSecret); bad >= 0 || len(m.User) > secretLimit {
		d.wrong("modem.user", "is %q; expected at most %d ASCII characters without quotes and backslashes", cut(m.User, 40), secretLimit)
	}
	if bad := strings.IndexFunc(m.Password, notSecret); bad >= 0 || len(m.Password) > secretLimit {
		d.wrong("modem.password", "cannot be sent; expected at most %d ASCII characters without quotes and backslashes", secretLimit)
	}
	if m.Password != "" && m.User == "" {
		d.wrong("modem.password", "stands without a user; expected modem.user as well")
	}
	if m.Operator != "" && (!digits(m.Operator) || len(m.Operator) != 5 && len(m.Operator) != 6) {
		d.wrong("modem.operator", "is %q; expected the five or six digits of country and network, such as \"26201\", in quotes", cut(m.Operator, 40))
	}
	if m.Slot < 0 || m.Slot > slotLimit {
		d.wrong("modem.slot", "is %d; expected 1 to %d, or 0 for the slot in use", m.Slot, slotLimit)
	}
	if m.PIN != "" && (!digits(m.PIN) || len(m.PIN) < 4 || len(m.PIN) > 8) {
		d.wrong("modem.pin", "is no PIN; expected four to eight digits, in quotes")
	}
}

func (d *document) wantAPN(path, value string) {
	if bad := strings.IndexFunc(value, notAPN); bad >= 0 || len(value) > apnLimit {
		d.wrong(path, "is %q; expected at most %d letters, digits, dots and dashes, as the carrier names it", cut(value, 40), apnLimit)
	}
}

func (d *document) wantOneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		d.wrong(path, "is %q; expected one of: %s", cut(value, 40), strings.Join(words, ", "))
	}
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func notSecret(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

func notAPN(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
}
