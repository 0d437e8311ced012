package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestReferenceFile holds the file that the image installs against the defaults: it must name
// every key there is, with the value that is taken when the key is left out.
func TestReferenceFile(t *testing.T) {
	got, err := LoadNode("node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, Default()) {
		t.Errorf("node.yaml = %+v, want the defaults %+v", got, Default())
	}
	text, err := os.ReadFile("node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var raw rawNode
	for _, group := range []reflect.Type{reflect.TypeOf(raw), reflect.TypeOf(raw.Modem), reflect.TypeOf(raw.Modem.Power), reflect.TypeOf(raw.Windows), reflect.TypeOf(raw.Windows.Outer), reflect.TypeOf(raw.State), reflect.TypeOf(raw.Sockets)} {
		for _, key := range keysOf(group) {
			if !strings.Contains(string(text), key+":") {
				t.Errorf("node.yaml does not show the key %s", key)
			}
		}
	}
}

func TestParseNodeKeepsDefaults(t *testing.T) {
	got, err := ParseNode("node.yaml", []byte("modem:\n  apn: iot.example\n  port: /dev/ttyUSB2\n"))
	want := Default()
	want.Modem.APN, want.Modem.Port = "iot.example", "/dev/ttyUSB2"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseNode() = %+v, %v, want %+v", got, err, want)
	}
}

func TestPowerOfTheModem(t *testing.T) {
	got, err := ParseNode("node.yaml", []byte("modem:\n  usb_reset: off\n  power: {gpio: \"gpiochip0:17\", active: low, off_for: 1500ms}\n"))
	want := Default()
	want.Modem.USBReset, want.Modem.Power = Off, Power{GPIO: "gpiochip0:17", Active: Low, OffFor: 1500 * time.Millisecond}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseNode() = %+v, %v, want %+v", got, err, want)
	}
}

func TestBadNode(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"modem:\n  port: ttyUSB0\n", `n.yaml:2: modem.port: is "ttyUSB0"; expected an absolute path or the word auto`},
		{"modem:\n  apn: \"a b\"\n", `n.yaml:2: modem.apn: is "a b"; expected at most 100 letters`},
		{"modem:\n  apn: 'x\",\"y'\n", `n.yaml:2: modem.apn: is "x\",\"y"; expected at most 100 letters`},
		{"modem:\n  interface: \"../eth0\"\n", `n.yaml:2: modem.interface: is "../eth0"; expected a name`},
		{"state:\n  netd: /data\n  deployd: /data\n", `n.yaml:3: state.deployd: is the folder of netd`},
		{"sockets:\n  netd: run/x\n", `n.yaml:2: sockets.netd: is "run/x"; expected an absolute path`},
		{"modem: ttyUSB0\n", `n.yaml:1: modem: is text "ttyUSB0"; expected keys and values: port, interface, apn`},
		{"modem:\n  usb_reset: never\n", `n.yaml:2: modem.usb_reset: is "never"; expected auto or off`},
		{"modem:\n  power:\n    gpio: \"17\"\n", `n.yaml:3: modem.power.gpio: is "17"; expected chip:line`},
		{"modem:\n  power: {gpio: \"gpiochip0:17\", active: up}\n", `n.yaml:2: modem.power.active: is "up"; expected high or low`},
		{"modem:\n  power:\n    off_for: 5 seconds\n", `n.yaml:3: modem.power.off_for: is "5 seconds"; expected a time with its unit`},
		{"modem:\n  power:\n    off_for: 1h\n", `n.yaml:3: modem.power.off_for: is 1h0m0s; expected 100ms to 20s`},
		{"modems: {}\n", `n.yaml:1: modems: unknown key; expected one of: modem, windows, state, sockets`},
		{"modem:\n  port: [\n", `n.yaml:2: `},
		{"\tmodem:\n", `n.yaml:1: `},
		{"windows:\n  gap: 1h\n", `n.yaml:2: windows.gap: is "1h"; expected a time from 0s to 10m0s`},
		{"windows:\n  outer:\n    hours: [\"* 25 * * *\"]\n", `n.yaml:3: windows.outer.hours: "* 25 * * *" is no hours`},
		{"windows:\n  inner:\n    zone: Mars\n    hours: [\"* * * * *\"]\n", `n.yaml:4: windows.inner.hours: there is no time zone "Mars"`},
		{"windows:\n  inner:\n    approval: [fetch]\n", `n.yaml:3: windows.inner.approval[0]: is "fetch"; expected one of: deploy`},
		{"windows:\n  outer:\n    longest: 2h\n", `n.yaml:3: windows.outer.longest: is "2h"; expected a time from 1m0s to 25m0s`},
	} {
		_, err := ParseNode("n.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("ParseNode(%q) = %v, want %s", c.text, err, c.want)
		}
	}
}

func TestFindNode(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "modem: {apn: one}")
	other := write("other", "modem: {apn: two}")
	bad := write("bad", "modem: {apm: one}")
	absent := filepath.Join(dir, "absent")
	for _, c := range []struct {
		files        []string
		apn, from    string
		passedAround string // in the error; empty: no error
	}{
		{[]string{good, other}, "one", good, ""},
		{[]string{absent, other}, "two", other, ""},
		{[]string{bad, other}, "two", other, bad},
		{[]string{bad, absent}, "", "built-in defaults", bad},
		{[]string{dir, good}, "one", good, dir},
		{nil, "", "built-in defaults", ""},
	} {
		node, from, passed := FindNode(c.files...)
		if node.Modem.APN != c.apn || from != c.from {
			t.Errorf("FindNode(%q) = %q from %s, want %q from %s", c.files, node.Modem.APN, from, c.apn, c.from)
		}
		if (passed != nil) != (c.passedAround != "") || passed != nil && !strings.Contains(passed.Error(), c.passedAround) {
			t.Errorf("FindNode(%q) passed over %v, want %q", c.files, passed, c.passedAround)
		}
	}
}
