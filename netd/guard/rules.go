package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"airlock/netd/interlock"
	"airlock/netd/windows"
)

const (
	// tailTime is how long after a lease frames of its link may still be on their way, and how old a reading may be.
	tailTime = 250 * time.Millisecond
	// settleTime is how long a frame waits for what the kernel tells on other sockets about the time at which it passed.
	settleTime = 100 * time.Millisecond
	// silenceTime is how long netd may be silent while a door may be open. Its own lease is as long.
	silenceTime = interlock.Lease
)

// Link is a network interface that is not a loopback one.
type Link struct {
	Index  int
	Name   string
	Up     bool
	Raised string // the name under which it was raised; empty while down
}

// Frame is one that passed on a link which did not hold the lease when it was last looked.
type Frame struct {
	Index    int
	Outgoing bool
	At       time.Duration
	Text     string // what it was
}

// Observation is what is seen at one moment. Times count from the guard's start.
type Observation struct {
	At      time.Duration
	Links   []Link
	Names   map[int]string // of Links, and of those that are gone
	Clashes []string       // two links that were up at once since the last look, however short
	Renames []string       // links that got another name while they were up
	Gate    interlock.State
	// Unreadable is why the interlock could not be read; empty when it was.
	Unreadable string
	// Leased says which device had the name in the lease when the lease was first seen.
	Leased map[string]int
	// Lately says when an interface was last seen to hold the lease.
	Lately map[string]time.Duration
	Frames []Frame
	// Stand is how netd stood at Heard; nil before it was first heard.
	Stand  *windows.Stand
	Heard  time.Duration
	Absent bool // no process listens where netd should
}

// rule is one thing that must not be. find says what was seen of it; empty: nothing.
type rule struct {
	name string
	// patience is how long it must be seen at every look before it counts: what netd does in steps, or what is read at
	// two moments, contradicts itself for that long.
	patience time.Duration
	// forgive: the doors are shut, and no fault is latched; what is wrong will mend itself, or has its own alarm.
	forgive bool
	find    func(Observation) string
}

// rules are all that the guard knows.
func rules() []rule {
	return []rule{
		{"both-links-up", 0, false, func(o Observation) string { return strings.Join(o.Clashes, "; ") }},
		{"renamed", 0, false, renamed},
		{"link-without-lease", 2 * time.Second, false, linkWithoutLease},
		{"link-without-chains", 200 * time.Millisecond, false, linkWithoutChains},
		{"base-gone", 0, false, func(o Observation) string { return missing(o.Gate.Missing) }},
		{"interlock-unreadable", 3 * time.Second, false, func(o Observation) string { return o.Unreadable }},
		{"two-leases", 0, false, twoLeases},
		{"lease-too-long", 0, false, leaseTooLong},
		{"sets-altered", 0, false, setsAltered},
		{"wrong-door-frame", 0, false, wrongDoorFrame},
		{"stray-frame", 0, false, strayFrame},
		{"netd-opens-both", 0, false, opensBoth},
		{"radio-beside-inner", 2 * time.Second, false, radioBesideInner},
		{"radio-outside-window", 2 * time.Second, false, radioOutsideWindow},
		{"lease-outside-window", 3 * time.Second, false, leaseOutsideWindow},
		{"netd-silent", 0, true, silent},
	}
}

// Contradiction is a rule that is broken.
type Contradiction struct {
	Rule     string
	Why      string
	Forgive  bool
	Patience time.Duration
}

// judge says which rules an observation breaks. It is pure.
func judge(o Observation) (broken []Contradiction) {
	for _, r := range rules() {
		if why := r.find(o); why != "" {
			broken = append(broken, Contradiction{r.name, why, r.forgive, r.patience})
		}
	}
	return broken
}

// up are the links that are up.
func (o Observation) up() (links []Link) {
	for _, l := range o.Links {
		if l.Up {
			links = append(links, l)
		}
	}
	return links
}

func (o Observation) name(index int) string {
	if name, known := o.Names[index]; known {
		return name
	}
	return fmt.Sprintf("interface %d", index)
}

// renamed: the interlock goes by names, so that a rename moves the lease to another device.
func renamed(o Observation) string {
	if len(o.Renames) > 0 {
		return strings.Join(o.Renames, "; ")
	}
	for _, l := range o.up() {
		if index, ok := o.Leased[l.Name]; ok && index != l.Index {
			return fmt.Sprintf("the lease of %s was given to interface %d, and %d has the name now", l.Name, index, l.Index)
		}
	}
	return ""
}

// linkWithoutLease: netd opens the interlock before it raises a link and takes the link down right after it has shut it.
func linkWithoutLease(o Observation) string {
	if o.Unreadable != "" {
		return "" // it has an alarm of its own
	}
	holders := o.Gate.Holders()
	for _, l := range o.up() {
		if !slices.Contains(holders, l.Name) {
			return fmt.Sprintf("%s is up, and the interlock passes %s", l.Name, orNobody(holders))
		}
	}
	return ""
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, " and ")
}

