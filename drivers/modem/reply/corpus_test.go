package reply

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is one case of the shared collection of real modules' replies.
type sample struct {
	Vendor   string `json:"vendor"`
	Command  any    `json:"command"`
	Response any    `json:"response"`
	Charset  string `json:"charset"`
	Expect   any    `json:"expect"`
	Source   string `json:"source"`
}

// corpusFolder lies beside the repository where the project is developed.
func corpusFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join("..", "..", "..", "..", "shared", "modem", "corpus")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("skipped: the collection of replies is not here (%v)", err)
	}
	return folder
}

func corpus(t *testing.T, name string) []sample {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpusFolder(t), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCorpus reads every file of the collection. A file or a case that is not read as expected must be named above.
func TestCorpus(t *testing.T) {
	entries, err := os.ReadDir(corpusFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	files, cases, excused := 0, 0, 0
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".json")
		if reason, ok := elsewhere()[name]; ok {
			t.Logf("%s: %s", name, reason)
			continue
		}
		files++
		for i, s := range corpus(t, name) {
			cases++
			err := s.check()
			id := fmt.Sprintf("%s#%d", name, i)
			switch reason, ok := apart()[id]; {
			case ok && err == nil:
				t.Errorf("%s is read as expected now; take it off the list of those that are not", id)
			case ok:
				excused++
				t.Logf("%s: %s", id, reason)
			case err != nil:
				t.Errorf("%s: %v (%s)", id, err, s.Source)
			}
		}
	}
	t.Logf("%d files, %d cases read as expected, %d with a reason why not", files, cases-excused, excused)
}

// check reads a case and compares every member that the collection names.
func (s sample) check() error {
	d := Dialect{ZeroKeepsSIM: s.Vendor == "u-blox"}
	answer, _ := s.Response.(string)
	command, _ := s.Command.(string)
	if command == "(urc)" || command == "(any)" {
		command = answer[:strings.IndexAny(answer+":", ":")]
		if strings.Contains(answer, "ERROR") {
			command = "+CEREG?"
		}
	}
	got, err := Parse(command, d, []byte(answer))
	want, _ := s.Expect.(map[string]any)
	if code, ok := want["code"]; ok {
		return sameRefusal(err, code, want["text"])
	}
	if want["error"] != nil || want["ok"] == false || want["lock"] == "UNKNOWN" {
		if err == nil {
			return fmt.Errorf("Parse(%q, %q) = %+v, want an error", command, answer, got)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("Parse(%q, %q) = %w", command, answer, err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		return err
	}
	var seen any
	if err := json.Unmarshal(b, &seen); err != nil {
		return err
	}
	for _, other := range [][2]string{{"oper", "operator"}, {"op", "state"}} { // two names for one thing
		if v, ok := want[other[0]]; ok {
			want[other[1]] = v
			delete(want, other[0])
		}
	}
	if act, ok := want["act"].(float64); ok {
		want["act"] = string(accessOf(int(act)))
	}
	delete(want, "ok")
	if err := within1("", seen, want); err != nil {
		return fmt.Errorf("Parse(%q, %q) = %s: %w", command, answer, b, err)
	}
	return nil
}

func sameRefusal(err error, code, text any) error {
	want := fmt.Sprintf("%v", code)
	if err == nil || !strings.Contains(err.Error(), "ERROR: "+want+" (") {
		return fmt.Errorf("refusal = %v, want code %s", err, want)
	}
	// The collection's texts carry remarks; the first words must be ours, but for the name of a group of networks.
	if strings.Contains(err.Error(), "unknown code") {
		return fmt.Errorf("refusal = %v, want the text %q", err, text)
	}
	return nil
}

// within1 compares what want names; members that only got has do not count.
func within1(path string, got, want any) error {
	differ := fmt.Errorf("%s = %v, want %v", path, got, want)
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differ
		}
		for key, v := range w {
			if err := within1(path+"."+key, g[key], v); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return differ
		}
		for i := range w {
			if err := within1(fmt.Sprintf("%s[%d]", path, i), g[i], w[i]); err != nil {
				return err
			}
		}
		return nil
	case float64:
		if g, ok := got.(float64); !ok || math.Abs(g-w) > 1e-9 {
			return differ
		}
		return nil
	case string:
		if strings.HasSuffix(path, "iso8601") && sameInstant(got, w) {
			return nil
		}
	}
	if got != want {
		return differ
	}
	return nil
}

