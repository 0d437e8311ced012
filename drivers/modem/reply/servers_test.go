package reply

import (
	"fmt"
	"testing"
)

// TestServers: the form is atc.sh's for the FM350; a module without servers costs nothing.
func TestServers(t *testing.T) {
	for line, want := range map[string]string{
		`+GTDNS: 1,"10.207.43.46","10.206.56.132"`: "[10.207.43.46 10.206.56.132]",
		`+GTDNS:1,"10.207.43.46","0.0.0.0"`:        "[10.207.43.46]",
		`+GTDNS: 1,"2001:4860:4860::8888"`:         "[2001:4860:4860::8888]",
		`+GTDNS: 1`:                                "[]",
		`+GTDNS:`:                                  "[]",
		`+CGPADDR: 1,"10.64.0.2"`:                  "[]",
	} {
		if got := fmt.Sprint(ParseServers([]string{line})); got != want {
			t.Errorf("ParseServers(%q) = %s, want %s", line, got, want)
		}
	}
}