// linkWithoutChains: a device's own chains are hung while it is down.
func linkWithoutChains(o Observation) string {
	if o.Unreadable != "" {
		return ""
	}
	for _, l := range o.up() {
		flaw, hung := o.Gate.Chains[l.Name]
		switch {
		case !hung:
			return l.Name + " is up and has no chains"
		case flaw != "":
			return l.Name + " is up, and of its chains " + flaw
		}
	}
	return ""
}

func missing(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "of the interlock is missing: " + strings.Join(parts, ", ")
}

// twoLeases: the kernel refuses a second element, as long as the sets are those that were loaded.
func twoLeases(o Observation) string {
	for _, s := range o.Gate.Sets {
		if len(s.Elements) > 1 {
			return fmt.Sprintf("set %s lets %d interfaces pass", s.Name, len(s.Elements))
		}
	}
	if holders := o.Gate.Holders(); len(holders) > 1 {
		return "the interlock passes " + strings.Join(holders, " and ")
	}
	return ""
}

// leaseTooLong: the kernel bounds how many may pass, not for how long.
func leaseTooLong(o Observation) string {
	for _, s := range o.Gate.Sets {
		for _, e := range s.Elements {
			if e.Life <= 0 || e.Life > s.Limit || e.Left > s.Limit {
				return fmt.Sprintf("set %s lets %s pass for %v, and %v is the most", s.Name, e.Name, e.Life, s.Limit)
			}
		}
	}
	return ""
}

// setsAltered: the bounds are properties of the sets.
func setsAltered(o Observation) string {
	for _, s := range o.Gate.Sets {
		if s.Size != 1 || !s.Timed || s.Timeout <= 0 || s.Timeout > s.Limit {
			return fmt.Sprintf("set %s has room for %d and forgets after %v (timed: %v)", s.Name, s.Size, s.Timeout, s.Timed)
		}
	}
	return ""
}

// held says whether an interface held the lease when a frame passed, or so little before that the frame was on its way.
func (o Observation) held(name string, f Frame) bool {
	last, ever := o.Lately[name]
	return ever && last >= f.At-tailTime
}

// holder is another interface that held the lease when a frame passed; empty: none did.
func (o Observation) holder(f Frame, but string) string {
	for _, l := range o.Links {
		if l.Name != but && o.held(l.Name, f) {
			return l.Name
		}
	}
	return ""
}

// wrongDoorFrame: in either direction, since a link that is down receives nothing.
func wrongDoorFrame(o Observation) string {
	for _, f := range o.Frames {
		name := o.name(f.Index)
		if holder := o.holder(f, name); holder != "" && !o.held(name, f) {
			return fmt.Sprintf("a frame (%s) passed on %s while %s held the lease", f.Text, name, holder)
		}
	}
	return ""
}

// strayFrame: what comes in on a link that is still up after its lease is dropped by the interlock, and counts as
// link-without-lease if that lasts.
func strayFrame(o Observation) string {
	for _, f := range o.Frames {
		name := o.name(f.Index)
		if f.Outgoing && !o.held(name, f) && o.holder(f, name) == "" {
			return fmt.Sprintf("a frame (%s) left on %s outside every window", f.Text, name)
		}
	}
	return ""
}

// fresh says whether what netd told is of now.
func (o Observation) fresh() bool {
	return o.Stand != nil && o.At-o.Heard <= 3*beatEvery
}

func opening(door string) bool { return door == "raising" || door == "open" }

func opensBoth(o Observation) string {
	if o.fresh() && opening(o.Stand.Outer) && opening(o.Stand.Inner) {
		return fmt.Sprintf("netd says that the outer door is %s and the inner one %s", o.Stand.Outer, o.Stand.Inner)
	}
	return ""
}

func radioBesideInner(o Observation) string {
	if o.fresh() && o.Stand.Radio == "on" && opening(o.Stand.Inner) {
		return "the module's radio is on while the inner door is " + o.Stand.Inner
	}
	return ""
}

func radioOutsideWindow(o Observation) string {
	if o.fresh() && o.Stand.Radio == "on" && o.atRest() {
		return "the module's radio is on, and netd says that both doors are shut"
	}
	return ""
}

// atRest says whether netd has read both doors back as shut.
func (o Observation) atRest() bool { return o.Stand.Machine == "shut" || o.Stand.Machine == "fault" }

func leaseOutsideWindow(o Observation) string {
	if names := o.Gate.Holders(); o.fresh() && o.atRest() && len(names) > 0 {
		return fmt.Sprintf("the interlock passes %s, and netd says that both doors are shut", orNobody(names))
	}
	return ""
}

// silent: a netd that is dead or hangs cannot shut its door. It lowers both when it comes back, so that no fault is
// latched for it.
func silent(o Observation) string {
	if !o.Absent && o.Stand != nil && o.At-o.Heard <= silenceTime {
		return ""
	}
	if !o.Absent && o.Stand == nil && o.At <= silenceTime {
		return "" // just started
	}
	holders, up := o.Gate.Holders(), o.up()
	if len(holders) == 0 && len(up) == 0 {
		return ""
	}
	return fmt.Sprintf("netd gives no answer, %d links are up, and the interlock passes %s", len(up), orNobody(holders))
}
