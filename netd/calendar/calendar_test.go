package calendar

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func hours(t *testing.T, zone string, expressions ...string) Hours {
	t.Helper()
	h, err := Parse(zone, expressions)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestAllow: hours are those of the zone, in summer and in winter, on the days that are meant.
func TestAllow(t *testing.T) {
	night := hours(t, "Europe/Berlin", "* 22-23 * * 1-5", "* 0-4 * * 2-6")
	for at, want := range map[string]bool{
		"2026-11-25T20:59:59Z": false, // Wednesday, 21:59 in Berlin
		"2026-11-25T21:00:00Z": true,
		"2026-11-26T03:59:59Z": true,
		"2026-11-26T04:00:00Z": false,
		"2026-07-15T20:00:00Z": true, // summer time
		"2026-07-15T19:59:00Z": false,
		"2026-11-28T22:30:00Z": false, // Saturday's night
		"2026-11-27T23:30:00Z": true,  // Saturday, 00:30: Friday's night
	} {
		if got := night.Allow(moment(t, at)); got != want {
			t.Errorf("Allow(%s) = %v, want %v", at, got, want)
		}
	}
	if !(Hours{}).Allow(time.Unix(0, 0)) {
		t.Error("the zero value allows nothing")
	}
}

func TestLeftAndNext(t *testing.T) {
	h := hours(t, "", "0-29 * * * *")
	at := moment(t, "2026-11-25T10:20:30Z")
	for most, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, 25 * time.Minute: 9*time.Minute + 30*time.Second,
	} {
		if got := h.Left(at, most); got != want {
			t.Errorf("Left(%s, %v) = %v, want %v", at, most, got, want)
		}
	}
	later := moment(t, "2026-11-25T10:45:10Z")
	if got := h.Left(later, time.Hour); got != 0 {
		t.Errorf("Left outside = %v, want 0", got)
	}
	if got, ok := h.Next(later); !ok || !got.Equal(moment(t, "2026-11-25T11:00:00Z")) {
		t.Errorf("Next(%s) = %v, %v", later, got, ok)
	}
	if got, ok := h.Next(at); !ok || !got.Equal(at) {
		t.Errorf("Next(%s) = %v, %v, want the same", at, got, ok)
	}
}

// TestLeftIsAllowedThroughout: within what is left every second is allowed, and the next is not unless the limit ends it.
func TestLeftIsAllowedThroughout(t *testing.T) {
	h := hours(t, "America/St_Johns", "*/7 3-20 * * *", "10-50 * * * 0", "30 * 1 * *")
	rapid.Check(t, func(r *rapid.T) {
		at := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(r, "at"), 0)
		most := time.Duration(rapid.Int64Range(1, 1500).Draw(r, "most")) * time.Second
		left := h.Left(at, most)
		for d := time.Duration(0); d < left; d += time.Second {
			if !h.Allow(at.Add(d)) {
				r.Fatalf("Left(%s) = %v, but %v later is not allowed", at, left, d)
			}
		}
		if left < most && h.Allow(at.Add(left)) {
			r.Fatalf("Left(%s) = %v, and the second after it is allowed", at, left)
		}
		if next, ok := h.Next(at.Add(left)); left < most && (!ok || !h.Allow(next)) {
			r.Fatalf("Next = %v, %v, which is not allowed", next, ok)
		}
	})
}

// TestParse: what is wrong is named with the expression and what was expected.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		zone, expression, want string
	}{
		{"Mars/Olympus", "* * * * *", "no time zone"},
		{"Local", "* * * * *", "no time zone"},
		{"", "* * * *", "4 fields"},
		{"", "@daily", "1 fields"},
		{"", "0 * * * * *", "6 fields"},
		{"", "* 25 * * *", "range"},
		{"", "61 * * * *", "range"},
		{"", "* * * * MOON", ""},
		{"", "0 0 31 2 *", ""},
	} {
		_, err := Parse(c.zone, []string{c.expression})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "expected") {
			t.Errorf("Parse(%q, %q) = %v, want an error with %q and what was expected", c.zone, c.expression, err, c.want)
		}
	}
	if h, err := Parse("", nil); err != nil || h.String() != "at any time" {
		t.Errorf("Parse of nothing = %v, %v", h, err)
	}
}
