package courier

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"airlock/deployd/api"
	"airlock/deployd/fetch/repotest"
	"airlock/deployd/release"
	"airlock/netd/netdtest"
	"airlock/netd/recorder"
)

// archive takes the record of one node as the hub does: the line that it has comes first, and what is not signed is not kept.
type archive struct {
	mu     sync.Mutex
	lines  []string
	key    string // as the enrolment told it
	posts  int
	refuse bool
}

func (a *archive) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+release.PathRecord, func(w http.ResponseWriter, _ *http.Request) { a.answer(w) })
	mux.HandleFunc("POST "+release.PathRecord, a.take)
}

func (a *archive) take(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.posts++
	refuse := a.refuse
	a.mu.Unlock()
	zip, err := gzip.NewReader(r.Body)
	if err != nil || refuse {
		http.Error(w, `{"detail":"line 7 is another"}`, http.StatusConflict)
		return
	}
	lines := bufio.NewScanner(zip)
	a.mu.Lock()
	for first := len(a.lines) > 0; lines.Scan(); first = false {
		if line := lines.Text() + "\n"; !first {
			a.lines = append(a.lines, line)
		} else if line != a.lines[len(a.lines)-1] {
			a.lines = append(a.lines, "not the line that was sent last\n")
		}
	}
	a.mu.Unlock()
	a.answer(w)
}

func (a *archive) answer(w io.Writer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var has release.RecordReceipt
	if len(a.lines) > 0 {
		_ = json.Unmarshal([]byte(a.lines[len(a.lines)-1]), &has) // what is no line is found by verify
	}
	_ = json.NewEncoder(w).Encode(has) // a courier who is gone needs no answer
}

// verify wants a whole record, signed to its end with the key that was enrolled.
func (a *archive) verify(t *testing.T) recorder.Summary {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := recorder.Check(strings.NewReader(strings.Join(a.lines, "")), a.key, nil)
	if err != nil || s.Signed != s.Last || s.Lines == 0 || a.key == "" {
		t.Errorf("the record that came: %+v, %v, key %q", s, err, a.key)
	}
	return s
}

// The record goes to the publisher with the courier's windows, whole and signed, and the doorkeeper learns that it is there.
func TestRecordIsCarried(t *testing.T) {
	repo := repotest.New(t)
	w := netdtest.NewWorld()
	var record *archive
	w.Publisher, _, record = publisher(t, repo)
	n := netdtest.Start(t, w, "")
	c := courier(t, n.Client)
	if err := c.Enrol(t.Context(), token(t, repo), nil); err != nil {
		t.Fatal(err)
	}
	repo.Publish()
	fetch := func() {
		t.Helper()
		var e *api.Error
		if err := c.Fetch(t.Context(), nil); err != nil && (!errors.As(err, &e) || e.Code != api.CodeNothing) {
			t.Fatal(err)
		}
	}
	fetch()
	before := record.verify(t)
	fetch()
	after := record.verify(t)
	if after.Last.Seq <= before.Last.Seq || after.Signed != after.Last {
		t.Errorf("after one fetch line %d is there, after the next line %d", before.Last.Seq, after.Last.Seq)
	}
	doors, err := n.Client.Status(t.Context())
	if err != nil || doors.Record.Acknowledged != after.Last.Seq || doors.Record.Key != after.Key {
		t.Errorf("netd = %+v, %v; want line %d acknowledged", doors.Record, err, after.Last.Seq)
	}
	record.mu.Lock()
	record.refuse = true
	posts := record.posts
	record.mu.Unlock()
	var said []string
	err = c.Fetch(t.Context(), func(p api.Progress) { said = append(said, p.Text) }) // stops no work
	var e *api.Error
	if err != nil && (!errors.As(err, &e) || e.Code != api.CodeNothing) || !strings.Contains(strings.Join(said, "\n"), "does not take this node's record") {
		t.Errorf("Fetch = %v, said %q", err, said)
	}
	if posts != 2 || record.posts != 3 {
		t.Errorf("%d parts for two fetches, %d for three", posts, record.posts)
	}
	if s := record.verify(t); s.Last != after.Last {
		t.Errorf("a refused part was kept: %+v", s)
	}
}
