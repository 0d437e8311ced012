package soak

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// once is a fault without arguments that strikes at a moment of the seed's.
func once(what string) func(*rand.Rand, *Setup) {
	return func(rng *rand.Rand, s *Setup) { s.strike(rng, "%s", what) }
}

// strike adds a fault to the script at a moment that the seed chooses.
func (s *Setup) strike(rng *rand.Rand, format string, args ...any) {
	s.Script = append(s.Script, moment(rng)+": "+fmt.Sprintf(format, args...))
}

// moment is a time, a command's number whatever it is, a certain command, or when data flows.
func moment(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		return "at " + span(rng, 0, 15000).String()
	case 1:
		return fmt.Sprintf("command %d AT", 1+rng.IntN(80))
	case 2:
		certain := []string{"+CFUN=4", "+CFUN=1", "+CFUN?", "+CPIN?", "+CGACT", "+CEREG?", "+CGPADDR", "+COPS", "+CGMM", "+CMEE", "+CGDCONT"}
		return fmt.Sprintf("command %d AT%s", 1+rng.IntN(2), certain[rng.IntN(len(certain))])
	}
	return "data"
}

// span is a time between two, in milliseconds.
func span(rng *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+rng.IntN(most-least+1)) * time.Millisecond
}

// urcs puts unsolicited lines into replies; those whose name is also a command's are the ones that mix up.
func urcs(rng *rand.Rand, s *Setup) {
	lines := []string{
		"+CEREG: 2", `+CEREG: 1,"272D","0D17C148",7`, `+CREG: 1,"272D","0D17C148",7`, "+CGREG: 0", "+CGEV: NW MODIFY 1,0",
		"+CGEV: ME PDN ACT 1", "+QIND: SMS DONE", "+CPIN: READY", "+CPIN: NOT READY", "^RSSI: 20", "^MODE: 7,101", `+CMTI: "SM",1`,
		"+CSQ: 18,99", `+CTZV: "26/11/25,03:40:00",+04`, "RDY", "SMS DONE", "PB DONE", `+QNETDEVSTATUS: 1,0,"IPV4",0`, "+CFUN: 1",
	}
	s.Sim.Faults.URCInReply = rng.IntN(3) == 0
	for range 12 {
		s.Script = append(s.Script, fmt.Sprintf("command %d AT: urc %q", 1+rng.IntN(90), lines[rng.IntN(len(lines))]))
	}
}
