// Package calendar says when a door may open: the minutes that cron-like expressions name, in a time zone. It knows no
// door and asks no clock; the keeper in package netd judges requests by it, and firmware/config reads it from node.yaml.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the appliance's root file system has no zones

	"github.com/adhocore/gronx"
)

// Hours are the minutes in which a door may be open. The zero value is every minute.
type Hours struct {
	expressions []string
	zone        *time.Location // nil with the zero value
}

// horizon bounds the look for the next minute: an expression that names none within a year names none.
const horizon = 366 * 24 * time.Hour

// Parse reads five-field cron expressions (minute, hour, day of month, month, day of week): a minute is allowed when one
// of them names it, so "* 22-23,0-4 * * 1-5" is the working days' night. zone is a name of the IANA database; empty is
// UTC. No expression at all is every minute. The error names the expression and what was expected.
func Parse(zone string, expressions []string) (Hours, error) {
	if len(expressions) == 0 && zone == "" {
		return Hours{}, nil
	}
	where, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return Hours{}, fmt.Errorf("there is no time zone %q; expected a name such as Europe/Berlin or UTC", zone)
	}
	for _, e := range expressions {
		if err := check(e); err != nil {
			return Hours{}, fmt.Errorf("%q is no hours: %w; expected five fields, minute hour day month weekday, such as * 22-23,0-4 * * 1-5", e, err)
		}
	}
	return Hours{append([]string(nil), expressions...), where}, nil
}

// check refuses what the library takes beside five fields: seconds, years, and names such as @daily, which names one
// minute a day and is hardly what somebody means.
func check(expression string) error {
	if n := len(strings.Fields(expression)); n != 5 {
		return fmt.Errorf("it has %d fields", n)
	}
	if !gronx.IsValid(expression) {
		return errors.New("a field is out of its range")
	}
	if _, err := gronx.NextTickAfter(expression, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), true); err != nil {
		return errors.New("it names no minute at all")
	}
	return nil
}

// Always says that every minute is allowed.
func (h Hours) Always() bool { return len(h.expressions) == 0 }

// Allow says whether a door may be open at a moment.
func (h Hours) Allow(at time.Time) bool {
	if len(h.expressions) == 0 {
		return true
	}
	minute := at.In(h.zone).Truncate(time.Minute)
	cron := gronx.New()
	for _, e := range h.expressions {
		if due, err := cron.IsDue(e, minute); err == nil && due {
			return true
		}
	}
	return false
}

// Left is how long from a moment on a door may stay open, and most at the most; zero where it may not be open at all.
func (h Hours) Left(at time.Time, most time.Duration) time.Duration {
	if len(h.expressions) == 0 {
		return most
	}
	for end := at; end.Sub(at) < most; end = end.Truncate(time.Minute).Add(time.Minute) {
		if !h.Allow(end) {
			return end.Sub(at)
		}
	}
	return most
}

// Next is the first moment, from one on, at which a door may be open; ok is false where there is none within a year.
func (h Hours) Next(from time.Time) (at time.Time, ok bool) {
	if h.Allow(from) {
		return from, true
	}
	best := time.Time{}
	for _, e := range h.expressions {
		next, err := gronx.NextTickAfter(e, from.In(h.zone), false)
		if err == nil && next.Sub(from) <= horizon && (best.IsZero() || next.Before(best)) {
			best = next
		}
	}
	return best, !best.IsZero()
}

// String is the hours as they were written.
func (h Hours) String() string {
	if len(h.expressions) == 0 {
		return "at any time"
	}
	return fmt.Sprintf("%s (%s)", strings.Join(h.expressions, "; "), h.zone)
}
