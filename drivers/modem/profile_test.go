package modem

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlock/drivers/modem/reply"
)

// exchange is a block of a file in testdata: what is sent, what comes, and what is read from it.
type exchange struct {
	command string
	answer  string
	want    string // JSON, or "refused"
}

// exchanges reads a file of testdata.
func exchanges(t *testing.T, profile string) []exchange {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", profile+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var out []exchange
	for _, line := range strings.Split(string(b), "\n") {
		if command, ok := strings.CutPrefix(line, "> "); ok {
			out = append(out, exchange{command: command})
			continue
		}
		x := &out[max(len(out)-1, 0)]
		if part, ok := strings.CutPrefix(line, "< "); ok {
			x.answer += part + "\r\n"
		} else if part, ok := strings.CutPrefix(line, "= "); ok {
			x.want = part
		}
	}
	return out
}

// replay reads one exchange and gives what was read as JSON.
func replay(p Profile, x exchange, answer string) string {
	got, err := reply.Parse(x.command, p.Dialect, []byte(answer))
	if err != nil {
		return "refused"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(got); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// TestReplies reads each profile's replies, as they are and as sloppy firmware sends them; all must read the same.
func TestReplies(t *testing.T) {
	for _, p := range Profiles() {
		for _, x := range exchanges(t, p.Name) {
			for _, answer := range []string{
				x.answer,
				strings.ReplaceAll(x.answer, "\r\n", "\r\r\n"),
				x.command + "\r\r\n" + x.answer + "\r\nOK\r\n",
				strings.ReplaceAll(x.answer, ": ", ":") + "\r\nOK\r\n\r\n+CMTI: \"ME\",1\r\n",
			} {
				if got := replay(p, x, answer); got != x.want {
					t.Errorf("%s: %s %q reads\n     %s\nwant %s", p.Name, x.command, answer, got, x.want)
				}
			}
		}
	}
}

// TestProfilesAreData: each has a way to data that fits the context, a name of its own, and what it leans on can be read.
func TestProfilesAreData(t *testing.T) {
	readable := map[string]bool{}
	for _, c := range reply.Commands() {
		readable[c] = true
	}
	seen := map[string]bool{}
	for _, p := range Profiles() {
		if len(p.DataOn) == 0 || len(p.Signal) == 0 || p.Retries == "" || p.Address == "" || seen[p.Name] || p.off(1) {
			t.Errorf("profile %+v", p)
		}
		if seen[p.Name] = true; p.Bound == nil && p.Address == ByDHCP && p.Name != generic().Name && len(p.Unverified) == 0 {
			t.Errorf("profile %s: a lease without a binding query, and nothing says so", p.Name)
		}
		steps := append(append([]Step{p.Dial}, p.DataOn...), p.DataOff...)
		for _, s := range []*Step{p.PowerOff, p.Reset} {
			if s != nil {
				steps = append(steps, *s)
			}
		}
		for _, s := range steps {
			if s.Within <= 0 || strings.ContainsAny(fill(s.Command, 3), "{}") {
				t.Errorf("profile %s: step %+v", p.Name, s)
			}
		}
		checkTemplates(t, p)
		asked := append([]string{p.Retries}, p.Signal...)
		asked = append(asked, p.Clock...)
		if p.Card != "" && p.Card != "+CICCID" { // which answers as +ICCID
			asked = append(asked, p.Card)
		}
		for _, q := range []*Query{p.Bound, p.Only} {
			if q != nil {
				asked = append(asked, q.Command)
			}
		}
		for _, c := range asked {
			if name, _, _ := strings.Cut(strings.TrimSuffix(c, "?"), "="); !readable[name] {
				t.Errorf("profile %s asks %s, which nothing reads", p.Name, c)
			}
		}
	}
}

// checkTemplates: each hole of a template is one that the session fills, and quotes go around all words.
func checkTemplates(t *testing.T, p Profile) {
	t.Helper()
	steps := []*Step{p.Auth, p.Attach}
	if p.Slots != nil {
		steps = append(steps, &p.Slots.Set)
	}
	for _, s := range steps {
		if s == nil {
			continue
		}
		filled := fillIn(s.Command, values{"cid": "1", "apn": "APN", "type": "IP", "user": "USER", "password": "WORD", "auth": "2", "slot": "1"})
		if s.Within <= 0 || strings.ContainsAny(filled, "{}") {
			t.Errorf("profile %s: template %+v becomes %s", p.Name, s, filled)
		}
		for _, word := range []string{"APN", "USER", "WORD"} {
			if bare := strings.ReplaceAll(filled, `"`+word+`"`, ""); strings.Contains(strings.ReplaceAll(bare, "EIAAPN", ""), word) {
				t.Errorf("profile %s: %s stands without quotes in %s", p.Name, word, s.Command)
			}
		}
	}
	if len(p.Clock) == 0 || p.Auth == nil && p.Attach == nil {
		t.Errorf("profile %s: no query of the time, or no way to give user and password", p.Name)
	}
}

func TestProfileOf(t *testing.T) {
	for _, c := range []struct{ maker, model, want string }{
		{"Quectel", "EC25", "quectel-ec2x"}, {"Quectel", "EC200A", "quectel-ec2x"}, {"QUECTEL", "EG25-G", "quectel-ec2x"},
		{"Quectel", "RM500U-CNV", "quectel-unisoc"}, {"Quectel", "RM500Q-GL", "quectel-rm5xx"}, {"Quectel", "RM520N-GL", "quectel-rm5xx"},
		{"SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "simcom-sim7x00"}, {"SIMCOM INCORPORATED", "SIMCOM_SIM8200EA-M2", "simcom-sim8200"},
		{"INCORPORATED", "A7672E-LASE", "simcom-a76xx"},
		{"Sierra Wireless, Incorporated", "MC7304", "sierra-directip"}, {"Sierra Wireless, Incorporated", "EM7455", "sierra-em"},
		{"Telit", "LE910C4-EU", "telit-ecm"}, {"Telit", "LE910-EUG", "telit-ncm"}, {"Telit", "FN980m", "telit-icm"},
		{"u-blox", "TOBY-L210", "ublox-router"}, {"huawei", "ME909s-120", "huawei"},
		{"Fibocom", "FG621-EA", "fibocom-gtrndis"}, {"Fibocom Wireless Inc.", "FM350-GL", "fibocom-fm350"}, {"Fibocom", "L850-GL", "fibocom-l850"},
		{"SIMCOM", "EC25", "3gpp-generic"}, {"", "", "3gpp-generic"}, {"Acme", "X1", "3gpp-generic"},
	} {
		if got := ProfileOf(c.maker, c.model).Name; got != c.want {
			t.Errorf("ProfileOf(%q, %q) = %q, want %q", c.maker, c.model, got, c.want)
		}
	}
}

// TestBound: an interface that is tied to another context, or to none, must not count; an error is no binding.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		profile, line string
		want, refused bool
	}{
		{"quectel-ec2x", "+QNETDEVCTL: 3,1,0,1", true, false},
		{"quectel-ec2x", "+QNETDEVCTL: 0,0,0,0", false, false}, // after +CFUN=1,1: lease without traffic
		{"quectel-ec2x", "+QNETDEVCTL: 3,2,0,1", false, false},
		{"quectel-ec2x", "+QNETDEVCTL: 9,1,0,1", false, true},
		{"quectel-unisoc", `+QNETDEVSTATUS: 1,1,"IPV4V6",0`, true, false},
		{"quectel-unisoc", `+QNETDEVSTATUS: 1,0,"IPV4V6",0`, false, false},
		{"quectel-unisoc", "+QNETDEVSTATUS: 10.1.2.3,255.255.255.0,10.1.2.1,,9.9.9.9,,,,,,,", true, false},
		{"sierra-directip", "!SCACT: 1,1", true, false},
		{"sierra-directip", "!SCACT: 2,1", false, false},
		{"huawei", "^NDISSTATQRY: 1,,,IPV4", true, false},
		{"huawei", "^NDISSTATQRY: 0,,,IPV4", false, false},
		{"fibocom-gtrndis", `+GTRNDIS: 1,1,"10.1.2.3","9.9.9.9","8.8.8.8"`, true, false},
		{"fibocom-gtrndis", "+GTRNDIS: 0", false, false},
		{"fibocom-gtrndis", "+GTRNDIS: (0,1),(1-23)", false, true},
		{"simcom-sim7x00", "$QCRMCALL: 1, V4", true, false},
		{"telit-icm", "#ICMAUTOCONN: 1,3", false, false},
	} {
		p, ok := ProfileNamed(c.profile)
		if !ok {
			t.Fatalf("no profile %s", c.profile)
		}
		got, err := p.Bound.Read([]string{c.line}, 1)
		if got != c.want || (err != nil) != c.refused {
			t.Errorf("%s: Bound(%q) = %v, %v, want %v", c.profile, c.line, got, err, c.want)
		}
	}
}
