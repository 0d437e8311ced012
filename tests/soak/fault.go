package soak

import (
	"fmt"
	"math/rand/v2"

	"airlock/tests/modemsim"
)

// Fault is one row of the campaign: what can go wrong, in a form that a seed makes definite.
type Fault struct {
	Name string
	make func(rng *rand.Rand, s *Setup)
}

// Faults are all of them.
func Faults() []Fault {
	all := []Fault{{"none", func(*rand.Rand, *Setup) {}}}
	all = append(all, lineFaults()...)
	all = append(all, networkFaults()...)
	all = append(all, moduleFaults()...)
	all = append(all, cardFaults()...)
	return append(all, Fault{"storm", storm})
}

// FaultNamed looks one up.
func FaultNamed(name string) (Fault, bool) {
	for _, f := range Faults() {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}

// ends are how a window under the fault may end; nil: with data or any diagnosis. What a session is made to overcome has to
// end with data.
func (f Fault) ends() []string {
	switch f.Name {
	case "none", "urc-in-reply", "split", "merge", "delay", "stray", "no-carrier", "left-in-data-mode", "stuck-a-while", "data-refused",
		"ignores-cfun", "lingers":
		return []string{Proven, Mended}
	case "no-sim", "puk", "pin-not-told", "pin-one-try-left", "pin-wrong":
		return []string{"no-sim"}
	case "no-traffic-ever":
		return []string{NoTraffic, "no-network"}
	}
	return nil
}

// lineFaults are about how bytes and lines come.
func lineFaults() []Fault {
	return []Fault{
		{"urc-in-reply", urcs},
		{"split", once("split")},
		{"merge", once("merge")},
		{"delay", func(rng *rand.Rand, s *Setup) { s.strike(rng, "delay %s", span(rng, 5, 400)) }},
		{"late", func(rng *rand.Rand, s *Setup) {
			for range 1 + rng.IntN(4) {
				s.Script = append(s.Script, fmt.Sprintf("command %d AT: late %s", 1+rng.IntN(80), span(rng, 500, 12000)))
			}
		}},
		{"stray", func(rng *rand.Rand, s *Setup) {
			s.Sim.Faults.StrayErrors = rng.IntN(4)
			s.strike(rng, "stray %d", 1+rng.IntN(3))
		}},
		{"dead-a-while", func(rng *rand.Rand, s *Setup) { s.strike(rng, "dead %s", span(rng, 500, 30000)) }},
		{"dead", func(rng *rand.Rand, s *Setup) { s.strike(rng, "dead"); s.MayStayOn = true }},
		{"no-carrier", func(rng *rand.Rand, s *Setup) {
			s.CallFor, s.CallDrops = span(rng, 1000, 20000), true
		}},
		{"left-in-data-mode", func(rng *rand.Rand, s *Setup) { s.CallFor = span(rng, 1000, 20000) }},
	}
}

// networkFaults are the carrier's.
func networkFaults() []Fault {
	all := []Fault{
		{"stuck-a-while", func(rng *rand.Rand, s *Setup) { s.strike(rng, "stuck %s", span(rng, 1000, 60000)) }},
		{"stuck", once("stuck")},
		{"no-traffic", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("at 0s: no-traffic %d", 1+rng.IntN(2)))
		}},
		{"no-traffic-ever", func(rng *rand.Rand, s *Setup) { s.Script = append(s.Script, "at 0s: no-traffic 1000000") }},
		{"traffic-dies", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("data: no-traffic %d", 1+rng.IntN(2)))
		}},
		{"data-refused", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("at 0s: refuse-data %d", 1+rng.IntN(20)))
		}},
		{"data-refused-ever", func(rng *rand.Rand, s *Setup) {
			s.Sim.Faults.DataError = []int{30, 133, 148, 107, 5847, 3}[rng.IntN(6)]
		}},
	}
	// TS 24.301 §9.9.3.9: illegal UE and ME, EPS not allowed alone and with the rest, PLMN, roaming, no suitable cells.
	for _, cause := range []int{3, 6, 7, 8, 11, 13, 15} {
		all = append(all, Fault{fmt.Sprintf("reject-%d", cause), func(rng *rand.Rand, s *Setup) {
			if rng.IntN(2) == 0 {
				s.strike(rng, "reject %d", cause)
				return
			}
			s.strike(rng, "reject %d %s", cause, span(rng, 1000, 60000))
		}})
	}
	return all
}

