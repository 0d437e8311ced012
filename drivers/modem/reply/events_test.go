package reply

import (
	"testing"
	"time"
)

// FuzzEvents: lines that come by themselves and the words of +CEER are read from any bytes.
func FuzzEvents(f *testing.F) {
	for _, line := range []string{`+CTZE: "+08",0,"2026/11/25,12:00:00"`, `+CTZV: "26/11/25,12:00:00+08"`, "^NWTIME: 26/11/22,05:00:00+04,00", "EMM_CAUSE,11", `+X: 1,"2",3`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if c, source, ok := ParseTimeEvent(line); ok && (c.Time.IsZero() || source == "") {
			t.Errorf("ParseTimeEvent(%q) = %+v of %q", line, c, source)
		}
		if c, ok := (Ended{Reason: line}).Cause(); ok && (c.Code < 1 || c.Code > 255 || c.Text == "") {
			t.Errorf("cause in %q = %+v", line, c)
		}
		if n, ok := Value([]string{line}, "+X", 1); ok && (n < 0 || n > 255) {
			t.Errorf("Value(%q) = %d", line, n)
		}
	})
}

// TestTimeEvents: the zone of +CTZE stands before the time, in the others behind it.
func TestTimeEvents(t *testing.T) {
	want := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for _, line := range []string{`+CTZE: "+08",0,"2026/11/25,12:00:00"`, `+CTZV: "26/11/25,12:00:00+08"`, "^NWTIME: 26/11/25,12:00:00+08,00", `+CTZE: "-20",1,"2026/11/25,05:00:00"`} {
		if c, _, ok := ParseTimeEvent(line); !ok || !c.Time.Equal(want) || !c.Zoned {
			t.Errorf("ParseTimeEvent(%q) = %+v, %v, want %s", line, c, ok, want)
		}
	}
}
