package soak

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// Case is one window. The same case is the same window again, unless its end hangs on two things that happen at one
// instant: who of two goroutines is first is not ours to say. So try a case some times (go test -count).
type Case struct {
	Module modemsim.Personality
	Fault  Fault
	Seed   uint64
}

// String is how the case is asked for again.
func (c Case) String() string {
	return fmt.Sprintf("-personality %s -fault %s -seed %d", c.Module.Name, c.Fault.Name, c.Seed)
}

// Setup is what a fault makes of a case before the window is asked for.
type Setup struct {
	Sim    modemsim.Config
	Script []string
	Modem  modem.Config
	// Burns is how many tries of the PIN may be lost: one where the configuration holds a wrong one.
	Burns int
	// MayStayOn: the fault can make it impossible to prove the radio off; then that must be said.
	MayStayOn bool
	// CallFor makes a data call on the AT port once data is proven, and leaves it after so long; 0 none. CallDrops ends
	// it with NO CARRIER before it is left.
	CallFor   time.Duration
	CallDrops bool
	// Again asks for a second window with the same memory.
	Again bool
	// Levers are the means outside of AT commands: usb-reset, power.
	Levers []string
}

// setup draws everything that the seed decides. The order of the draws is part of what a seed means.
func (c Case) setup() (Setup, *rand.Rand, error) {
	h := fnv.New64a()
	fmt.Fprint(h, c.Module.Name, "|", c.Fault.Name)
	rng := rand.New(rand.NewPCG(c.Seed, h.Sum64()))
	times := modemsim.Lifelike()
	times.Boot += time.Duration(rng.IntN(3000)) * time.Millisecond
	times.Register += time.Duration(rng.IntN(4000)) * time.Millisecond
	times.Away = time.Duration(3000+rng.IntN(5000)) * time.Millisecond
	s := Setup{
		Sim:   modemsim.Config{Personality: c.Module, Times: times, Seed: rng.Uint64(), LeftOn: rng.IntN(4) == 0},
		Modem: modem.Config{APN: "internet"},
	}
	if rng.IntN(4) == 0 {
		s.Sim.Function = 4 // stored by an earlier user
	}
	s.Sim.Network = modemsim.Network{Roaming: rng.IntN(4) == 0, RSSI: 3 + rng.IntN(28), Zone: rng.IntN(97) - 48}
	if nr := slices.Contains(c.Module.Domains, "+C5GREG"); rng.IntN(4) == 0 && nr {
		s.Sim.Network.Access = 11 // 5G alone: the other domains say 0
	}
	switch rng.IntN(3) {
	case 1:
		s.Levers = []string{"usb-reset"}
	case 2:
		s.Levers = []string{"usb-reset", "power"}
	}
	c.Fault.make(rng, &s)
	script, err := modemsim.ParseScript(c.Fault.Name, strings.NewReader(strings.Join(s.Script, "\n")))
	if err != nil {
		return s, nil, fmt.Errorf("write the script of a fault: %w", err)
	}
	s.Sim.Script = script
	return s, rng, nil
}

// UpLimit is the longest that Up may take: the phases' bounds together.
func UpLimit(t modem.Times) time.Duration {
	return t.Find + t.SIM + 3*t.Setup + t.Register + t.Data
}
