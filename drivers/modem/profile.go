package modem

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"airlock/drivers/modem/reply"
)

// Profile is what a family of modules does in its own way. It is data: a new family is a new file with one function
// and one line in profiles.
type Profile struct {
	Name string `json:"name"`
	// Makers and Models are beginnings of the replies to +CGMI and +CGMM, compared without case;
	// no model means all of the maker, no maker means everyone.
	Makers []string `json:"makers,omitempty"`
	Models []string `json:"models,omitempty"`
	// Only, when set, tells profiles of the same models apart: this one fits where it reads true.
	Only *Query `json:"only,omitempty"`

	// DataOn and DataOff start and end the flow of packets between the network interface and the
	// context. {cid} stands for the context's number.
	DataOn  []Step `json:"data_on"`
	DataOff []Step `json:"data_off"`
	// Bound, when set, asks whether the network interface is tied to the context: a module may
	// hold an active context and lease out an address, and carry nothing.
	Bound *Query `json:"bound,omitempty"`
	// Address says where the interface's address comes from.
	Address AddressSource `json:"address"`
	// NoARP: nobody answers ARP behind the interface, which carries bare IP in Ethernet's clothes.
	NoARP bool `json:"no_arp,omitempty"`
	// Servers, when set, asks for the name servers where +CGCONTRDP tells none.
	Servers string `json:"name_servers,omitempty"`
	// Dial makes the modem port a PPP line; every module has it, as the way out when its interface fails.
	Dial Step `json:"dial"`

	// Signal are queries for the signal, the one that tells most first.
	Signal []string `json:"signal"`
	// Retries asks how many tries the PIN has left.
	Retries string `json:"pin_retries"`
	// Card asks for the card's number, where the family has a query of its own; +CCID and +ICCID are tried after it.
	Card string `json:"iccid,omitempty"`
	// AfterPIN is how long the module is left alone when it has taken a PIN.
	AfterPIN time.Duration `json:"-"`
	// Slots, when set, says how another of several SIM slots is chosen.
	Slots *Slots `json:"slots,omitempty"`
	// Auth writes user and password of a context: {cid}, {type} (1 IPv4, 2 IPv6, 3 both), {apn}, {auth}, {user}, {password}.
	Auth *Step `json:"auth,omitempty"`
	// AuthAny is the family's {auth} for "whichever the network takes", where it has one; else CHAP stands for it.
	AuthAny int `json:"auth_any,omitempty"`
	// Attach writes the APN of the LTE attachment where that is not context 1: {apn}, {type} (IP, IPV6, IPV4V6).
	Attach *Step `json:"attach,omitempty"`
	// Clock are queries of the network's time, the one that tells most first.
	Clock []string `json:"clock"`
	// Function is how long +CFUN may take; zero is the default.
	Function time.Duration `json:"-"`
	// PowerOff and Reset are the vendor's verbs; Reset is the one to try after +CFUN=1,1 failed.
	PowerOff *Step `json:"power_off,omitempty"`
	Reset    *Step `json:"reset,omitempty"`
	// Dialect is what the family's replies mean.
	Dialect reply.Dialect `json:"dialect"`
	// Unverified says what nobody has seen to work on such a module: data taken from manuals or other programs, to be
	// doubted first.
	Unverified []string `json:"unverified,omitempty"`
}

// AddressSource is where a network interface gets its address.
type AddressSource string

// Sources of addresses.
const (
	ByDHCP    AddressSource = "dhcp"    // the module answers DHCP
	ByContext AddressSource = "context" // +CGPADDR and +CGCONTRDP tell it, and the host sets it
)

// Slots is how a family chooses among SIM slots.
type Slots struct {
	// Ask tells the slot in use under the prefix Prefix, in field Field of its reply.
	Ask    string `json:"ask"`
	Prefix string `json:"-"`
	Field  int    `json:"-"`
	// Set chooses {slot}.
	Set Step `json:"set"`
	// First is the family's number of the first slot, 0 or 1.
	First int `json:"first"`
}

// Step is a command and the time it may take.
type Step struct {
	Command string
	Within  time.Duration
	// Optional steps may be refused by the module.
	Optional bool
}

// MarshalJSON writes the time in seconds.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Command  string  `json:"command"`
		Within   float64 `json:"within_s"`
		Optional bool    `json:"optional,omitempty"`
	}{s.Command, s.Within.Seconds(), s.Optional})
}

// Query is a reading command and a pure reader of its reply.
type Query struct {
	Command string                                      `json:"command"`
	Read    func(lines []string, cid int) (bool, error) `json:"-"`
}

// Profiles is the table; the first that fits is taken, and generic fits everything.
func Profiles() []Profile {
	return []Profile{
		quectelUnisoc(), quectelRM5xx(), quectel(),
		simcomSIM8200(), simcomA76xx(), simcomSIM7x00(),
		sierraDirectIP(), sierraEM(),
		telitICM(), telitNCM(), telitECM(),
		ubloxBridge(), ubloxRouter(),
		huawei(),
		fibocomFM350(), fibocomL850(), fibocomGTRNDIS(),
		generic(),
	}
}

// ProfileOf picks the profile of a module. Profiles that are told apart by Only are passed over but for the last.
func ProfileOf(manufacturer, model string) Profile {
	for _, p := range Profiles() {
		if p.fits(manufacturer, model) && p.Only == nil {
			return p
		}
	}
	return generic()
}

// ProfileNamed looks a profile up by its name.
func ProfileNamed(name string) (Profile, bool) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

func (p Profile) fits(manufacturer, model string) bool {
	return startsLikeOne(manufacturer, p.Makers) && startsLikeOne(model, p.Models)
}

// startsLikeOne: no beginnings means that anything fits.
func startsLikeOne(s string, beginnings []string) bool {
	return len(beginnings) == 0 || slices.ContainsFunc(beginnings, func(b string) bool { return hasPrefixFold(s, b) })
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// off reports whether a value of +CFUN? means that the radio is off.
func (p Profile) off(cfun int) bool {
	return cfun == 0 || cfun == 4 || slices.Contains(p.Dialect.RadioOff, cfun)
}

// fill puts the context's number into a command.
func fill(command string, cid int) string {
	return strings.ReplaceAll(command, "{cid}", strconv.Itoa(cid))
}

// String names the profile.
func (p Profile) String() string { return fmt.Sprintf("profile %s", p.Name) }