// sameInstant compares times whose zone may be written in several ways.
func sameInstant(got any, want string) bool {
	s, _ := got.(string)
	a, err := time.Parse(time.RFC3339, s)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-07", "2006-01-02T15:04:05-07:00"} {
		if b, err2 := time.Parse(layout, want); err == nil && err2 == nil && a.Equal(b) {
			return true
		}
	}
	return false
}

func TestCorpusAPN(t *testing.T) {
	for _, s := range corpus(t, "apn_compare") {
		r, want := s.Response.(map[string]any), s.Expect.(map[string]any)["match"]
		if got := SameAPN(r["existing"].(string), r["requested"].(string)); got != want {
			t.Errorf("SameAPN(%v) = %v, want %v", r, got, want)
		}
	}
}

func TestCorpusOperatorNumber(t *testing.T) {
	for _, s := range corpus(t, "operator_id") {
		want := s.Expect.(map[string]any)
		got, ok := ParseNumber(s.Response.(string))
		if ok != want["ok"] || ok && want["mcc"] != nil && (float64(got.MCC) != want["mcc"] || float64(got.MNC) != want["mnc"] || got.LongMNC != want["three_digit_mnc"]) {
			t.Errorf("ParseNumber(%q) = %+v, %v, want %v", s.Response, got, ok, want)
		}
	}
	for _, s := range corpus(t, "operator_name_charset") {
		if got, want := Unhex(s.Response.(string)), s.Expect.(map[string]any)["normalized"]; got != want {
			t.Errorf("Unhex(%q) = %q, want %q", s.Response, got, want)
		}
	}
	for _, s := range corpus(t, "split_groups") {
		if got, want := groups(s.Response.(string)), s.Expect.(map[string]any)["groups"]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("groups(%q) = %q, want %q", s.Response, got, want)
		}
	}
	for _, s := range corpus(t, "uint_list") {
		list, _ := s.Response.(string)
		got, err := numbers(list)
		slices.Sort(got)
		if want := s.Expect.(map[string]any)["values"]; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("numbers(%q) = %v, %v, want %v", list, got, err, want)
		}
	}
}

// TestCorpusTranscript reads every answer of a real session that has a prefix; nothing in it may be refused.
func TestCorpusTranscript(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(corpusFolder(t), "transcript_quectelcm_rm500u.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []struct{ Dir, Text string }
	if err := json.Unmarshal(b, &lines); err != nil {
		t.Fatal(err)
	}
	asked, read := "", 0
	for _, l := range lines {
		name, _, ok := strings.Cut(l.Text, ":")
		switch {
		case l.Dir == "host":
			asked = l.Text
		case ok && !strings.HasSuffix(name, "ERROR"):
			command := name
			if strings.HasPrefix(asked, "AT"+name) && !strings.Contains(asked, ";") {
				command = asked
			}
			if got, err := Parse(command, Dialect{DeviceByCID: true}, []byte(l.Text)); err != nil {
				t.Errorf("Parse(%q, %q) = %+v, %v", command, l.Text, got, err)
			}
			read++
		}
	}
	if read < 10 {
		t.Errorf("%d lines of the transcript were read, want at least 10", read)
	}
}

// TestCorpusIdentify: the collection has no values beside these replies but those in the replies themselves.
func TestCorpusIdentify(t *testing.T) {
	for _, s := range corpus(t, "identify") {
		for command, answer := range s.Response.(map[string]any) {
			a, ok := answer.(string)
			if !ok || command == "ATI1" {
				continue
			}
			got, err := Parse(command, Dialect{}, []byte(a))
			if err != nil {
				t.Errorf("Parse(%q, %q) = %v", command, a, err)
			}
			if id, ok := got.(Identity); ok && (id.Value == "" || !strings.Contains(a, id.Value)) {
				t.Errorf("Parse(%q, %q) = %+v", command, a, id)
			}
		}
	}
}
