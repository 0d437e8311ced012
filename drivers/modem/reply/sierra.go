package reply

import (
	"regexp"
	"strings"
)

// Radio is Sierra's !GSTATUS?: a page of "Name: value" pairs in two columns.
type Radio struct {
	Mode   string            `json:"mode"`        // ONLINE, LOW POWER MODE, …
	System string            `json:"system_mode"` // LTE, WCDMA, …
	PS     string            `json:"ps_state"`    // Attached, Not attached
	Band   string            `json:"band,omitempty"`
	All    map[string]string `json:"all"`
	Levels
}

func readGSTATUS(r Reply) (any, error) {
	if len(r.Lines) == 0 || !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(r.Lines[0])), "!GSTATUS") {
		return nil, unreadable("!GSTATUS", r.Lines)
	}
	// Columns are parted by tabs or by three blanks and more; a value may be padded.
	gap := regexp.MustCompile(`\t+| {3,}`)
	s := Radio{All: map[string]string{}}
	for _, line := range r.Lines[1:] {
		key := ""
		for _, piece := range gap.Split(line, -1) {
			name, value, ok := strings.Cut(piece, ":")
			switch {
			case ok:
				key = strings.TrimSpace(name)
				s.All[key] = strings.TrimSpace(value)
			case key != "" && s.All[key] == "":
				s.All[key] = strings.TrimSpace(piece)
			}
		}
	}
	s.Mode, s.System, s.PS, s.Band = s.All["Mode"], s.All["System mode"], s.All["PS state"], s.All["LTE band"]
	if s.Mode == "" && s.System == "" {
		return nil, unreadable("!GSTATUS", r.Lines)
	}
	for _, l := range []struct {
		key  string
		into **float64
	}{{"RSRP (dBm)", &s.RSRP}, {"RSRQ (dB)", &s.RSRQ}, {"SINR (dB)", &s.SINR}, {"PCC RxM RSSI", &s.RSSI}} {
		value := strings.TrimSuffix(s.All[l.key], " dBm")
		*l.into = decimal(value)
	}
	return s, nil
}
