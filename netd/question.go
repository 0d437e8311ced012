package netd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"airlock/netd/windows"
)

// commandLimit bounds an AT command, characters; 3GPP TS 27.007 asks of a module for 400 at least.
const commandLimit = 400

// checkQuestion refuses what cannot be meant, and what would go around the guard of the SIM's tries.
func checkQuestion(r windows.ModuleRequest) error {
	bad := func(format string, args ...any) error {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: fmt.Sprintf(format, args...)}
	}
	switch r.Do {
	case windows.Inspect, windows.Measure, windows.ScanAir:
	case windows.Select:
		if r.Operator != "" && !digits(r.Operator, 5, 6) {
			return bad("an operator is named by the five or six digits of its PLMN, as a scan lists them")
		}
	case windows.EnterPIN:
		if !digits(r.PIN, 4, 8) {
			return bad("a PIN has four to eight digits; this one was not sent")
		}
	case windows.Unblock:
		if !digits(r.PUK, 8, 8) || !digits(r.PIN, 4, 8) {
			return bad("a PUK has eight digits and the new PIN four to eight; nothing was sent")
		}
	case windows.UseSlot:
		if r.Slot < 1 || r.Slot > 8 {
			return bad("SIM slots are counted from 1, to 8 at most; not %d", r.Slot)
		}
	case windows.RawCommand:
		return checkCommand(r.Command)
	default:
		return bad("the module cannot be asked for %q", r.Do)
	}
	return nil
}

func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// checkCommand refuses what is not one AT command in one line, or presents a PIN or PUK: only the driver's guard
// reads the tries left before it sends one.
func checkCommand(command string) error {
	name := squeezed(command)
	switch {
	case !strings.HasPrefix(name, "AT") || len(command) > commandLimit || strings.ContainsFunc(command, func(r rune) bool { return r < ' ' || r > '~' }):
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: fmt.Sprintf(
			"an AT command begins with AT and is one line of at most %d ASCII characters", commandLimit)}
	case slices.ContainsFunc(guarded(), func(s string) bool { return strings.Contains(name, s) }) || clears(name):
		return &windows.Problem{Code: windows.CodeNotAllowed, Detail: "this command would present a PIN or PUK to the SIM without a look at the tries left; " +
			"it was not sent. Use `modem pin`, or `modem puk` on the console."}
	}
	return nil
}

// guarded are the commands that present a PIN or PUK to the card (3GPP TS 27.007 8.3, 7.5, 8.17 and 8.43; vendors'
// own beside them), and the strings that do so when they are dialled or sent as USSD (TS 22.030 6.6: **04*, **05*,
// **042*, **052*).
func guarded() []string {
	return []string{"+CPIN=", "+CPIN2=", "^CPIN=", "^CPIN2=", "+CPUK=", "+CPWD=", "+CSIM=", "+CGLA=", "**0"}
}

// clears finds a facility lock that is set or lifted, which takes a password; asking for one (+CLCK="SC",2) takes none.
func clears(name string) bool {
	_, args, found := strings.Cut(name, "+CLCK=")
	args, _, _ = strings.Cut(args, ";")
	return found && strings.Count(args, ",") >= 2
}

// secret are the commands whose arguments no record may hold: the guarded ones, and those that carry the
// password of an APN.
func secret() []string {
	return append(guarded(), "+CLCK=", "+CGAUTH=", "+QICSGP=", "^AUTHDATA=", "^NDISDUP=", "+MGAUTH=", "+UAUTHREQ=",
		"#PDPAUTH=", "$QCPDPP=", "+XGAUTH=")
}

// redacted is a command as the record may hold it: cut off after the first name whose arguments are secret.
func redacted(command string) string {
	name := squeezed(command)
	cut := len(name)
	for _, s := range secret() {
		if i := strings.Index(name, s); i >= 0 {
			cut = min(cut, i+len(s))
		}
	}
	if cut == len(name) {
		return command
	}
	return name[:cut] + "..."
}

// squeezed is a command as a module reads it: without blanks, in capitals.
func squeezed(command string) string {
	return strings.ToUpper(strings.ReplaceAll(command, " ", ""))
}

// questionWords is a question as the record holds it.
func questionWords(r windows.ModuleRequest) string {
	switch r.Do {
	case windows.Select:
		return fmt.Sprintf("%s %s", r.Do, cmp.Or(r.Operator, "auto"))
	case windows.UseSlot:
		return fmt.Sprintf("%s %d", r.Do, r.Slot)
	case windows.RawCommand:
		return fmt.Sprintf("%s %s", r.Do, redacted(r.Command))
	}
	return string(r.Do)
}

// withoutSecrets takes out of a text what a question had to keep secret, should an answer quote it.
func withoutSecrets(text string, r windows.ModuleRequest) string {
	for _, s := range []string{r.PIN, r.PUK} {
		if s != "" {
			text = strings.ReplaceAll(text, s, "...")
		}
	}
	if r.Command != "" {
		text = strings.ReplaceAll(text, r.Command, redacted(r.Command))
	}
	return text
}
