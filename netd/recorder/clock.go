package recorder

import "time"

// Sane is a clock whose wall time can be written down: JSON knows no year beyond 9999 (RFC 3339), and the line of a
// node whose clock has jumped there must be written all the same. Such a time becomes the zero time; the other clock holds.
func Sane(c Clock) Clock { return sane{c} }

type sane struct{ Clock }

// Now is the clock's, or zero.
func (s sane) Now() time.Time {
	t := s.Clock.Now()
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

// MomentOf is now on both clocks.
func MomentOf(c Clock) Moment { return Moment{At: c.Now().UTC(), Boot: c.Boot()} }
