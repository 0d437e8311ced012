package model

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var (
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	public = base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
)

// event is a line to be, without its chain. Fields are members as they stand in the line.
type event struct {
	name   string
	window int
	door   string
	more   string // further members, each with a comma before it
}

// write makes a record of events: the form is written down here once more, from docs/record.md.
func write(events []event) string {
	var b strings.Builder
	prev := zeros
	for i, e := range events {
		body := fmt.Sprintf(`{"seq":%d,"at":"2026-11-25T04:00:00Z","boot_ns":%d,"boot_id":"b1","event":%q`, i+1, (i+1)*1000, e.name)
		if e.window > 0 {
			body += fmt.Sprintf(`,"window":%d`, e.window)
		}
		if e.door != "" {
			body += fmt.Sprintf(`,"door":%q`, e.door)
		}
		body += e.more
		if e.name == "checkpoint" || e.name == "dropped" {
			body += fmt.Sprintf(`,"key":%q,"prev":%q`, public, prev)
			body += fmt.Sprintf(`,"sig":%q`, base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte("airlock record 1\n"+body))))
		} else {
			body += fmt.Sprintf(`,"prev":%q`, prev)
		}
		sum := sha256.Sum256([]byte(body))
		prev = hex.EncodeToString(sum[:])
		fmt.Fprintf(&b, "%s,\"hash\":%q}\n", body, prev)
	}
	return b.String()
}

// start is netd coming up: both doors are read back.
func start() []event {
	return append([]event{{"started", 0, "", ""}}, bothShut()...)
}

func bothShut() []event {
	return []event{{"interlock-shut", 0, outer, ""}, {"link-down", 0, outer, ""}, {"radio-off", 0, outer, ""},
		{"interlock-shut", 0, inner, ""}, {"link-down", 0, inner, ""}}
}

// whole is a window of a door, with a dial.
func whole(id int, d string) []event {
	of := func(name, more string) event { return event{name, id, d, more} }
	all := []event{of("window-asked", "")}
	if d == outer {
		all = append(all, of("radio-on", ""))
	}
	all = append(all, of("interlock-open", `,"address":"if0"`), of("link-up", ""), of("window-opened", ""),
		of("dialled", `,"in":5,"out":6`), of("interlock-shut", ""), of("link-down", ""))
	if d == outer {
		all = append(all, of("radio-off", ""))
	}
	return append(all, of("window-closed", `,"in":70,"out":80`), event{"checkpoint", id, "", ""})
}

func good() []event {
	return slices.Concat(start(), whole(1, outer), whole(2, inner), whole(3, outer), []event{{"stopped", 0, "", ""}, {"checkpoint", 0, "", ""}})
}

func judged(t *testing.T, record string, o Options) Verdict {
	t.Helper()
	v, err := Judge(strings.NewReader(record), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGoodRecordHolds(t *testing.T) {
	v := judged(t, write(good()), Options{Key: public})
	if !v.Held() || v.Windows != 3 || v.Starts != 1 || v.Signed != v.Lines {
		t.Errorf("verdict %+v", v)
	}
}

// Each byte that is changed, each line that is taken out, each pair that is swapped: found, and the line named.
func TestEveryMutationIsFound(t *testing.T) {
	record := write(good())
	lines := slices.Collect(strings.Lines(record))
	named := func(v Verdict) int {
		if v.Held() {
			return 0
		}
		return v.Findings[0].Line
	}
	n := 1
	sample := write(slices.Concat(start(), whole(1, inner)))
	for i := range sample {
		changed := []byte(sample)
		changed[i] ^= 1 << (i % 7)
		if got := named(judged(t, string(changed), Options{})); got != n {
			t.Fatalf("byte %d of line %d changed: line %d is named", i, n, got)
		}
		if sample[i] == '\n' {
			n++
		}
	}
	for i := range lines {
		cut := slices.Delete(slices.Clone(lines), i, i+1)
		if got := named(judged(t, strings.Join(cut, ""), Options{})); got != i+1 {
			t.Errorf("line %d taken out: line %d is named", i+1, got)
		}
		doubled := slices.Insert(slices.Clone(lines), i, lines[i])
		if got := named(judged(t, strings.Join(doubled, ""), Options{})); got != i+2 {
			t.Errorf("line %d doubled: line %d is named", i+1, got)
		}
		if i == 0 {
			continue
		}
		swapped := slices.Clone(lines)
		swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
		if got := named(judged(t, strings.Join(swapped, ""), Options{})); got != i && got != i+1 {
			t.Errorf("lines %d and %d swapped: line %d is named", i, i+1, got)
		}
	}
}

// Whoever writes the whole record anew, with true hashes and no key, or with another, is found.
func TestForgery(t *testing.T) {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, ed25519.SeedSize))
	record := write(good())
	v := judged(t, record, Options{Key: base64.StdEncoding.EncodeToString(other.Public().(ed25519.PublicKey))})
	if v.Held() || v.Findings[0].Rule != "signature" {
		t.Errorf("another key: %+v", v.Findings)
	}
	lines := slices.Collect(strings.Lines(record))
	forged, prev := "", zeros
	for _, text := range lines { // a line's content is changed, and every hash behind it computed anew
		text = strings.Replace(text, `"in":5`, `"in":4`, 1)
		var l struct{ Prev, Hash string }
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		body, _, _ := strings.Cut(strings.Replace(text, l.Prev, prev, 1), `,"hash":`)
		sum := sha256.Sum256([]byte(body))
		prev = hex.EncodeToString(sum[:])
		forged += fmt.Sprintf("%s,\"hash\":%q}\n", body, prev)
	}
	if v := judged(t, forged, Options{}); v.Held() || v.Findings[0].Rule != "signature" {
		t.Errorf("hashes computed anew: %+v", v.Findings)
	}
}

