package guard

import (
	"slices"
	"testing"
	"time"

	"airlock/netd/interlock"
	"airlock/netd/windows"
)

const (
	wan, lan = 2, 3 // indexes of wan0 and lan0
	when     = time.Minute
)

// gate is an interlock that is whole; holder, if any, is let pass.
func gate(holder string) interlock.State {
	s := interlock.State{Chains: map[string]string{"wan0": "", "lan0": ""}}
	for _, set := range []struct {
		name  string
		limit time.Duration
	}{{"door lease", interlock.Lease}, {"door budget", interlock.MaxBudget}, {"doorip open", interlock.Lease}, {"doorarp open", interlock.Lease}} {
		state := interlock.SetState{Name: set.name, Limit: set.limit, Size: 1, Timed: true, Timeout: set.limit}
		if holder != "" {
			state.Elements = []interlock.Element{{Name: holder, Life: set.limit, Left: set.limit / 2}}
		}
		s.Sets = append(s.Sets, state)
	}
	return s
}

// rest is a node with both doors shut.
func rest() Observation {
	return Observation{
		At: when, Heard: when - 300*time.Millisecond,
		Links:  []Link{{Index: wan, Name: "wan0"}, {Index: lan, Name: "lan0"}},
		Names:  map[int]string{wan: "wan0", lan: "lan0", 4: "usb4"},
		Gate:   gate(""),
		Stand:  &windows.Stand{Machine: "shut", Outer: "shut", Inner: "shut", Radio: "off"},
		Leased: map[string]int{}, Lately: map[string]time.Duration{},
	}
}

// outerOpen is a node whose outer door is open.
func outerOpen() Observation {
	o := rest()
	o.Links[0].Up, o.Links[0].Raised = true, "wan0"
	o.Gate = gate("wan0")
	o.Stand = &windows.Stand{Machine: "outer-open", Outer: "open", Inner: "shut", Radio: "on"}
	o.Leased["wan0"], o.Lately["wan0"] = wan, when
	return o
}

// innerOpen is a node whose inner door is open.
func innerOpen() Observation {
	o := rest()
	o.Links[1].Up, o.Links[1].Raised = true, "lan0"
	o.Gate = gate("lan0")
	o.Stand = &windows.Stand{Machine: "inner-open", Outer: "shut", Inner: "open", Radio: "off"}
	o.Leased["lan0"], o.Lately["lan0"] = lan, when
	return o
}

// TestEachRuleFiresAlone: for every rule there is a sight that breaks it and no other.
func TestEachRuleFiresAlone(t *testing.T) {
	cases := map[string]struct {
		from func() Observation
		make func(*Observation)
	}{
		"both-links-up":      {outerOpen, func(o *Observation) { o.Clashes = []string{"wan0 and lan0 were up at once"} }},
		"renamed":            {outerOpen, func(o *Observation) { o.Leased["wan0"] = 7 }},
		"link-without-lease": {rest, func(o *Observation) { o.Links[1].Up = true }},
		"link-without-chains": {outerOpen, func(o *Observation) {
			o.Gate.Chains = map[string]string{"lan0": "", "wan0": "in_wan0 hangs on no device of that name ([])"}
		}},
		"base-gone":            {rest, func(o *Observation) { o.Gate.Missing = []string{"chain doorip in"} }},
		"interlock-unreadable": {rest, func(o *Observation) { o.Gate, o.Unreadable = interlock.State{}, "no answer" }},
		"two-leases": {outerOpen, func(o *Observation) {
			o.Gate.Sets[0].Elements = append(o.Gate.Sets[0].Elements, interlock.Element{Name: "lan0", Life: time.Second})
		}},
		"lease-too-long": {outerOpen, func(o *Observation) { o.Gate.Sets[2].Elements[0].Life = 365 * 24 * time.Hour }},
		"sets-altered":   {rest, func(o *Observation) { o.Gate.Sets[0].Size = 0 }},
		"wrong-door-frame": {innerOpen, func(o *Observation) {
			o.Frames = []Frame{{Index: wan, At: when - settleTime}}
		}},
		"stray-frame":        {rest, func(o *Observation) { o.Frames = []Frame{{Index: wan, Outgoing: true, At: when - settleTime}} }},
		"netd-opens-both":    {outerOpen, func(o *Observation) { o.Stand.Inner, o.Stand.Radio = "raising", "off" }},
		"radio-beside-inner": {innerOpen, func(o *Observation) { o.Stand.Radio = "on" }},
		"radio-outside-window": {rest, func(o *Observation) {
			o.Stand.Radio = "on"
		}},
		"lease-outside-window": {outerOpen, func(o *Observation) { o.Stand = rest().Stand }},
		"netd-silent":          {outerOpen, func(o *Observation) { o.Heard = when - silenceTime - 1 }},
	}
	for _, r := range rules() {
		c, ok := cases[r.name]
		if !ok {
			t.Errorf("rule %s has no sight that breaks it", r.name)
			continue
		}
		o := c.from()
		c.make(&o)
		broken := judge(o)
		if len(broken) != 1 || broken[0].Rule != r.name {
			t.Errorf("sight for %s: judge = %+v", r.name, broken)
		}
	}
	if len(cases) != len(rules()) {
		t.Errorf("%d sights for %d rules", len(cases), len(rules()))
	}
}

