package reply

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// SIM is the answer to +CPIN? (§8.3).
type SIM struct {
	State string `json:"state"` // as sent: READY, SIM PIN, SIM PUK2, PH-NET PIN, NOT READY, NOT INSERTED …
	Lock  string `json:"lock"`  // NONE, SIM_PIN …; UNKNOWN when the state is no lock
}

// ParseSIM reads +CPIN?. Some modules leave the prefix or add quotes.
func ParseSIM(lines []string) (SIM, error) {
	for _, line := range lines {
		state, ok := after(line, "+CPIN")
		if !ok {
			state = strings.TrimSpace(line)
		}
		state = strings.Join(strings.Fields(strings.ToUpper(strings.Trim(state, `" `))), " ")
		switch state {
		case "READY":
			return SIM{state, "NONE"}, nil
		case "NOT READY", "NOT INSERTED", "SIM NOT INSERTED", "SIM REMOVED", "SIM BUSY", "SIM FAILURE", "SIM WRONG", "SIM BLOCKED", "BLOCKED":
			return SIM{strings.TrimPrefix(state, "SIM "), "UNKNOWN"}, nil
		case "SIM PIN", "SIM PUK", "SIM PIN2", "SIM PUK2", "PH-SIM PIN", "PH-SIM PUK", "PH-FSIM PIN", "PH-FSIM PUK",
			"PH-NET PIN", "PH-NET PUK", "PH-NETSUB PIN", "PH-NETSUB PUK", "PH-SP PIN", "PH-SP PUK", "PH-CORP PIN", "PH-CORP PUK":
			return SIM{state, strings.NewReplacer(" ", "_", "-", "_").Replace(state)}, nil
		}
	}
	return SIM{}, unreadable("+CPIN", lines)
}

// Presence is Telit's #QSS: 0 removed, 1 inserted, 2 inserted and unlocked, 3 inserted and ready.
type Presence struct {
	State string `json:"sim"`
}

func readQSS(r Reply) (any, error) {
	f, err := first(r.Lines, "#QSS")
	if err != nil {
		return nil, err
	}
	last := len(f) - 1 // #QSS: <mode>,<status> when read, <status> alone when it comes by itself
	n, ok := within(f, last, 0, 3)
	if !ok || last > 1 {
		return nil, unreadable("#QSS", r.Lines)
	}
	names := [...]string{"SIM_REMOVED", "SIM_INSERTED", "SIM_INSERTED_AND_UNLOCKED", "SIM_INSERTED_AND_READY"}
	return Presence{names[n]}, nil
}

// Card is an ICCID (ITU-T E.118): 89, then up to 18 digits more; some operators use hex digits.
type Card struct {
	ICCID string `json:"iccid"`
}

// ParseICCID reads +CCID, +ICCID, +QCCID, +ZGETICCID …, and the raw file EF_ICCID, whose digits are swapped in pairs
// (3GPP TS 51.011 §10.1.1).
func ParseICCID(lines []string) (Card, error) {
	for _, line := range lines {
		s := line
		if _, rest, ok := strings.Cut(line, ":"); ok {
			s = rest
		}
		s = strings.ToUpper(strings.Trim(strings.TrimSpace(s), `" `))
		if i := strings.LastIndexAny(s, `,"`); i >= 0 && strings.HasPrefix(strings.TrimSpace(line), "+CRSM") {
			s = s[i+1:]
		}
		if strings.HasPrefix(s, "98") && len(s) == 20 {
			s = swapPairs(s)
		}
		s = strings.TrimRight(s, "F")
		if strings.HasPrefix(s, "89") && len(s) >= 18 && len(s) <= 20 && strings.Trim(s, "0123456789ABCDEF") == "" {
			return Card{s}, nil
		}
	}
	return Card{}, unreadable("ICCID", lines)
}

func swapPairs(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

// verifyReply is +CSIM: <length>,"<response>" (§8.17); the quotes are demanded, since half a reply must not pass for a count.
func verifyReply() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\+CSIM\s*:\s*[0-9]+\s*,\s*"([0-9A-F]*)"$`)
}

// readVerify reads the status word of VERIFY without data (ETSI TS 102 221 §11.1.9): 63Cx means x tries left.
func readVerify(r Reply) (any, error) {
	for _, line := range r.Lines {
		m := verifyReply().FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || len(m[1]) < 4 {
			continue
		}
		word := strings.ToUpper(m[1][len(m[1])-4:])
		if raw, err := hex.DecodeString(word); err == nil && raw[0] == 0x63 && raw[1]&0xf0 == 0xc0 {
			n := int(raw[1] & 0x0f)
			return Retries{Current: &n}, nil
		}
		return nil, fmt.Errorf("read +CSIM: the card answers %s: %s", word, statusText(word))
	}
	return nil, unreadable("+CSIM", r.Lines)
}

func statusText(word string) string {
	switch word {
	case "9000":
		return "verified, or no PIN is asked for; it tells no count"
	case "6300":
		return "verification failed"
	case "6983":
		return "the PIN is blocked"
	case "6984":
		return "reference data invalidated"
	case "6A86":
		return "incorrect parameters"
	case "6A88":
		return "reference data not found"
	}
	if n, err := strconv.ParseUint(word, 16, 16); err == nil && n>>8 == 0x6e {
		return "class of command not supported"
	}
	return "unknown status"
}
