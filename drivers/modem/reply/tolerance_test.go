package reply

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestTolerance: what sloppy firmware sends must read like the clean form.
func TestTolerance(t *testing.T) {
	for _, c := range []struct {
		command string
		clean   string
		sloppy  []string
	}{
		{"AT+CEREG?", `+CEREG: 2,1,"272D","0D17C148",7`, []string{
			`+CEREG:2,1,"272D","0D17C148",7`, `+CEREG : 2 , 1 , "272D" , "0D17C148" , 7`, `+cereg: 2,1,272d,0d17c148,7`,
			"\r\r\n+CEREG: 2,1,\"272D\",\"0D17C148\",7\r\r\n\r\nOK\r\n", "AT+CEREG?\r\r\n+CEREG: 2,1,\"272D\",\"0D17C148\",7\r\n",
			`+CEREG: 2,1,"272D","0D17C148",7,,,"00000000"`,
		}},
		{"AT+CSQ", "+CSQ: 20,99", []string{"+CSQ:20,99", "+CSQ: 20, 99", "\x00+CSQ: 20,99\r\n"}},
		{"AT+CPIN?", "+CPIN: SIM PIN", []string{"+CPIN:SIM PIN", `+CPIN: "SIM PIN"`, "SIM PIN", "+CPIN: sim  pin"}},
		{"AT+CFUN?", "+CFUN: 4", []string{"+CFUN:4", "+CFUN: 4,0", "+CFUN:  4 , 0"}},
		{"AT+CPINR", "+CPINR: SIM PIN,3,3", []string{`+CPINR:"SIM PIN",3`, "+CPINR: SIM PIN,3,3\r\n+CPINR: PH-NET PIN,5,5"}},
		{"AT+CGPADDR=1", `+CGPADDR: 1,"10.0.0.1"`, []string{"+CGPADDR: 1,10.0.0.1", `+CGPADDR:1,"10.0.0.1",""`, `+CGPADDR: 1,"10.0.0.1","0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"`}},
		{"AT+CCLK?", `+CCLK: "26/11/22,05:00:00+04"`, []string{"+CCLK:26/11/22,05:00:00+04", `+CCLK: "2026/11/22,05:00:00+04"`}},
		{"AT+CCID", "+CCID: 89490200001234567890", []string{`"89490200001234567890"`, "+CCID:89490200001234567890", "98942000002143658709"}},
		{"AT+CREG?", "+CREG: 0,1", []string{"+CREG:0,1", "+CREG: 0, 1", "+CREG: 000,001"}},
		{"AT+CREG?", `+CREG: 2,1,"18D8","FF0F"`, []string{`+CREG:002,001,18d8,ff0f`, `+CREG: 2, 1, "18D8", "FF,0F"`, `+CREG: 2,1,18D8,FF0F,B,C2816`}},
		{"AT+QPINC?", `+QPINC: "SC",3,10`, []string{"+QPINC:SC,3,10", "+QPINC: \"SC\", 3, 10"}},
		{"AT^HCSQ?", `^HCSQ: "LTE",54,43,171,18`, []string{"^HCSQ:LTE,54,43,171,18", "^hcsq: \"LTE\",54,43,171,18"}},
	} {
		want := read(t, c.command, c.clean)
		for _, s := range c.sloppy {
			if got := read(t, c.command, s); got != want {
				t.Errorf("Parse(%q, %q) = %s, want %s", c.command, s, got, want)
			}
		}
	}
}

