package modem

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exchanges reads a file of testdata: command → lines.
func exchanges(t *testing.T, profile string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", profile+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	out, cmd := map[string][]string{}, ""
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "> AT"); ok {
			cmd = rest
		} else if rest, ok := strings.CutPrefix(line, "< "); ok {
			out[cmd] = append(out[cmd], rest)
		}
	}
	return out
}

func TestGenericReplies(t *testing.T) {
	x := exchanges(t, generic().Name)
	if got := ParseIdentity(x["+CGMM"], "+CGMM"); got != "GEN-1" {
		t.Errorf("model = %q", got)
	}
	if imei := ParseIdentity(x["+CGSN"], "+CGSN"); !IsIMEI(imei) || IsIMEI("356938035643800") || IsIMEI("3569380") {
		t.Errorf("IMEI %q is told wrong", imei)
	}
	if got, err := ParseSIM(x["+CPIN?"]); got != "READY" || err != nil {
		t.Errorf("SIM = %q, %v", got, err)
	}
	if got, err := ParseFunction(x["+CFUN?"]); got != 4 || err != nil {
		t.Errorf("function = %d, %v", got, err)
	}
	if got, err := ParseRegistration(x["+CEREG?"][0], "+CEREG"); err != nil || got != (Registration{5, "LTE"}) {
		t.Errorf("registration = %+v, %v", got, err)
	}
	if name, access, err := ParseOperator(x["+COPS?"]); name != "Airlock Mobile" || access != "LTE" || err != nil {
		t.Errorf("operator = %q, %q, %v", name, access, err)
	}
	if got, ok, err := ParseSignal(x["+CSQ"]); got != -73 || !ok || err != nil {
		t.Errorf("signal = %d, %v, %v", got, ok, err)
	}
	want := []Context{{1, "IP", "internet"}, {2, "IPV4V6", "ims"}}
	if got, err := ParseContexts(x["+CGDCONT?"]); !slices.Equal(got, want) || err != nil {
		t.Errorf("contexts = %+v, %v", got, err)
	}
	if got, err := ParseActive(x["+CGACT?"]); !got[1] || got[2] || err != nil {
		t.Errorf("active = %v, %v", got, err)
	}
	if got, ok := ParseAddress(x["+CGPADDR=1"], 1); got.String() != "10.64.0.2" || !ok {
		t.Errorf("address = %v, %v", got, ok)
	}
}

func TestQuectelReplies(t *testing.T) {
	x := exchanges(t, quectel().Name)
	if got := ProfileOf(x["+CGMI"][0], x["+CGMM"][0]); got.Name != quectel().Name {
		t.Errorf("profile = %q", got.Name)
	}
	if ok, err := ReadQNETDEVCTL(x["+QNETDEVCTL?"], 1); !ok || err != nil {
		t.Errorf("bound = %v, %v", ok, err)
	}
	if ok, err := ReadQNETDEVCTL(x["+QNETDEVCTL?"], 2); ok || err != nil {
		t.Errorf("another context bound = %v, %v", ok, err)
	}
	for manufacturer, model := range map[string]string{"Quectel": "RM500U-CNV", "SIMCOM": "EC25", "": ""} {
		if got := ProfileOf(manufacturer, model); got.Name != generic().Name {
			t.Errorf("ProfileOf(%q, %q) = %q, want generic", manufacturer, model, got.Name)
		}
	}
}

// TestProfilesAreData: each has a way to data that fits the context, and a name of its own with replies beside it.
func TestProfilesAreData(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range profiles() {
		if len(p.DataOn) == 0 || seen[p.Name] || p.off(1) {
			t.Errorf("profile %+v", p)
		}
		seen[p.Name] = true
		exchanges(t, p.Name)
		for _, s := range append(slices.Clone(p.DataOn), p.DataOff...) {
			if s.Within <= 0 || strings.ContainsAny(fill(s.Command, 3), "{}") {
				t.Errorf("profile %s: step %+v", p.Name, s)
			}
		}
	}
}

// TestRefused: what cannot be read is an error, never a guess.
func TestRefused(t *testing.T) {
	for _, line := range []string{"", "+CPIN:", "+CFUN: x", "+COPS: x", "+CSQ: 55,99", "+CGACT: 1,7", "+QNETDEVCTL: 9,1,0,1", "garbage"} {
		lines := []string{line}
		if got, err := ParseSIM(lines); err == nil {
			t.Errorf("ParseSIM(%q) = %q", line, got)
		}
		if got, err := ParseFunction(lines); err == nil {
			t.Errorf("ParseFunction(%q) = %d", line, got)
		}
		if got, _, err := ParseOperator(lines); err == nil {
			t.Errorf("ParseOperator(%q) = %q", line, got)
		}
		if got, _, err := ParseSignal(lines); err == nil {
			t.Errorf("ParseSignal(%q) = %d", line, got)
		}
		if got, err := ReadQNETDEVCTL(lines, 1); err == nil {
			t.Errorf("ReadQNETDEVCTL(%q) = %v", line, got)
		}
		if got, ok := ParseAddress(lines, 1); ok {
			t.Errorf("ParseAddress(%q) = %v", line, got)
		}
	}
	if _, err := ParseActive([]string{"+CGACT: 1,7"}); err == nil {
		t.Error("ParseActive of state 7 = nil error")
	}
	if _, ok := ParseAddress([]string{`+CGPADDR: 1,"0.0.0.0"`}, 1); ok {
		t.Error("0.0.0.0 counts as an address")
	}
}

// FuzzParsers: bytes from a broken line must never bring the doorkeeper down.
func FuzzParsers(f *testing.F) {
	for _, p := range profiles() {
		b, err := os.ReadFile(filepath.Join("testdata", p.Name+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			f.Add(strings.TrimPrefix(line, "< "))
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		lines := []string{line}
		_, _ = ParseSIM(lines)
		_, _ = ParseFunction(lines)
		_, _ = ParseRegistration(line, "+CEREG")
		_, _, _ = ParseOperator(lines)
		_, _, _ = ParseSignal(lines)
		_, _ = ParseContexts(lines)
		_, _ = ParseActive(lines)
		_, _ = ParseAddress(lines, 1)
		_, _ = ReadQNETDEVCTL(lines, 1)
		_ = IsIMEI(ParseIdentity(lines, "+CGSN"))
	})
}
