package modemsim

import (
	"slices"
	"strconv"
	"strings"
)

// Personality is a kind of module. It is data: one file for each vendor, and commands of its own beside it.
type Personality struct {
	Name         string
	Manufacturer string
	Model        string
	Revision     string
	IMEI         string
	// USB is the vendor and the product of the device ("2c7c:0125"), and ATInterface the number of the
	// interface with the AT port, as the udev rules of ModemManager name them; empty where none does.
	USB         string
	ATInterface int
	Boot        []string // unsolicited lines when it has booted
	CardReady   []string // unsolicited lines when the card may be used
	Attached    []string // unsolicited lines when it has registered
	Domains     []string // registration queries it knows
	// DefaultBearer: context 1 becomes active with registration, as on LTE.
	DefaultBearer bool
	// Binding: data flows only when a command of the vendor's has tied the network interface to the context.
	Binding bool
	// StaticAddress: the network interface has no DHCP; the host takes the address of +CGPADDR.
	StaticAddress bool
	// OffNeedsSIM: +CFUN=4 is refused until the SIM was found (seen by oFono with Quectel).
	OffNeedsSIM bool
	// QuietCard: nothing unsolicited is said about the card but CardReady.
	QuietCard bool
	// Causes: +CEREG=3 and its kin are known, which tell the cause of a reject.
	Causes bool
	// ZeroContext: context 0 exists (XMM platforms).
	ZeroContext bool
	// Functions are the values of +CFUN; 0, 1 and 4 when empty. Resets are those that restart the module.
	Functions, Resets []int
	// Stammer is the CME code of the first activation after each boot, 0 none (5847 with FM350).
	Stammer int
	// Unverified says that no reply of a real module stands behind the way data is switched on.
	Unverified bool

	verbs verbs
}

func (p Personality) functions() []int {
	if len(p.Functions) == 0 {
		return []int{0, 1, 4}
	}
	return p.Functions
}

// Personalities lists all, for the command line.
func Personalities() []Personality {
	return slices.Concat(quectels(), simcoms(), sierras(), telits(), ubloxes(), huaweis(), fibocoms(), []Personality{Generic3GPP()})
}

// PersonalityOf finds one by its name.
func PersonalityOf(name string) (Personality, bool) {
	if name == "3gpp-generic" { // its first name
		name = "generic"
	}
	for _, p := range Personalities() {
		if p.Name == name {
			return p, true
		}
	}
	return Personality{}, false
}

// lteDomains and nrDomains are the registration queries of modules without and with 5G.
func lteDomains() []string { return []string{"+CREG", "+CGREG", "+CEREG"} }
func nrDomains() []string  { return append(lteDomains(), "+C5GREG") }

// Generic3GPP is a module that knows 27.007 and nothing else.
func Generic3GPP() Personality {
	return Personality{
		Name: "generic", Manufacturer: "Airlock Lab", Model: "GEN-1", Revision: "1.0",
		IMEI: "356938035643809", Domains: nrDomains(), Causes: true,
	}
}

// with adds tables of commands up; later ones win.
func with(tables ...verbs) verbs {
	all := verbs{}
	for _, t := range tables {
		for name, handler := range t {
			all[name] = handler
		}
	}
	return all
}

func joined(numbers []int, between string) string {
	var words []string
	for _, n := range numbers {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, between)
}