// Each rule is broken by a record whose chain is whole: what the doors did is wrong, and that is found.
func TestRules(t *testing.T) {
	of := func(all []event, name string) int {
		return slices.IndexFunc(all, func(e event) bool { return e.name == name })
	}
	without := func(all []event, names ...string) []event {
		return slices.DeleteFunc(slices.Clone(all), func(e event) bool { return slices.Contains(names, e.name) })
	}
	after := func(all []event, name string, more ...event) []event {
		i := of(all, name) + 1
		return slices.Insert(slices.Clone(all), i, more...)
	}
	alter := func(all []event, name, more string) []event {
		all = slices.Clone(all)
		all[of(all, name)].more = more
		return all
	}
	end := []event{{"checkpoint", 0, "", ""}}
	account := func(rest string) string {
		return `,"in":70,"out":80,"account":{"asked":{"boot_ns":7000},"opened":{"boot_ns":11000},"counter":{"bytes_in":70,"bytes_out":80},` +
			`"dials":{"made":1},"interlock_shut":{"boot_ns":13000},"link_down":{"boot_ns":14000},"radio_off":{"boot_ns":15000}` + rest + `}`
	}
	for name, c := range map[string]struct {
		events []event
		rule   string // empty: it holds
	}{
		"an account that agrees":                      {slices.Concat(start(), alter(whole(1, outer), "window-closed", account(""))), ""},
		"more dials in the account":                   {slices.Concat(start(), alter(whole(1, outer), "window-closed", strings.Replace(account(""), `"made":1`, `"made":2`, 1))), "account"},
		"another number of bytes":                     {slices.Concat(start(), alter(whole(1, outer), "window-closed", strings.Replace(account(""), `"bytes_in":70`, `"bytes_in":71`, 1))), "account"},
		"a frame after the end":                       {slices.Concat(start(), alter(whole(1, outer), "window-closed", account(`,"capture":{"first":{"boot_ns":9000},"last":{"boot_ns":99000}}`))), "account"},
		"an account without the radio":                {slices.Concat(start(), alter(whole(1, outer), "window-closed", strings.Replace(account(""), `"radio_off"`, `"radio"`, 1))), "account"},
		"a window inside another":                     {slices.Concat(start(), after(whole(1, outer), "window-opened", event{"window-asked", 2, inner, ""}), end), "overlap"},
		"a window's number used twice":                {slices.Concat(start(), whole(1, outer), whole(1, inner)), "overlap"},
		"a window that never ends":                    {slices.Concat(start(), whole(1, outer)[:5], end), "ends"},
		"a window that ends with netd":                {slices.Concat(start(), whole(1, outer)[:5], start(), whole(2, inner)), ""},
		"no read-back after the restart":              {slices.Concat(start(), whole(1, outer)[:5], start()[:1], whole(2, inner)), "readback"},
		"closed without ever being open":              {slices.Concat(start(), without(whole(1, inner), "window-opened", "dialled")), "ends"},
		"asked before the doors were read back":       {slices.Concat(start()[:4], whole(1, outer)), "readback"},
		"the radio on in an inner window":             {slices.Concat(start(), after(whole(1, inner), "window-asked", event{"radio-on", 1, inner, ""})), "inside"},
		"the radio on outside all windows":            {slices.Concat(start(), []event{{"radio-on", 0, outer, ""}}, end), "inside"},
		"the other door's interlock":                  {slices.Concat(start(), after(whole(1, inner), "window-asked", event{"interlock-open", 1, outer, ""})), "inside"},
		"the interlock open without a window":         {slices.Concat(start(), []event{{"interlock-open", 0, inner, ""}}, end), "inside"},
		"the interlock open twice":                    {slices.Concat(start(), after(whole(1, inner), "link-up", event{"interlock-open", 1, inner, ""})), "interlock"},
		"not read back as shut":                       {slices.Concat(start(), without(whole(1, outer), "interlock-shut"), bothShut()[1:]), "closed"},
		"the link not read back as down":              {slices.Concat(start(), without(whole(1, inner), "link-down")), "closed"},
		"the radio not read back before inner":        {slices.Concat(start(), without(whole(1, outer), "radio-off"), whole(2, inner)), "closed"},
		"the radio comes on, and inner opens":         {slices.Concat(start(), after(whole(1, outer), "radio-off", event{"radio-on", 1, outer, ""}), whole(2, inner)), "closed"},
		"a connection before the door is open":        {slices.Concat(start(), after(whole(1, inner), "link-up", event{"dialled", 1, inner, `,"in":1,"out":1`})), "inside"},
		"a connection after the end":                  {slices.Concat(start(), whole(1, inner), []event{{"dialled", 1, inner, `,"in":1,"out":1`}}, end), "inside"},
		"a refusal a moment late":                     {slices.Concat(start(), whole(1, inner), []event{{"refused", 1, inner, ""}}, end), ""},
		"no checkpoint before the next window":        {slices.Concat(start(), without(whole(1, inner), "checkpoint"), whole(2, inner)), "checkpoint"},
		"the last line is not signed":                 {slices.Concat(start(), whole(1, inner), []event{{"stopped", 0, "", ""}}), "sealed"},
		"a window while a fault is latched":           {slices.Concat(start(), []event{{"fault-latched", 0, "", ""}}, bothShut(), whole(1, inner)), "fault"},
		"a fault that was cleared":                    {slices.Concat(start(), []event{{"fault-latched", 0, "", ""}}, bothShut(), []event{{"fault-cleared", 0, "", ""}}, bothShut(), whole(1, inner)), ""},
		"a window that ends with a fault":             {slices.Concat(start(), whole(1, inner)[:4], []event{{"fault-latched", 1, inner, ""}}, end), ""},
		"a gap in which a read-back may be":           {slices.Concat(start(), without(whole(1, inner), "interlock-shut", "link-down", "window-closed", "checkpoint"), []event{{"gap", 0, "", ""}}, whole(2, inner)), ""},
		"the same without a gap":                      {slices.Concat(start(), without(whole(1, inner), "interlock-shut", "link-down", "window-closed", "checkpoint"), whole(2, inner)), "overlap"},
		"a record that says it was broken":            {slices.Concat([]event{{"broken", 0, "", `,"text":"line 3"`}}, start(), end), "told"},
		"events that the model does not know":         {slices.Concat(start(), []event{{"something-new", 0, "", ""}}, end), ""},
		"a clock since boot that goes back":           {slices.Concat(start(), []event{{"site-set", 0, "", `,"boot_ns":1`}}, end), "clock"},
		"two boots, of which the second begins at 1s": {slices.Concat(start(), []event{{"started", 0, "", `,"boot_ns":1,"boot_id":"b2"`}}, end), ""},
		"lines dropped behind a signed line, twofold": {slices.Concat(start(), []event{{"dropped", 0, "", `,"through":0,"through_hash":""`}}, end), ""},
	} {
		v := judged(t, write(c.events), Options{})
		rules := map[string]bool{}
		for _, f := range v.Findings {
			rules[f.Rule] = true
		}
		if c.rule == "" != v.Held() || c.rule != "" && !rules[c.rule] {
			t.Errorf("%s: %v, want %q", name, v.Findings, c.rule)
		}
	}
}

// A record whose first lines were dropped holds when a signed line says so, with the right hash, and not otherwise.
func TestDroppedBeginning(t *testing.T) {
	all := good()
	lines := slices.Collect(strings.Lines(write(all)))
	var l struct{ Hash string }
	if err := json.Unmarshal([]byte(lines[5]), &l); err != nil {
		t.Fatal(err)
	}
	for hash, holds := range map[string]bool{l.Hash: true, zeros: false} {
		told := append(slices.Clone(all), event{"dropped", 0, "", fmt.Sprintf(`,"through":6,"through_hash":%q`, hash)}, event{"checkpoint", 0, "", ""})
		cut := slices.Collect(strings.Lines(write(told)))[6:]
		v := judged(t, strings.Join(cut, ""), Options{})
		if v.Held() != holds || !holds && (v.Findings[0].Rule != "chain" || v.Findings[0].Line != 1) {
			t.Errorf("dropped with the hash %s: %v", hash, v.Findings)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte(write(good())))
	f.Add([]byte("{}\n"))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Judge(bytes.NewReader(b), Options{}); err != nil {
			t.Error(err)
		}
	})
}
