package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"airlock/drivers/modem"
)

// run executes one command line without any daemon: Connect would fail the test.
func run(t *testing.T, stdin string, args ...string) (int, string, error) {
	t.Helper()
	var out bytes.Buffer
	env := Env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &out, Name: "airlock ",
		Connect: func(string) (Doorkeeper, Courier, error) {
			t.Errorf("airlock %s asks the daemons", strings.Join(args, " "))
			return nil, nil, nil
		}}
	code, err := Execute(t.Context(), env, args)
	return code, out.String(), err
}

func TestModemParse(t *testing.T) {
	for _, c := range []struct {
		args  string
		stdin string
		code  int
		want  string // of the output, or of the error
	}{
		{"--command AT+CEREG?", "AT+CEREG?\r\r\n+CEREG: 2,1,\"272D\",\"0D17C148\",7\r\n\r\nOK\r\n", ExitOK, `"stat":1,"state":"HOME"`},
		{"--profile quectel-ec2x --command AT+CFUN?", "+CFUN: 5\r\n", ExitOK, `"power_state":"LOW"`},
		{"--command AT+CFUN?", "+CFUN: 5\r\n", ExitOK, `"power_state":"ON"`},
		{"--command +CGEV", "+CGEV: NW DETACH\r\n", ExitOK, `"type":"NW_DETACH"`},
		{"--command AT+CGDCONT?", "\r\nOK\r\n", ExitOK, `"contexts":[]`},
		{"--command AT+CEREG?", "garbage\r\n", ExitFailed, "read +CEREG: cannot read"},
		{"--command AT+CEREG?", "", ExitFailed, "the reply is empty"},
		{"--command AT+CPIN?", "+CME ERROR: 10\r\n", ExitFailed, "the module refused AT+CPIN?: +CME ERROR: 10 (SIM not inserted)"},
		{"--command AT+NOSUCH?", "OK", ExitUsage, "nothing reads AT+NOSUCH?"},
		{"--command AT+CSQ;+CPIN?", "OK", ExitUsage, "several commands"},
		{"--profile acme --command AT+CSQ", "OK", ExitUsage, "no profile is called"},
		{"", "OK", ExitUsage, "needs --command"},
		{"--command AT+CSQ", strings.Repeat("x", maxReply+1), ExitUsage, "longer than"},
	} {
		args := append([]string{"modem", "parse"}, strings.Fields(c.args)...)
		code, out, err := run(t, c.stdin, args...)
		if err != nil {
			out = err.Error()
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("modem parse %s = %d, %q, want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

// TestModemProfiles: every profile is listed, with what nobody has seen of it.
func TestModemProfiles(t *testing.T) {
	code, page, err := run(t, "", "modem", "profiles")
	_, lines, _ := run(t, "", "modem", "profiles", "--json")
	if code != ExitOK || err != nil {
		t.Fatalf("modem profiles = %d, %v", code, err)
	}
	dec := json.NewDecoder(strings.NewReader(lines))
	for _, p := range modem.Profiles() {
		var got struct {
			Name       string
			Unverified []string
		}
		if err := dec.Decode(&got); err != nil || got.Name != p.Name || len(got.Unverified) != len(p.Unverified) {
			t.Errorf("modem profiles --json: %+v, %v, want %s with %d doubts", got, err, p.Name, len(p.Unverified))
		}
		if !strings.Contains(page, p.Name) {
			t.Errorf("modem profiles does not list %s", p.Name)
		}
	}
	if n := strings.Count(page, "UNSEEN"); n == 0 {
		t.Error("modem profiles names nothing as unseen")
	}
}
