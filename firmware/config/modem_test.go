package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestModemKeys: every key reaches the program, in its place.
func TestModemKeys(t *testing.T) {
	got, err := ParseNode("n.yaml", []byte(`modem:
  apn: iot.example
  type: ipv4v6
  user: box7
  password: "a,b;c d"
  auth: chap
  attach_apn: ims
  operator: "26201"
  slot: 2
  pin: "0815"
  bearer: ppp
`))
	want := Default()
	want.Modem = Modem{Port: Auto, Interface: Auto, APN: "iot.example", Type: "ipv4v6", User: "box7", Password: "a,b;c d", Auth: "chap",
		AttachAPN: "ims", Operator: "26201", Slot: 2, PIN: "0815", Bearer: "ppp", USBReset: Auto, Power: want.Modem.Power}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseNode() = %+v, %v, want %+v", got, err, want)
	}
}

func TestBadModem(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"type: IP", `modem.type: is "IP"; expected one of: ip, ipv6, ipv4v6`},
		{"auth: mschap", `modem.auth: is "mschap"; expected one of: any, none, pap, chap`},
		{"bearer: qmi", `modem.bearer: is "qmi"; expected one of: auto, interface, ppp`},
		{"attach_apn: a b", `modem.attach_apn: is "a b"; expected at most 100 letters`},
		{`user: 'a"b'`, `modem.user: is "a\"b"; expected at most 127 ASCII`},
		{`user: "a\nb"`, `modem.user: is "a?b"; expected at most 127 ASCII`},
		{"password: geheim", `modem.password: stands without a user`},
		{`operator: "2620"`, `modem.operator: is "2620"; expected the five or six digits`},
		{"operator: 26201", `modem.operator: is "26201"; expected text; put quotes around it`},
		{"slot: 5", `modem.slot: is 5; expected 1 to 4`},
		{"slot: -1", `modem.slot: is -1; expected 1 to 4`},
		{"slot: one", `modem.slot: is text "one"; expected a whole number`},
		{`pin: "123"`, `modem.pin: is no PIN; expected four to eight digits`},
		{`pin: "123456789"`, `modem.pin: is no PIN`},
		{`pin: "12a4"`, `modem.pin: is no PIN`},
		{"pim: 1", `modem.pim: unknown key; expected one of: port, interface, apn, type, user, password`},
	} {
		_, err := ParseNode("n.yaml", []byte("modem:\n  "+c.line+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "n.yaml:2: "+c.want) {
			t.Errorf("ParseNode(%q) = %v, want %s", c.line, err, c.want)
		}
	}
}

// TestSecretsAreNotShown: what is wrong with a PIN or a password must not bring it into a log.
func TestSecretsAreNotShown(t *testing.T) {
	for _, line := range []string{`pin: "98765x"`, `password: "98765x\t"`} {
		_, err := ParseNode("n.yaml", []byte("modem:\n  user: u\n  "+line+"\n"))
		if err == nil || strings.Contains(err.Error(), "98765") {
			t.Errorf("ParseNode(%q) = %v, want an error without the secret", line, err)
		}
	}
}
