package modemsim

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// clck is +CLCK="SC",<mode>[,<pin>]: whether the card asks for its PIN. It burns tries as +CPIN does.
func clck(s *Sim, c call) reply {
	if c.form == test {
		return say(`+CLCK: ("SC")`)
	}
	if c.form != set || c.arg(0) != "SC" {
		return refuse(50)
	}
	if code := s.cardError(); code != 0 {
		return refuse(code)
	}
	switch mode := c.arg(1); {
	case mode == "2":
		return say(fmt.Sprintf("+CLCK: %d", bit(s.card().enabled)))
	case mode != "0" && mode != "1" || len(c.args) < 3:
		return refuse(50)
	}
	if code := s.verify(c.arg(2)); code != 0 {
		return refuse(code)
	}
	s.card().enabled = c.arg(1) == "1"
	return reply{}
}

// cpwd is +CPWD="SC",<old>,<new>.
func cpwd(s *Sim, c call) reply {
	if c.form != set || c.arg(0) != "SC" || !goodPIN(c.arg(2)) || !s.card().enabled {
		return refuse(50)
	}
	if code := s.verify(c.arg(1)); code != 0 {
		return refuse(code)
	}
	s.card().code = c.arg(2)
	return reply{}
}

// csim passes a command to the card itself (ETSI TS 102 221 §11.1.9 VERIFY PIN, §11.1.13 UNBLOCK PIN).
func csim(s *Sim, c call) reply {
	apdu, err := hex.DecodeString(c.arg(1))
	n, lenErr := strconv.Atoi(c.arg(0))
	if err != nil || lenErr != nil || n != 2*len(apdu) || len(apdu) < 5 {
		return refuse(50)
	}
	return cardThere(func(s *Sim, _ call) reply {
		return say(fmt.Sprintf(`+CSIM: 4,"%04X"`, s.apdu(apdu)))
	})(s, c)
}

// apdu carries out VERIFY and UNBLOCK, and with no data tells the tries left, and returns SW1 and SW2.
func (s *Sim) apdu(b []byte) int {
	digits := func(part []byte) string { return strings.TrimRight(string(part), "\xff") }
	card, left, code := s.card(), 0, 0
	switch unblock := b[1] == 0x2c; {
	case b[0] != 0 || b[1] != 0x20 && !unblock || int(b[4]) != len(b)-5:
		return 0x6d00 // instruction not known
	case b[2] != 0 || b[3] != 1 && (b[3] != 0 || b[4] != 0):
		return 0x6a88 // there is one PIN; P2=00 is what some hosts ask for it
	case unblock && len(b) == 21:
		code, left = s.unblock(digits(b[5:13]), digits(b[13:])), card.puk
	case !unblock && len(b) == 13:
		code, left = s.verify(digits(b[5:])), card.pin
	case len(b) != 5:
		return 0x6700
	case unblock:
		code, left = 16, card.puk
	default:
		code, left = 16, card.pin
	}
	switch {
	case code == 0:
		s.locked = false
		s.search()
		return 0x9000
	case left == 0 || code != 16:
		return 0x6983
	}
	return 0x63c0 | left
}