// moduleFaults are of the module's firmware and of its plug.
func moduleFaults() []Fault {
	return []Fault{
		{"reset", func(rng *rand.Rand, s *Setup) { s.strike(rng, "reset %s", span(rng, 2500, 20000)) }},
		{"reset-in-data", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("data: reset %s", span(rng, 2500, 20000)))
		}},
		{"reset-at-radio-off", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("command %d AT+CFUN=4: reset %s", 1+rng.IntN(2), span(rng, 2500, 20000)))
		}},
		{"unplugged", func(rng *rand.Rand, s *Setup) { s.strike(rng, "reset 1000h") }},
		{"ignores-cfun", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("command %d AT+CFUN=: ignore-cfun %d", 1+rng.IntN(3), 1+rng.IntN(2)))
		}},
		{"ignores-cfun-ever", func(rng *rand.Rand, s *Setup) {
			s.Script, s.MayStayOn = append(s.Script, fmt.Sprintf("command %d AT+CFUN=: ignore-cfun 1000000", 1+rng.IntN(3))), true
		}},
		{"lingers", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("at 0s: linger %s", span(rng, 500, 15000)))
		}},
		{"binding-not-taken", func(rng *rand.Rand, s *Setup) {
			s.Script = append(s.Script, fmt.Sprintf("at 0s: no-binding %d", 1+rng.IntN(4)))
		}},
		{"binding-lost", func(rng *rand.Rand, s *Setup) { s.Script = append(s.Script, "data: unbind") }},
	}
}

// cardFaults are of the SIM.
func cardFaults() []Fault {
	locked := func(configured string, left int, burns int) func(*rand.Rand, *Setup) {
		return func(rng *rand.Rand, s *Setup) {
			s.Sim.LeftOn = false
			s.Sim.SIM = modemsim.SIM{PIN: "4711", PINLeft: left}
			s.Modem.PIN, s.Burns, s.Again = configured, burns, true
		}
	}
	return []Fault{
		{"bogus-pin", func(rng *rand.Rand, s *Setup) {
			s.Sim.Faults.BogusPIN = span(rng, 200, 6000)
			if rng.IntN(2) == 0 {
				s.Modem.PIN = "4711" // configured for another card: it must not be tried on a lie
			}
		}},
		{"sim-pulled", func(rng *rand.Rand, s *Setup) { s.strike(rng, "sim-out") }},
		{"sim-loose", func(rng *rand.Rand, s *Setup) { s.strike(rng, "sim-out %s", span(rng, 300, 10000)) }},
		{"no-sim", func(rng *rand.Rand, s *Setup) { s.Sim.SIM.Missing, s.Sim.LeftOn = true, false }},
		{"pin-right", locked("4711", 0, 0)},
		{"pin-wrong", locked("0815", 0, 1)},
		{"pin-not-told", locked("", 0, 0)},
		{"pin-one-try-left", locked("4711", 1, 0)},
		{"pin-right-bad-line", func(rng *rand.Rand, s *Setup) {
			locked("4711", 2, 0)(rng, s)
			urcs(rng, s)
			s.strike(rng, "late %s", span(rng, 500, 12000))
		}},
		{"pin-wrong-reset", func(rng *rand.Rand, s *Setup) {
			locked("0815", 2, 1)(rng, s)
			s.Script = append(s.Script, fmt.Sprintf("command AT+CPIN=: reset %s", span(rng, 2500, 9000)))
		}},
		{"puk", locked("4711", -1, 0)},
	}
}

// storm is several at once.
func storm(rng *rand.Rand, s *Setup) {
	var some []Fault
	for _, group := range [][]Fault{lineFaults(), networkFaults(), moduleFaults()} {
		some = append(some, group[rng.IntN(len(group))])
	}
	for _, f := range some {
		f.make(rng, s)
	}
}