// TestWhatIsAsItShouldBeBreaksNothing: also at the edges that look odd and are not.
func TestWhatIsAsItShouldBeBreaksNothing(t *testing.T) {
	for name, make := range map[string]func() Observation{
		"at rest": rest, "outer open": outerOpen, "inner open": innerOpen,
		"no netd yet, all shut": func() Observation {
			o := rest()
			o.Stand, o.Absent = nil, true
			return o
		},
		"a window for service, without a lease": func() Observation {
			o := rest()
			o.Stand = &windows.Stand{Machine: "outer-open", Outer: "open", Inner: "shut", Radio: "on"}
			return o
		},
		"frames of the door that is open": func() Observation {
			o := outerOpen()
			o.Frames = []Frame{{Index: wan, Outgoing: true, At: when - settleTime}, {Index: wan, At: when - settleTime}}
			return o
		},
		"a frame that was on its way when the door was shut": func() Observation {
			o := rest()
			o.Lately["wan0"] = when - settleTime - tailTime
			o.Frames = []Frame{{Index: wan, Outgoing: true, At: when - settleTime}}
			return o
		},
		"a frame of a module that was unplugged right after its window": func() Observation {
			o := innerOpen()
			o.Lately["usb4"] = when - settleTime
			o.Frames = []Frame{{Index: 4, Outgoing: true, At: when - settleTime}}
			return o
		},
		"a frame that came in while the link was going down": func() Observation {
			o := rest()
			o.Frames = []Frame{{Index: wan, At: when - settleTime}}
			return o
		},
		"both are being lowered at the start, and the radio is still on": func() Observation {
			o := rest()
			o.Stand = &windows.Stand{Machine: "lowering", Outer: "lowering", Inner: "lowering", Radio: "on"}
			return o
		},
		"what netd told is too old to be held against it": func() Observation {
			o := rest()
			o.Stand.Radio, o.Heard = "on", when-2*time.Second
			return o
		},
	} {
		if broken := judge(make()); len(broken) > 0 {
			t.Errorf("%s: judge = %+v", name, broken)
		}
	}
}

// TestSilenceIsForgiven: a dead netd shuts the doors and latches nothing; everything else latches.
func TestSilenceIsForgiven(t *testing.T) {
	for _, r := range rules() {
		if r.forgive != (r.name == "netd-silent") {
			t.Errorf("rule %s: forgive %v", r.name, r.forgive)
		}
	}
}

