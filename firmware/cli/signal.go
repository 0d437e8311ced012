package cli

import (
	"fmt"
	"slices"
	"strings"

	"airlock/netd/windows"
)

// levelWords put a level into a word, the best first.
func levelWords() []string { return []string{"excellent", "good", "fair", "poor", "hardly any"} }

// scale says from which value on a level is excellent, good, fair and poor. The steps are those that installers of
// LTE and 5G routers go by; what they stand for is in 3GPP TS 36.214 and 38.215 (RSRP, RSRQ, SINR), 25.215 (RSCP, Ec/Io).
type scale [4]float64

// index is the place of a level among the words.
func (s scale) index(level float64) int {
	for i, least := range s {
		if level >= least {
			return i
		}
	}
	return len(s)
}

func rssiScale() scale { return scale{-65, -75, -85, -95} }

// strength puts an RSSI into a word.
func strength(dBm int) string { return levelWords()[rssiScale().index(float64(dBm))] }

// signalWords tells the network and how well it is heard, in a word and in figures. The word is that of the worst
// figure: a strong signal that is drowned in noise carries nothing.
func signalWords(m windows.ModemStatus) string {
	operator := orElse(strings.TrimSpace(m.Operator+" "+m.Access), "no operator")
	if m.Roaming {
		operator += ", roaming"
	}
	word, figures := levels(m.Signal)
	switch {
	case figures != "":
		return fmt.Sprintf("%s, %s (%s)", operator, word, figures)
	case m.SignalDBm != nil:
		return fmt.Sprintf("%s, %s (%d dBm)", operator, strength(*m.SignalDBm), *m.SignalDBm)
	}
	return operator + ", signal not measured"
}

// levels are the figures of a signal, and the word for the worst; both empty when none was told.
func levels(s *windows.Signal) (word, figures string) {
	if s == nil {
		return "", ""
	}
	var parts []string
	var ranks []int
	add := func(name, unit string, level *float64, sc scale) {
		if level != nil {
			parts = append(parts, fmt.Sprintf("%s %g %s", name, *level, unit))
			ranks = append(ranks, sc.index(*level))
		}
	}
	add("RSRP", "dBm", s.RSRP, scale{-80, -90, -100, -110})
	add("RSRQ", "dB", s.RSRQ, scale{-10, -15, -18, -20})
	add("SINR", "dB", s.SINR, scale{20, 13, 0, -5})
	add("RSCP", "dBm", s.RSCP, scale{-65, -75, -85, -95})
	add("Ec/Io", "dB", s.EcIo, scale{-6, -10, -14, -17})
	if len(parts) == 0 {
		add("RSSI", "dBm", s.RSSI, rssiScale())
	}
	if len(parts) == 0 {
		return "", ""
	}
	return levelWords()[slices.Max(ranks)], strings.Join(parts, ", ")
}
