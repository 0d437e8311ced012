package hub

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"airlock/deployd/release"
	"airlock/netd/recorder/chain"
	"airlock/netd/tunnel"
	"airlock/publisher"
)

var recordKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))

// recordOf makes lines of events; each may carry members of its own.
func recordOf(key ed25519.PrivateKey, events ...string) []string {
	var lines []string
	prev := chain.Genesis().Hash
	for i, event := range events {
		name, more, _ := strings.Cut(event, " ")
		sign := key
		if name != chain.Checkpoint && name != chain.Dropped {
			sign = nil
		}
		body := fmt.Sprintf(`{"seq":%d,"event":%q%s,"key":%q,"prev":%q`, i+1, name, more, chain.KeyText(key.Public().(ed25519.PublicKey)), prev)
		line, hash := chain.Seal([]byte(body), sign)
		lines, prev = append(lines, string(line)), hash
	}
	return lines
}

// sendRecord sends lines as deployd does.
func (n *node) sendRecord(lines ...string) (int, string) {
	n.t.Helper()
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	io.WriteString(zip, strings.Join(lines, ""))
	zip.Close()
	resp, err := n.client.Post("http://"+tunnel.PublisherAddress()+release.PathRecord, "application/x-ndjson", &body)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// enrolledNode is one that has enrolled and came back under its own key.
func enrolledNode(t *testing.T, b *bench, name string) *node {
	t.Helper()
	tok := b.invite(name)
	n := newNode(t)
	n.mustUp(tok, tok.Key())
	r := n.request()
	r.RecordKey = chain.KeyText(recordKey.Public().(ed25519.PublicKey))
	status, body := n.ask("POST", release.PathEnrol, r)
	want(t, "enrolment", status, body, 200, name)
	n.mustUp(tok, n.key)
	return n
}

// A record comes in parts, of which each continues the one before; what is behind the last signed line comes again.
func TestRecordContinues(t *testing.T) {
	b := newBench(t)
	n := enrolledNode(t, b, "plant-7")
	status, body := n.ask("GET", release.PathRecord, nil)
	want(t, "the first receipt", status, body, http.StatusOK, `"seq":0`)
	all := recordOf(recordKey, "started", "window-asked", "checkpoint", "window-asked", "window-closed", "checkpoint", "started")
	status, body = n.sendRecord(all[:4]...)
	want(t, "the first part", status, body, http.StatusOK, `"seq":3`)
	status, body = n.sendRecord(all[2:]...)
	want(t, "the second part", status, body, http.StatusOK, `"seq":6`)
	status, body = n.sendRecord(all[5:]...)
	want(t, "nothing that is signed", status, body, http.StatusOK, `"seq":6`)
	if got := b.members.record("plant-7"); got != strings.Join(all[:6], "") {
		t.Errorf("kept\n%s", got)
	}
	if trouble := b.members.troubles; len(trouble) > 0 {
		t.Errorf("trouble %v", trouble)
	}
}

// A record that does not continue is told, with the line, and nothing of it is kept.
func TestRecordDoesNotContinue(t *testing.T) {
	b := newBench(t)
	n := enrolledNode(t, b, "plant-7")
	all := recordOf(recordKey, "started", "checkpoint", "window-asked", "window-closed", "checkpoint", "window-asked", "checkpoint")
	if status, body := n.sendRecord(all[:5]...); status != http.StatusOK {
		t.Fatal(status, body)
	}
	other := recordOf(recordKey, "started", "checkpoint", "window-asked", "window-failed", "checkpoint", "window-asked", "checkpoint")
	stranger := recordOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "started", "checkpoint")
	changed := slices.Clone(all)
	changed[5] = strings.Replace(changed[5], "asked", "acked", 1)
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"rewritten":         {other[4:], "line 5 of the record is another"},
		"cut back":          {all[3:4], "ends at line 4, and was received up to line 5 before"},
		"a changed byte":    {changed[4:], "line 6, sent behind line 5: its hash does not fit"},
		"a line missing":    {slices.Delete(slices.Clone(all), 5, 6)[4:], "lines 6 to 6 are missing"},
		"a pair swapped":    {[]string{all[4], all[6], all[5]}, "line 6, sent behind line 7"},
		"begun anew":        {stranger, "ends at line 2"},
		"torn":              {[]string{all[4], all[5][:20]}, "not a whole line"},
		"of another record": {other[5:], "does not follow"},
	} {
		status, body := n.sendRecord(c.lines...)
		want(t, name, status, body, http.StatusConflict, c.want)
	}
	if len(b.members.troubles) != 8 || b.members.record("plant-7") != strings.Join(all[:5], "") {
		t.Errorf("troubles %q, kept\n%s", b.members.troubles, b.members.record("plant-7"))
	}
	status, body := n.sendRecord(all[4:]...) // the true one is still welcome
	want(t, "the true record", status, body, http.StatusOK, `"seq":7`)
	status, body = n.sendRecord("garbage")
	want(t, "garbage", status, body, http.StatusConflict, "not a whole line")
	resp, err := n.client.Post("http://"+tunnel.PublisherAddress()+release.PathRecord, "", strings.NewReader("not packed"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("what is not packed: %s", resp.Status)
	}
}

// A record that is signed with another key than the one that was enrolled is not this node's.
func TestRecordOfAnotherKey(t *testing.T) {
	b := newBench(t)
	n := enrolledNode(t, b, "plant-7")
	status, body := n.sendRecord(recordOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "started", "checkpoint")...)
	want(t, "another key", status, body, http.StatusConflict, "another key")
}

// Lines that the node has dropped unsent are a gap that is told; without a signed line they are a break.
func TestRecordWithDroppedLines(t *testing.T) {
	b := newBench(t)
	n := enrolledNode(t, b, "plant-7")
	before := recordOf(recordKey, "started", "window-asked", "window-closed", "checkpoint")
	var l struct{ Hash string }
	if err := json.Unmarshal([]byte(before[3]), &l); err != nil {
		t.Fatal(err)
	}
	all := recordOf(recordKey, "started", "window-asked", "window-closed", "checkpoint", "window-asked",
		fmt.Sprintf(`dropped ,"through":4,"through_hash":%q`, l.Hash), "checkpoint")
	status, body := n.sendRecord(all[4:]...)
	want(t, "a told gap", status, body, http.StatusOK, `"seq":7`)
	if len(b.members.troubles) != 1 || !strings.Contains(b.members.troubles[0], "lines 1 to 4 were dropped") {
		t.Errorf("troubles %q", b.members.troubles)
	}
}

func FuzzContinues(f *testing.F) {
	f.Add([]byte(strings.Join(recordOf(recordKey, "started", "checkpoint"), "")), uint64(0))
	f.Add([]byte("{}\n"), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, seq uint64) {
		part, _, err := continues(publisher.NodeRecord{Seq: seq, Hash: "0"}, "", b)
		if err == nil && part.Last > 0 && (part.First <= seq || len(part.Lines) == 0) {
			t.Errorf("%+v", part)
		}
	})
}