// TestModelNotesWhatIsOverAtOnce: two links up for an instant, a rename while up; and what is neither.
func TestModelNotesWhatIsOverAtOnce(t *testing.T) {
	up := func(index int, name string) linkEvent { return linkEvent{index: index, name: name, up: true} }
	down := func(index int, name string) linkEvent { return linkEvent{index: index, name: name} }
	gone := func(index int) linkEvent { return linkEvent{index: index, gone: true} }
	for _, c := range []struct {
		what             string
		events           []linkEvent
		clashes, renames int
	}{
		{"one after the other", []linkEvent{up(wan, "wan0"), down(wan, "wan0"), up(lan, "lan0"), up(lan, "lan0"), down(lan, "lan0")}, 0, 0},
		{"both for an instant", []linkEvent{up(wan, "wan0"), up(lan, "lan0"), down(lan, "lan0"), down(wan, "wan0")}, 1, 0},
		{"a third one", []linkEvent{up(wan, "wan0"), up(9, "usb7"), gone(9)}, 1, 0},
		{"unplugged, and another raised", []linkEvent{up(wan, "wan0"), gone(wan), up(lan, "lan0")}, 0, 0},
		{"renamed while down", []linkEvent{down(wan, "eth0"), down(wan, "wan0"), up(wan, "wan0")}, 0, 0},
		{"renamed while up", []linkEvent{up(wan, "wan0"), up(wan, "lan0"), up(wan, "lan0")}, 0, 1},
	} {
		m := newModel()
		m.take(linkNews{events: c.events})
		if len(m.clashes) != c.clashes || len(m.renames) != c.renames {
			t.Errorf("%s: clashes %q, renames %q, want %d and %d", c.what, m.clashes, m.renames, c.clashes, c.renames)
		}
	}
	m := newModel()
	m.take(linkNews{events: []linkEvent{down(wan, "wan0"), down(lan, "lan0")}, whole: true})
	m.take(linkNews{events: []linkEvent{down(lan, "lan0")}, whole: true})
	if links := m.list(); len(links) != 1 || links[0].Name != "lan0" || !m.whole {
		t.Errorf("after a listing without it, wan0 is still there: %+v", links)
	}
}

// TestDocket: what must last ripens only when it was seen at every look, and then begins anew.
func TestDocket(t *testing.T) {
	d := docket{}
	slow := []Contradiction{{Rule: "slow", Patience: 2 * time.Second}}
	ripe := func(broken []Contradiction, at time.Duration) (names []string) {
		for _, c := range d.hold(broken, at) {
			names = append(names, c.Rule)
		}
		return names
	}
	for _, c := range []struct {
		at     time.Duration
		broken []Contradiction
		want   []string
	}{
		{1 * time.Second, slow, nil},
		{2 * time.Second, nil, nil}, // gone: begins anew
		{3 * time.Second, slow, nil},
		{4 * time.Second, append(slow, Contradiction{Rule: "at once"}), []string{"at once"}},
		{5 * time.Second, slow, []string{"slow"}},
		{6 * time.Second, slow, nil},
		{7 * time.Second, slow, nil},
		{8 * time.Second, slow, []string{"slow"}},
	} {
		if got := ripe(c.broken, c.at); !slices.Equal(got, c.want) {
			t.Errorf("at %v: ripe %v, want %v", c.at, got, c.want)
		}
	}
	d.hold(slow, 10*time.Second)
	if at, any := d.next(); !any || at != 12*time.Second {
		t.Errorf("next() = %v, %v, want 12s", at, any)
	}
}

// TestMemory: who was let pass, and which device it was then.
func TestMemory(t *testing.T) {
	m := newMemory()
	m.opened([]string{"lan0"}, 5*time.Second) // and was shut before anybody looked
	links := rest().Links
	m.see(links, gate("wan0"), 7*time.Second)
	links[0].Index = 99 // it was plugged out and in
	m.see(links, gate("wan0"), 8*time.Second)
	var o Observation
	m.fill(&o)
	if o.Lately["lan0"] != 5*time.Second || o.Lately["wan0"] != 8*time.Second || o.Leased["wan0"] != wan || o.Stand != nil {
		t.Errorf("remembered: %+v", o)
	}
	m.see(links, gate(""), 9*time.Second)
	m.see(links, gate("wan0"), 10*time.Second)
	if m.leased["wan0"] != 99 {
		t.Errorf("a new lease is remembered for device %d, want 99", m.leased["wan0"])
	}
}

func TestFrameText(t *testing.T) {
	arp := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6}, make([]byte, 46)...)
	if got, want := frameText(arp), "ARP, 02:00:00:00:00:01 to ff:ff:ff:ff:ff:ff"; got != want {
		t.Errorf("frameText = %q, want %q", got, want)
	}
	if got, want := frameText([]byte{1, 2, 3}), "3 bytes"; got != want {
		t.Errorf("frameText = %q, want %q", got, want)
	}
}
