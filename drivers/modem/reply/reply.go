package reply

import (
	"fmt"
	"strings"

	"airlock/drivers/at"
)

// Reply is the answer to one command.
type Reply struct {
	Name    string   // the command without AT and arguments: +CEREG
	Form    Form     // which form of the command was sent
	Args    string   // what stood behind = in a set command
	Lines   []string // without echo, blank lines and final result
	Dialect Dialect
}

// Form is the way a command was sent (§4; ITU-T V.250 §5.4).
type Form string

// Forms of a command.
const (
	Bare Form = ""   // AT+CSQ; also the form of unsolicited lines
	Read Form = "?"  // AT+CREG?
	Test Form = "=?" // AT+COPS=?
	Set  Form = "="  // AT+CGPADDR=1
)

// Dialect is what the same bytes mean on different families. The zero value follows 27.007.
type Dialect struct {
	// RadioOff lists the values of +CFUN? that mean an unpowered transmitter, beside 0 and 4.
	RadioOff []int `json:"radio_off,omitempty"`
	// ZeroKeepsSIM: +CFUN=0 is airplane mode and no power-off of the SIM (u-blox).
	ZeroKeepsSIM bool `json:"zero_keeps_sim,omitempty"`
	// DeviceByCID: +QNETDEVCTL and +QNETDEVSTATUS put the context first (Quectel on Unisoc).
	DeviceByCID bool `json:"device_by_cid,omitempty"`
}

// Refused is a reply that is an error of the module's.
type Refused struct {
	Command string
	Err     error // *at.CMEError, *at.CMSError or *at.ResultError
}

func (e *Refused) Error() string { return fmt.Sprintf("the module refused AT%s: %v", e.Command, e.Err) }

// Unwrap gives the module's error.
func (e *Refused) Unwrap() error { return e.Err }

// CommandError says that what was asked for cannot be read at all, whatever the reply.
type CommandError struct{ reason string }

func (e *CommandError) Error() string { return e.reason }

// Parse reads the reply to a command as it came from the port: with or without the echo and the final result.
// Unsolicited lines are read by giving their prefix as the command. Errors: *CommandError, *Refused, and what the readers
// say of a reply that they cannot read.
func Parse(command string, d Dialect, answer []byte) (any, error) {
	r, err := parseCommand(command)
	if err != nil {
		return nil, err
	}
	r.Dialect = d
	lines, final := cut(command, string(answer))
	if final != nil {
		return nil, &Refused{Command: at.Redact(r.Name + string(r.Form) + r.Args), Err: final}
	}
	read, ok := find(r.Name, r.Form)
	if !ok {
		return nil, &CommandError{fmt.Sprintf("nothing reads AT%s%s; what can be read: %s", r.Name, r.Form, strings.Join(Commands(), " "))}
	}
	if r.Lines = lines; len(lines) == 0 && !mayBeEmpty(r) {
		return nil, unreadable(r.Name, nil)
	}
	return read(r)
}

// parseCommand takes a command apart: AT+CGPADDR=1 is +CGPADDR, Set, 1. Remarks after a blank are dropped, so that the
// name of an unsolicited line may be given as "+CREG (URC)".
func parseCommand(command string) (Reply, error) {
	c := strings.TrimSpace(command)
	if len(c) >= 2 && strings.EqualFold(c[:2], "AT") {
		c = c[2:]
	}
	end := strings.IndexFunc(c, func(r rune) bool { return strings.ContainsRune("=?; ,\t\"", r) })
	if end < 0 {
		end = len(c)
	}
	r := Reply{Name: strings.ToUpper(c[:end])}
	if r.Name == "" {
		return r, &CommandError{fmt.Sprintf("%q names no command, such as AT+CEREG?", command)}
	}
	switch rest := c[end:]; {
	case strings.HasPrefix(rest, "=?"):
		r.Form = Test
	case strings.HasPrefix(rest, "?"):
		r.Form = Read
	case strings.HasPrefix(rest, "="):
		r.Form, r.Args = Set, rest[1:]
	}
	if strings.Contains(outsideQuotes(c), ";") {
		return r, &CommandError{fmt.Sprintf("%q holds several commands: give one at a time", command)}
	}
	return r, nil
}

func outsideQuotes(s string) string {
	var b strings.Builder
	for i, piece := range strings.Split(s, `"`) {
		if i%2 == 0 {
			b.WriteString(piece)
		}
	}
	return b.String()
}

// cut takes the echo, blank lines and the final result off; what comes after the final result is no part of the reply.
func cut(command, answer string) (lines []string, refused error) {
	for _, line := range strings.FieldsFunc(answer, func(r rune) bool { return r == '\r' || r == '\n' || r == 0 }) {
		line = strings.TrimSpace(line)
		switch result, final := finalOf(line); {
		case line == "", strings.EqualFold(line, strings.TrimSpace(command)), isEcho(line) && len(lines) == 0:
		case final:
			return lines, result
		default:
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// mayBeEmpty: no line at all is a whole answer, since there is one for each context.
func mayBeEmpty(r Reply) bool {
	return r.Form == Read && (r.Name == "+CGDCONT" || r.Name == "+CGACT" || r.Name == "!SCACT")
}

// isEcho: the command itself comes back; it may differ from the one asked about in capitals and blanks.
func isEcho(line string) bool {
	return len(line) > 2 && strings.EqualFold(line[:2], "AT") && strings.ContainsRune("+^$#!%*@", rune(line[2]))
}

// finalOf tells a final result code (V.250 §5.7, 27.007 §9.2, 27.005 §3.2.5); success gives no error.
func finalOf(line string) (refused error, final bool) {
	switch strings.ToUpper(line) {
	case "OK", "CONNECT":
		return nil, true
	case "ERROR", "NO CARRIER", "NO DIALTONE", "NO DIAL TONE", "NO ANSWER", "BUSY", "COMMAND NOT SUPPORT":
		return &at.ResultError{Result: line}, true
	}
	if rest, ok := after(line, "+CME ERROR"); ok && rest != "" {
		return at.NewCMEError(rest), true
	}
	if rest, ok := after(line, "+CMS ERROR"); ok && rest != "" {
		return at.NewCMSError(rest), true
	}
	return nil, false
}
