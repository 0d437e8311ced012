package modem

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is one case of the shared collection of real modules' replies.
type sample struct {
	Command  any             `json:"command"`
	Response any             `json:"response"`
	Kind     string          `json:"kind"`
	Expect   json.RawMessage `json:"expect"`
	Source   string          `json:"source"`
}

// corpus reads one file of the collection, which lies beside the repository where the project is developed.
func corpus(t *testing.T, name string) []sample {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "modem", "corpus", name+".json"))
	if os.IsNotExist(err) {
		t.Skip("skipped: the collection of replies is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s sample) lines() []string {
	text, _ := s.Response.(string)
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
}

func (s sample) expect(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(s.Expect, into); err != nil {
		t.Fatalf("%s: %v", s.Source, err)
	}
}

func TestCorpusRegistration(t *testing.T) {
	states := []string{"GSM", "UMTS", "LTE", "EDGE", "HSDPA", "HSUPA", "HSPA"}
	for _, s := range corpus(t, "creg") {
		var want struct {
			Stat int
			Act  string
		}
		s.expect(t, &want)
		line := s.lines()[0]
		prefix, _, _ := strings.Cut(line, ":")
		got, err := ParseRegistration(line, prefix)
		if err != nil || got.Stat != want.Stat || slices.Contains(states, want.Act) && got.Access != want.Act {
			t.Errorf("ParseRegistration(%q) = %+v, %v, want %+v (%s)", line, got, err, want, s.Source)
		}
	}
}

func TestCorpusSIM(t *testing.T) {
	for _, s := range corpus(t, "cpin_read") {
		var want struct{ Lock string }
		s.expect(t, &want)
		got, err := ParseSIM(s.lines())
		if want.Lock == "UNKNOWN" {
			if err == nil {
				t.Errorf("ParseSIM(%q) = %q, want an error (%s)", s.Response, got, s.Source)
			}
			continue
		}
		if norm := strings.NewReplacer(" ", "_", "-", "_").Replace(got); norm != want.Lock {
			t.Errorf("ParseSIM(%q) = %q, %v, want %s (%s)", s.Response, got, err, want.Lock, s.Source)
		}
	}
}

func TestCorpusFunction(t *testing.T) {
	for _, s := range corpus(t, "cfun_read") {
		var want struct {
			Fun   *int
			Error bool
		}
		s.expect(t, &want)
		got, err := ParseFunction(s.lines())
		if want.Fun != nil && (err != nil || got != *want.Fun) || want.Error && err == nil {
			t.Errorf("ParseFunction(%q) = %d, %v, want %s (%s)", s.Response, got, err, s.Expect, s.Source)
		}
	}
}

func TestCorpusContexts(t *testing.T) {
	for _, s := range corpus(t, "cgdcont_read") {
		var want struct {
			Contexts []struct {
				CID int
				APN string
			}
		}
		s.expect(t, &want)
		got, err := ParseContexts(s.lines())
		if err != nil || len(got) != len(want.Contexts) {
			t.Errorf("ParseContexts(%q) = %+v, %v (%s)", s.Response, got, err, s.Source)
			continue
		}
		for i, c := range want.Contexts {
			if got[i].CID != c.CID || got[i].APN != c.APN {
				t.Errorf("ParseContexts(%q)[%d] = %+v, want %+v (%s)", s.Response, i, got[i], c, s.Source)
			}
		}
	}
	for _, s := range corpus(t, "cgact_read") {
		var want struct {
			Contexts []struct {
				CID    int
				Active bool
			}
		}
		s.expect(t, &want)
		got, err := ParseActive(s.lines())
		for _, c := range want.Contexts {
			if active, ok := got[c.CID]; !ok || active != c.Active || err != nil {
				t.Errorf("ParseActive(%q) = %v, %v, want %+v (%s)", s.Response, got, err, c, s.Source)
			}
		}
	}
}

func TestCorpusOperatorAndBinding(t *testing.T) {
	for _, s := range corpus(t, "cops_read") {
		var want struct{ Operator string }
		s.expect(t, &want)
		if got, _, err := ParseOperator(s.lines()); err != nil || got != want.Operator {
			t.Errorf("ParseOperator(%q) = %q, %v, want %q (%s)", s.Response, got, err, want.Operator, s.Source)
		}
	}
	for _, s := range corpus(t, "quectel_qnetdevctl") {
		var want struct {
			Error, Connected bool
			CID              int
		}
		s.expect(t, &want)
		got, err := ReadQNETDEVCTL(s.lines(), max(want.CID, 1))
		if (err != nil) != want.Error || got != want.Connected {
			t.Errorf("ReadQNETDEVCTL(%q) = %v, %v, want %s (%s)", s.Response, got, err, s.Expect, s.Source)
		}
	}
}

func TestCorpusIMEI(t *testing.T) {
	for _, s := range corpus(t, "gsn") {
		var want struct{ IMEI *string }
		s.expect(t, &want)
		got := ParseIdentity(s.lines(), "+CGSN")
		if IsIMEI(got) != (want.IMEI != nil) && want.IMEI == nil {
			t.Errorf("IsIMEI(%q) = true (%s)", got, s.Source)
		}
		if want.IMEI != nil && got != *want.IMEI {
			t.Errorf("ParseIdentity(%s) = %q, want %q (%s)", fmt.Sprint(s.Response), got, *want.IMEI, s.Source)
		}
	}
}
