package modem_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestCapturedTranscript holds the transcript of a real module against the collection that it was taken from, line by line,
// where that is present.
func TestCapturedTranscript(t *testing.T) {
	text, err := os.ReadFile("../../../shared/modem/corpus/transcript_quectelcm_rm500u.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("skipped: the collection of captured sessions is not here")
	}
	var lines []struct{ Dir, Text string }
	if err != nil || json.Unmarshal(text, &lines) != nil {
		t.Fatalf("read the captured session: %v", err)
	}
	ours, err := os.ReadFile("testdata/quectel-rm500u-captured.transcript")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(ours)) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSuffix(line, "\n")[2:])
		}
	}
	for i, l := range lines[1:] { // the first command was never answered, and sent again
		if i >= len(got) || got[i] != l.Text {
			t.Fatalf("line %d of the captured session is %q, not in our transcript of %d lines", i+1, l.Text, len(got))
		}
	}
	if len(got) != len(lines)-1 {
		t.Errorf("our transcript has %d lines, the captured session %d", len(got), len(lines)-1)
	}
}