func read(t *testing.T, command, answer string) string {
	t.Helper()
	got, err := Parse(command, Dialect{}, []byte(answer))
	if err != nil {
		return err.Error()
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRefused: garbage, another command's answer, and values out of their range are errors, never a guess.
func TestRefused(t *testing.T) {
	for command, answers := range map[string][]string{
		"AT+CEREG?":          {"", "+CEREG:", "+CEREG: x", "+CEREG: 2,99", "+CREG: 2,1", `+CEREG: 2,1,"XYZW","0"`, "OK"},
		"+CREG":              {"+CREG: 12", "+CREG: -1", "+CREG"},
		"AT+CPIN?":           {"+CPIN:", "+CPIN: SUNNY", "+CSQ: 20,99", "RDY"},
		"AT+CFUN?":           {"+CFUN: x", "+CFUN: -1", "+CFUN: 1000", "+CFUN: (0,1,4)"},
		"AT+CSQ":             {"+CSQ: 55,99", "+CSQ: ,", "+CESQ: 99,99"},
		"AT+CESQ":            {"+CESQ: 1,2,3", "+CESQ: a,b,c,d,e,f"},
		"AT+CGACT?":          {"+CGACT: 1,7", "+CGACT: x,1", "+CGDCONT: 1"},
		"AT+CGPADDR=1":       {`+CGPADDR: 1,"10.0.0"`, `+CGPADDR: x,"10.0.0.1"`, `+CGPADDR: 1,"10.0.0.300"`},
		"AT+CGCONTRDP=1":     {"+CGCONTRDP: 1", `+CGCONTRDP: 1,5,"a","999.1.1.1"`},
		"AT+COPS?":           {"+COPS: x", "+COPS: 0,9,\"A\""},
		"AT+COPS=?":          {"+COPS: 0", "garbage"},
		"AT+CCLK?":           {`+CCLK: "26/02/30,05:00:00+04"`, `+CCLK: "26/11/22,25:00:00"`, `+CCLK: "26/11/22,05:00:00+99"`, "+CCLK: now"},
		"AT+CCID":            {"+CCID: 1234", "89", "+CCID: 89zz0200001234567890"},
		"AT+CGSN":            {"ERROR", "12", "not a number"},
		"AT+QNETDEVCTL?":     {"+QNETDEVCTL: 9,1,0,1", "+QNETDEVCTL: 1,99,0,1", "+QNETDEVCTL: 1,1,0"},
		"AT^DHCP?":           {"^DHCP: zz,1,2,3,4,5", "^DHCP: a3ec5c64"},
		"AT+UPINCNT":         {"+UPINCNT: 3,3,10", "+UPINCNT: 3,3,99,10", "+UPINCNT: a,b,c,d"},
		"AT#PCT":             {"#PCT: 1,3", "#PCT: x"},
		"AT+SPIC":            {"+SPIC: 3", "+SPIC: 3,-1,3,10"},
		"AT+CPINR":           {"+CPINR: SIM PIN", "+CPINR: PH-NET PIN,3"},
		"AT#QSS?":            {"#QSS: 0,7", "#QSS: 1,2,3", "QSS: 0,1"},
		"AT+GTRNDIS?":        {"+GTRNDIS: (0,1),(1-23)", "+GTRNDIS: 2,1", "+GTRNDIS: 1"},
		"AT+XCESQ?":          {"+XCESQ: 0,99,99", "+CESQ: 99,99,255,255,20,80"},
		"AT+CPSI?":           {"+CPSI: LTE", "+CPSI: MARS,Online,001-01,0x1", "+CPSI:"},
		"+CGEV":              {"+CGEV: HELLO", "+CGEV:", "+CGEV: NW PDN ACT x", "+CGEV: REJECT"},
		"AT+QCFG=\"usbnet\"": {`+QCFG: "nat",1`, `+QCFG: "usbnet"`},
	} {
		for _, a := range answers {
			if got, err := Parse(command, Dialect{}, []byte(a)); err == nil {
				t.Errorf("Parse(%q, %q) = %+v, want an error", command, a, got)
			} else if a != "" && !strings.Contains(err.Error(), "read ") && !strings.Contains(err.Error(), "refused") {
				t.Errorf("Parse(%q, %q) = %v, which does not say what was read", command, a, err)
			}
		}
	}
}

// TestRejectCauses: modules report a cause with mode 3, and the fields before it differ by domain.
func TestRejectCauses(t *testing.T) {
	for _, c := range []struct {
		command, line string
		cause         int
		final         bool
	}{
		{"+CREG", "+CREG: 3,,,,0,2", 2, true},
		{"+CEREG", "+CEREG: 3,,,,0,15", 15, false},
		{"AT+CEREG?", `+CEREG: 3,3,"272D","0D17C148",7,0,11`, 11, true},
		{"AT+CEREG?", `+CEREG: 5,3,"272D","0D17C148",7,0,22,,`, 22, false},
		{"+CGREG", `+CGREG: 3,"272D","0D17C148",2,"01",0,14`, 14, true},
		{"+CGREG", `+CGREG: 3,"272D","0D17C148",2,0,14`, 14, true},
		{"AT+CGREG?", "+CGREG: 3,3,,,,,0,7", 7, true},
		{"+C5GREG", `+C5GREG: 3,"6301D","065472283",11,,,0,27`, 27, false},
	} {
		got, err := Parse(c.command, Dialect{}, []byte(c.line))
		r, _ := got.(Registration)
		if err != nil || !r.Denied() || r.Cause == nil || *r.Cause != c.cause || r.Final != c.final || r.CauseText == "" {
			t.Errorf("Parse(%q, %q) = %+v, %v, want cause %d, final %v", c.command, c.line, r, err, c.cause, c.final)
		}
	}
}
