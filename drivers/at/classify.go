package at

import (
	"strings"
)

// form is how a command is used; it decides which lines can be its reply.
type form int

const (
	action form = iota // +CSQ, I, E0
	read               // +CFUN?
	test               // +CFUN=?
	set                // +CFUN=1
)

// part is one command of a line; a line may carry several, separated by semicolons.
type part struct {
	id   string // upper case, without AT: "+CFUN", "I", "D"
	form form
}

// parseCommand takes a command line (without AT) apart. Quotes protect semicolons.
func parseCommand(cmd string) []part {
	var parts []part
	quoted, start := false, 0
	for i := 0; i <= len(cmd); i++ {
		switch {
		case i == len(cmd) || cmd[i] == ';' && !quoted:
			if piece := strings.TrimSpace(cmd[start:i]); piece != "" {
				parts = append(parts, parsePart(piece))
			}
			start = i + 1
		case cmd[i] == '"':
			quoted = !quoted
		}
	}
	return parts
}

func parsePart(cmd string) part {
	up := strings.ToUpper(cmd)
	if !isExtended(up[0]) {
		// Basic commands (ITU-T V.250 §5.3.1) have one letter; &C1 and \Q3 have two characters.
		return part{id: strings.TrimRight(up[:1], " "), form: action}
	}
	i := strings.IndexAny(up, "=?")
	switch {
	case i < 0:
		return part{id: up, form: action}
	case up[i] == '?':
		return part{id: up[:i], form: read}
	case strings.HasPrefix(up[i:], "=?"):
		return part{id: up[:i], form: test}
	}
	return part{id: up[:i], form: set}
}

// isExtended tells the first characters of standard and vendor commands and of their replies.
func isExtended(b byte) bool { return strings.IndexByte("+^$#!%*@_", b) >= 0 }

// splitPrefix cuts "+CREG: 1,5" into "+CREG" and "1,5"; ok is false for lines without such a prefix.
func splitPrefix(line string) (prefix, rest string, ok bool) {
	if line == "" || !isExtended(line[0]) {
		return "", line, false
	}
	i := strings.IndexByte(line, ':')
	if i < 2 {
		return "", line, false
	}
	for _, r := range line[1:i] {
		if (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return "", line, false
		}
	}
	return strings.ToUpper(line[:i]), strings.TrimSpace(line[i+1:]), true
}

// owns reports whether line can be part of the reply to cmd.
func owns(parts []part, accept []string, line string) bool {
	prefix, rest, ok := splitPrefix(line)
	if !ok {
		return !isBareURC(line) && takesBareLines(parts) && (line == "" || !isExtended(line[0]) || listsCommands(parts))
	}
	for _, extra := range accept {
		if strings.EqualFold(extra, prefix) {
			return true
		}
	}
	for _, p := range parts {
		if p.id == prefix && fits(p, rest) || p.id == "I" && prefix == "+GCAP" {
			return true
		}
	}
	return false
}

// takesBareLines: identities, table rows and the like come without a prefix, but a setting has no such reply.
func takesBareLines(parts []part) bool {
	for _, p := range parts {
		if p.form != set && p.id != "E" && p.id != "V" && p.id != "Z" && p.id != "&" {
			return true
		}
	}
	return false
}

// listsCommands: rows that start like a command and have no colon are the list of +CLAC. With every other command they
// are unsolicited: Fibocom's +SIM READY and u-blox's +PBREADY, which come while a session asks who the module is.
func listsCommands(parts []part) bool {
	for _, p := range parts {
		if p.id == "+CLAC" {
			return true
		}
	}
	return false
}

// fits tells the reply of a command from the unsolicited line with the same prefix.
func fits(p part, rest string) bool {
	switch p.id {
	case "+CREG", "+CGREG", "+CEREG", "+C5GREG":
		return p.form == test && strings.HasPrefix(rest, "(") || p.form == read && isRegistrationReply(rest)
	}
	if p.id == "+QNETDEVSTATUS" && p.form == set {
		return strings.Count(rest, ",") > 3 // the addresses; the unsolicited line has four fields (RM500U)
	}
	if alsoUnsolicited(p.id) {
		return p.form == read || p.form == action || p.form == test && strings.HasPrefix(rest, "(")
	}
	return true
}

