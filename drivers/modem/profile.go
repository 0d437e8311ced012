package modem

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Profile is what a family of modules does in its own way. It is data: a new family is a new file with one function
// and one line in profiles.
type Profile struct {
	Name string
	// Manufacturer and Models are beginnings of the replies to +CGMI and +CGMM, compared without case;
	// no model means all of the manufacturer.
	Manufacturer string
	Models       []string

	// DataOn and DataOff start and end the flow of packets between the network interface and the
	// context. {cid} stands for the context's number.
	DataOn, DataOff []Step
	// Bound, when set, asks whether the network interface is tied to the context: a module may
	// hold an active context and lease out an address, and carry nothing.
	Bound *Query
	// RadioOff lists the values of +CFUN? that mean an unpowered transmitter, beside 0 and 4.
	RadioOff []int
}

// Step is a command and the time it may take.
type Step struct {
	Command string
	Within  time.Duration
	// Optional steps may be refused by the module.
	Optional bool
}

// Query is a reading command and a pure reader of its reply.
type Query struct {
	Command string
	Read    func(lines []string, cid int) (bool, error)
}

// profiles is the table; the first that fits is taken, and generic fits everything.
func profiles() []Profile {
	return []Profile{quectel(), generic()}
}

// ProfileOf picks the profile of a module.
func ProfileOf(manufacturer, model string) Profile {
	for _, p := range profiles() {
		if p.fits(manufacturer, model) {
			return p
		}
	}
	return generic()
}

func (p Profile) fits(manufacturer, model string) bool {
	if !hasPrefixFold(manufacturer, p.Manufacturer) {
		return false
	}
	for _, m := range p.Models {
		if hasPrefixFold(model, m) {
			return true
		}
	}
	return len(p.Models) == 0
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// off reports whether a value of +CFUN? means that the radio is off.
func (p Profile) off(cfun int) bool {
	for _, v := range p.RadioOff {
		if v == cfun {
			return true
		}
	}
	return cfun == 0 || cfun == 4
}

// fill puts the context's number into a command.
func fill(command string, cid int) string {
	return strings.ReplaceAll(command, "{cid}", strconv.Itoa(cid))
}

// String names the profile.
func (p Profile) String() string { return fmt.Sprintf("profile %s", p.Name) }
