package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"airlock/netd/calendar"
	"airlock/netd/windows"
)

// Windows says when the doors may be opened.
type Windows struct {
	Outer, Inner DoorWindows
	Gap          time.Duration // between the closing of one door and the raising of the other
}

// DoorWindows is one door's.
type DoorWindows struct {
	Hours    calendar.Hours
	Longest  time.Duration     // of a window
	Approval []windows.Purpose // to which a person has to say yes
}

// longest is the longest window there is; netd has the same limit, whatever stands here.
const longest = 25 * time.Minute

// mostGap bounds the gap: beyond it a node would rather seem broken.
const mostGap = 10 * time.Minute

type rawWindows struct {
	Gap   string   `yaml:"gap"`
	Outer rawHours `yaml:"outer"`
	Inner rawHours `yaml:"inner"`
}

type rawHours struct {
	Hours    []string `yaml:"hours"`
	Zone     string   `yaml:"zone"`
	Longest  string   `yaml:"longest"`
	Approval []string `yaml:"approval"`
}

// windows judges what node.yaml says of windows.
func (d *document) windows(raw rawWindows) Windows {
	outer := []windows.Purpose{windows.Enrol, windows.Fetch, windows.Report, windows.Service}
	w := Windows{
		Outer: d.door("windows.outer", raw.Outer, outer),
		Inner: d.door("windows.inner", raw.Inner, []windows.Purpose{windows.Deploy}),
	}
	w.Gap = d.duration("windows.gap", raw.Gap, 0, 0, mostGap)
	return w
}

func (d *document) door(path string, raw rawHours, purposes []windows.Purpose) DoorWindows {
	hours, err := calendar.Parse(raw.Zone, raw.Hours)
	if err != nil {
		d.wrong(path+".hours", "%v", err)
	}
	door := DoorWindows{Hours: hours, Longest: d.duration(path+".longest", raw.Longest, longest, time.Minute, longest)}
	for i, p := range raw.Approval {
		if !slices.Contains(purposes, windows.Purpose(p)) {
			d.wrong(fmt.Sprintf("%s.approval[%d]", path, i), "is %q; expected one of: %s", cut(p, 40), join(purposes))
			continue
		}
		door.Approval = append(door.Approval, windows.Purpose(p))
	}
	return door
}

func join(purposes []windows.Purpose) string {
	var words []string
	for _, p := range purposes {
		words = append(words, string(p))
	}
	return strings.Join(words, ", ")
}

// duration reads a time such as 90s or 5m within bounds.
func (d *document) duration(path, text string, without, least, most time.Duration) time.Duration {
	if text == "" {
		return without
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < least || v > most {
		d.wrong(path, "is %q; expected a time from %v to %v, such as 90s or 5m", cut(text, 40), least, most)
	}
	return v
}
