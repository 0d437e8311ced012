package modem

import (
	"context"
	"errors"
	"strings"
	"time"

	"airlock/drivers/at"
)

// rawTime bounds a typed command; the longest search takes as long.
const rawTime = 315 * time.Second

// Raw sends one command as a person has typed it, with or without AT, and returns the lines of the reply, its final result
// last; a refusal is a result. Commands that would end the dialogue or go around the PIN guard are refused.
func (m *Modem) Raw(ctx context.Context, command string) (lines []string, err error) {
	command, err = checkRaw(command)
	if err != nil {
		return nil, err
	}
	err = m.attend(ctx, nil, func(func(string)) error {
		read, err := m.command(ctx, rawTime, command)
		_, late := errors.AsType[*at.TimeoutError](err)
		final, refused := refusalText(err)
		if err != nil && (!refused || late) {
			return asked(ctx, err, "the modem did not answer the command: try another")
		}
		lines = append(read, final)
		// Whatever was set, the session finds out anew.
		m.identified, m.domains = false, nil
		if _, err := m.readFunction(ctx); fatal(err) {
			return asked(ctx, err, "the modem stopped answering after the command: unplug it, or switch the appliance off and on")
		}
		return nil
	})
	return lines, err
}

// refusalText is the final result in the module's words.
func refusalText(err error) (string, bool) {
	if err == nil {
		return "OK", true
	}
	if e, ok := errors.AsType[*at.CMEError](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[*at.CMSError](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[*at.ResultError](err); ok {
		return e.Result, true
	}
	return "", false
}

// rawLimit is the longest command that is passed on; modules take a little more than that.
const rawLimit = 500

// checkRaw takes AT off and refuses what must not be sent.
func checkRaw(typed string) (string, error) {
	command := strings.TrimSpace(typed)
	if len(command) >= 2 && strings.EqualFold(command[:2], "AT") {
		command = command[2:]
	}
	switch {
	case command == "" || len(command) > rawLimit:
		return "", fault(NoModem, nil, "give one AT command of at most %d characters, such as AT+CSQ", rawLimit)
	case strings.ContainsFunc(command, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", fault(NoModem, nil, "an AT command has no control characters and no letters beyond ASCII: type it again")
	}
	for _, part := range splitCommands(command) {
		if reason := forbidden(part); reason != "" {
			name, _, _ := strings.Cut(part, "=") // what stands behind it may be a secret
			return "", fault(NoModem, nil, "AT%s is not sent: %s", strings.TrimSpace(name), reason)
		}
	}
	return command, nil
}

// splitCommands cuts at semicolons outside quotes (V.250 §5.4.5).
func splitCommands(line string) (parts []string) {
	quoted, start := false, 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == ';' && !quoted:
			if part := strings.TrimSpace(line[start:i]); part != "" {
				parts = append(parts, part)
			}
			start = i + 1
		case line[i] == '"':
			quoted = !quoted
		}
	}
	return parts
}

// forbidden says why a command is not passed on; empty when it is.
func forbidden(part string) string {
	up := strings.ToUpper(part)
	name, _, isSet := strings.Cut(up, "=")
	name = strings.TrimSpace(name)
	isSet = isSet && !strings.HasSuffix(up, "=?")
	switch {
	case !strings.ContainsRune("+^$#!%*_", rune(up[0])):
		if up == "I" || strings.HasPrefix(up, "I") && strings.Trim(up[1:], "0123456789") == "" {
			return ""
		}
		return "basic commands change how the modem talks or make calls; ATI and commands such as AT+CSQ are sent"
	case isSet && (name == "+CPIN" || name == "^CPIN" || name == "+CLCK" || name == "^CLCK" || name == "+CPWD" || name == "+CSIM" || name == "+CGLA" || name == "+QPIN"):
		return "it could use up the SIM's tries; give a PIN or PUK as a PIN or PUK, where the tries are counted first"
	case isSet && (name == "+CGDATA" || name == "+CMUX" || name == "+IPR" || name == "+ICF" || name == "+IFC" || name == "+CMEE"):
		return "it would end the dialogue with the modem"
	}
	return ""
}
