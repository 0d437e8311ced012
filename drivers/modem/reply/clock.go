package reply

import (
	"regexp"
	"strconv"
	"time"
)

// Clock is a module's time.
type Clock struct {
	Time   time.Time `json:"iso8601"`
	Offset int       `json:"utc_offset_min"` // east of UTC, daylight saving included
	Zoned  bool      `json:"zone_told"`      // false: the module told no zone, and UTC was assumed
	DST    *int      `json:"dst_min"`
}

// clockShape is yy/MM/dd,hh:mm:ss[±zz][,dst]; the zone counts quarters of an hour (§8.15). Years of two digits
// are 20yy, except those from 70: modules start in 1970 or 1980 when they know no time.
func clockShape() *regexp.Regexp {
	return regexp.MustCompile(`^"?(\d{4}|\d{2})/(\d{1,2})/(\d{1,2})[, ](\d{1,2}):(\d{1,2}):(\d{1,2})"?,?([+-]\d{1,2})?"?(?:,(\d{1,2}))?"?$`)
}

// clock makes a reader. utc says that the digits are UTC whatever the zone, as in +QLTS.
func clock(prefix string, needsZone bool, utc func(Reply) bool) func(Reply) (any, error) {
	return func(r Reply) (any, error) {
		for _, line := range r.Lines {
			rest, ok := after(line, prefix)
			if !ok {
				continue
			}
			if c, ok := clockOf(rest, utc(r)); ok && (c.Zoned || !needsZone) {
				return c, nil
			}
			break
		}
		return nil, unreadable(prefix, r.Lines)
	}
}

func clockOf(s string, utc bool) (Clock, bool) {
	m := clockShape().FindStringSubmatch(s)
	if m == nil {
		return Clock{}, false
	}
	var v [7]int
	for i := range v {
		v[i], _ = strconv.Atoi(m[i+1]) // digits only; the zone may be empty, which is 0
	}
	if len(m[1]) == 2 {
		if v[0] += 2000; v[0] >= 2070 {
			v[0] -= 100
		}
	}
	if v[6] < -48 || v[6] > 56 { // UTC-12 … UTC+14
		return Clock{}, false
	}
	c := Clock{Offset: v[6] * 15, Zoned: m[7] != ""}
	zone := time.FixedZone("", c.Offset*60)
	if c.Offset == 0 {
		zone = time.UTC
	}
	in := zone
	if utc {
		in = time.UTC
	}
	t := time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], 0, in)
	if t.Year() != v[0] || int(t.Month()) != v[1] || t.Day() != v[2] || t.Hour() != v[3] || t.Minute() != v[4] || t.Second() != v[5] {
		return Clock{}, false
	}
	c.Time = t.In(zone)
	if m[8] != "" {
		dst, _ := strconv.Atoi(m[8])
		if dst > 2 {
			return Clock{}, false
		}
		dst *= 60
		c.DST = &dst
	}
	return c, true
}

func localTime(Reply) bool { return false }

// universal: AT+QLTS and AT+QLTS=1 tell UTC beside the zone, AT+QLTS=2 the local time (Quectel's EC2x manual).
func universal(r Reply) bool { return r.Form != Set || r.Args != "2" }

// timeEvents are the prefixes of lines that tell a time unasked, and whether its digits are UTC: +CTZE and +CTZV have local
// time (§8.41; +CTZV alone has only the zone in the standard), ^NWTIME too, as Huawei's query has.
func timeEvents() []string { return []string{"+CTZE", "+CTZV", "^NWTIME"} }

// ParseTimeEvent reads the time that a module tells by itself when the network told it; source is the line's prefix.
func ParseTimeEvent(line string) (c Clock, source string, ok bool) {
	for _, prefix := range timeEvents() {
		rest, is := after(line, prefix)
		if !is {
			continue
		}
		if f := fields(rest); prefix == "+CTZE" { // "+08",0,"2026/03/01,12:00:00": zone, summer time, then the time
			if len(f) < 3 || f[0].text == "" {
				return Clock{}, prefix, false
			}
			rest = f[2].text + f[0].text
		}
		c, ok = clockOf(rest, false)
		return c, prefix, ok
	}
	return Clock{}, "", false
}