// isRegistrationReply: the reply to +CREG? starts "<n>,<stat>", the unsolicited line "<stat>[,<lac>,<ci>…]"
// (27.007 §7.2). Where the second field could be both, quotes decide: modules quote lac and ci alike,
// and never a state.
func isRegistrationReply(rest string) bool {
	f := strings.Split(rest, ",")
	if len(f) < 2 {
		return false
	}
	second := strings.TrimSpace(f[1])
	if second == "" || strings.Trim(second, "0123456789") != "" {
		return false
	}
	if len(f) > 2 && strings.HasPrefix(strings.TrimSpace(f[2]), `"`) {
		return true
	}
	return len(second) <= 2
}

// alsoUnsolicited names prefixes that arrive unasked in the same form as the reply.
func alsoUnsolicited(id string) bool {
	switch id {
	case "+CPIN", "+CFUN", "+CSQ", "+CUSD", "+QIND", "+QNETDEVSTATUS", "^NDISSTAT", "^HCSQ", "^SIMST", "^MODE", "^SYSINFOEX":
		return true
	}
	return false
}

// single names those of alsoUnsolicited whose reply is one line: when two come, the first was unsolicited.
func single(parts []part) bool {
	return len(parts) == 1 && parts[0].form == read && (parts[0].id == "+CPIN" || parts[0].id == "+CFUN") ||
		len(parts) == 1 && parts[0].form == action && parts[0].id == "+CSQ"
}

// isBareURC names unsolicited lines without a prefix that common modules send (Quectel, SIMCom, u-blox, Sierra).
func isBareURC(line string) bool {
	switch strings.ToUpper(line) {
	case "RDY", "POWERED DOWN", "NORMAL POWER DOWN", "RING", "PB DONE", "SMS DONE", "CALL READY", "SMS READY",
		"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "START":
		return true
	}
	return false
}

// result is a final result code (V.250 §5.7, 27.007 §9.2).
type result struct {
	text    string
	err     error
	connect bool // CONNECT: the port is now a data channel
}

// parseFinal recognises final result codes; the ones of a call are final only for commands that make calls.
func parseFinal(line string, parts []part) (result, bool) {
	switch {
	case line == "OK":
		return result{text: line}, true
	case line == "ERROR":
		return result{text: line, err: &ResultError{Result: line}}, true
	}
	if prefix, rest, ok := cutError(line); ok && rest != "" {
		if prefix == "+CME ERROR" {
			return result{text: line, err: NewCMEError(rest)}, true
		}
		return result{text: line, err: NewCMSError(rest)}, true
	}
	if !makesCalls(parts) {
		return result{}, false
	}
	switch {
	case line == "CONNECT" || strings.HasPrefix(line, "CONNECT "):
		return result{text: line, connect: true}, true
	case line == "NO CARRIER", line == "BUSY", line == "NO ANSWER", line == "NO DIALTONE":
		return result{text: line, err: &ResultError{Result: line}}, true
	}
	return result{}, false
}

func cutError(line string) (prefix, rest string, ok bool) {
	for _, p := range [...]string{"+CME ERROR", "+CMS ERROR"} {
		if len(line) > len(p) && strings.EqualFold(line[:len(p)], p) && line[len(p)] == ':' {
			return p, strings.TrimSpace(line[len(p)+1:]), true
		}
	}
	return "", "", false
}

// makesCalls: ATD, ATA, ATO, ATH and AT+CGDATA end with the results of a call.
func makesCalls(parts []part) bool {
	for _, p := range parts {
		switch p.id {
		case "D", "A", "O", "H", "+CGDATA":
			return true
		}
	}
	return false
}
