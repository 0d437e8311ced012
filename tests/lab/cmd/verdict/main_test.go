package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"airlock/netd/windows"
	"airlock/tests/lab/evidence"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// files is what a run leaves.
type files struct{ outer, inner, timeline string }

func (f files) args() []string {
	return []string{"--outer", f.outer, "--inner", f.inner, "--timeline", f.timeline}
}

// leaveFiles writes a run of one outer window (0 to 10 s) and one inner (12 to 20 s), with inner frames at the seconds given.
func leaveFiles(t *testing.T, inner ...float64) files {
	t.Helper()
	dir := t.TempDir()
	f := files{filepath.Join(dir, "outer.pcap"), filepath.Join(dir, "inner.pcap"), filepath.Join(dir, "timeline.json")}
	leaveCapture(t, f.outer, evidence.OuterMAC, 1, 5)
	leaveCapture(t, f.inner, evidence.InnerMAC, inner...)
	timeline := evidence.Timeline{Clock: evidence.Clock{Uncertainty: time.Millisecond, How: "test"}, Windows: []evidence.Window{
		{Door: windows.Outer, Purpose: windows.Fetch, Asked: noon, Opened: noon.Add(time.Second), Closed: noon.Add(10 * time.Second)},
		{Door: windows.Inner, Purpose: windows.Deploy, Asked: noon.Add(12 * time.Second), Opened: noon.Add(13 * time.Second), Closed: noon.Add(20 * time.Second)},
	}}
	if err := timeline.Write(f.timeline); err != nil {
		t.Fatal(err)
	}
	return f
}

// leaveCapture writes a frame of the node at each time, 60 bytes of an experimental protocol.
func leaveCapture(t *testing.T, path, mac string, seconds ...float64) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := pcapgo.NewWriter(file)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 60)
	data[12], data[13] = 0x88, 0xb5
	for i, part := range strings.Split(mac, ":") {
		const digits = "0123456789abcdef"
		data[6+i] = byte(strings.IndexByte(digits, part[0])<<4 | strings.IndexByte(digits, part[1]))
	}
	for _, s := range seconds {
		info := gopacket.CaptureInfo{Timestamp: noon.Add(time.Duration(s * float64(time.Second))), CaptureLength: len(data), Length: len(data)}
		if err := w.WritePacket(info, data); err != nil {
			t.Fatal(err)
		}
	}
}

func judge(t *testing.T, args ...string) (status int, out, complaints string) {
	t.Helper()
	var o, c strings.Builder
	status = run(args, &o, &c)
	return status, o.String(), c.String()
}

func TestVerdictHeld(t *testing.T) {
	status, out, complaints := judge(t, leaveFiles(t, 14, 19).args()...)
	if status != 0 || !strings.Contains(out, "Verdict: HELD") {
		t.Errorf("status %d, want 0\n%s%s", status, out, complaints)
	}
}

func TestVerdictFindsOneWrongFrame(t *testing.T) {
	for _, c := range []struct {
		at   float64
		want string
	}{{6, "crossed"}, {11, "outside"}, {25, "outside"}} {
		status, out, _ := judge(t, leaveFiles(t, 14, c.at).args()...)
		if status != 1 || !strings.Contains(out, "NOT HELD. Findings: 1") || !strings.Contains(out, c.want) {
			t.Errorf("inner frame at %g s: status %d, want 1 and %q\n%s", c.at, status, c.want, out)
		}
	}
}

func TestVerdictAsJSON(t *testing.T) {
	status, out, _ := judge(t, append(leaveFiles(t, 6).args(), "--json")...)
	var v evidence.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != 1 || v.Held || len(v.Violations) != 2 {
		t.Errorf("status %d, %v, %+v, want 1 and two findings: a crossed frame, and a window without any", status, err, v)
	}
	if v.Doors[1].BytesOut != 60 || v.Doors[1].BytesIn != 0 {
		t.Errorf("inner door = %+v, want 60 bytes out", v.Doors[1])
	}
}

func TestVerdictFindsSwappedCaptures(t *testing.T) {
	f := leaveFiles(t, 14)
	f.outer, f.inner = f.inner, f.outer
	if status, out, _ := judge(t, f.args()...); status != 1 {
		t.Errorf("status %d, want 1\n%s", status, out)
	}
}

func TestVerdictRefusesWhatItCannotJudge(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(t *testing.T, f files) []string
		want  string
	}{
		{"a missing capture", func(t *testing.T, f files) []string { os.Remove(f.inner); return nil }, "no such file"},
		{"a capture cut off inside a frame", func(t *testing.T, f files) []string { cut(t, f.outer, 10); return nil }, "after frame 1"},
		{"a capture cut off inside a frame's header", func(t *testing.T, f files) []string { cut(t, f.outer, 60+10); return nil }, "after frame 1"},
		{"no capture at all", func(t *testing.T, f files) []string { rewrite(t, f.outer, "hello"); return nil }, "read outer capture"},
		{"a misspelt field", func(t *testing.T, f files) []string {
			rewrite(t, f.timeline, `{"windows":[{"door":"outer","close":"x"}]}`)
			return nil
		}, `unknown field "close"`},
		{"an empty timeline", func(t *testing.T, f files) []string { rewrite(t, f.timeline, `{}`); return nil }, "nothing to judge"},
		{"a file too many", func(t *testing.T, f files) []string { return []string{"third.pcap"} }, "third.pcap"},
	} {
		f := leaveFiles(t, 14)
		more := c.spoil(t, f)
		status, out, complaints := judge(t, append(f.args(), more...)...)
		if status != 2 || !strings.Contains(complaints, c.want) {
			t.Errorf("%s: status %d, complaint %q, want 2 and %q\n%s", c.what, status, complaints, c.want, out)
		}
	}
}

func cut(t *testing.T, path string, n int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-n); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
