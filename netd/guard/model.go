package guard

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"airlock/netd/interlock"
	"airlock/netd/windows"
)

// linkNews is what the kernel tells of links, in its order.
type linkNews struct {
	events []linkEvent
	whole  bool // the events end a listing of all links
}

// linkEvent is one link, or its end.
type linkEvent struct {
	index  int
	name   string
	up     bool
	gone   bool
	listed bool // part of a listing
}

// model is the links as the kernel has told them. Nothing else is merged into it, since an older event
// might follow a newer listing; the listings come on the same socket as the events.
type model struct {
	links            map[int]Link
	names            map[int]string // the last name of every link, also of those that are gone; numbers are never given twice
	whole            bool           // all links have been listed once
	clashes, renames []string
}

func newModel() model { return model{links: map[int]Link{}, names: map[int]string{}} }

// take applies news.
func (m *model) take(n linkNews) {
	listed := map[int]bool{}
	for _, e := range n.events {
		m.apply(e)
		listed[e.index] = true
	}
	if n.whole {
		m.whole = true
		maps.DeleteFunc(m.links, func(index int, _ Link) bool { return !listed[index] })
	}
}

// apply applies one event, and notes what must not be, however soon it is over.
func (m *model) apply(e linkEvent) {
	before := m.links[e.index]
	if e.gone {
		delete(m.links, e.index)
		return
	}
	now := Link{Index: e.index, Name: e.name, Up: e.up}
	if e.up {
		now.Raised = e.name
		if before.Up {
			now.Raised = before.Raised
		}
	}
	m.links[e.index], m.names[e.index] = now, e.name
	if now.Up && now.Raised != now.Name && before.Name != now.Name {
		m.renames = append(m.renames, fmt.Sprintf("interface %d is called %s since it was raised as %s", e.index, now.Name, now.Raised))
	}
	if now.Up && !before.Up {
		for _, other := range m.list() {
			if other.Up && other.Index != e.index {
				m.clashes = append(m.clashes, fmt.Sprintf("%s and %s were up at once", other.Name, now.Name))
			}
		}
	}
}

// list is the links by index.
func (m *model) list() (links []Link) {
	for _, index := range slices.Sorted(maps.Keys(m.links)) {
		links = append(links, m.links[index])
	}
	return links
}

// forget clears what was noted, once it has been judged.
func (m *model) forget() { m.clashes, m.renames = nil, nil }

// memory is what an observation needs of the past.
type memory struct {
	lately  map[string]time.Duration // when an interface was last seen to hold the lease
	leased  map[string]int           // which device had the name when the lease was first seen
	stand   windows.Stand
	heardAt time.Duration // 0: never
	absent  bool
}

func newMemory() memory {
	return memory{lately: map[string]time.Duration{}, leased: map[string]int{}}
}

// opened notes that the kernel told of an opening.
func (m *memory) opened(names []string, now time.Duration) {
	for _, name := range names {
		m.lately[name] = now
	}
}

// see notes who holds the lease now.
func (m *memory) see(links []Link, gate interlock.State, now time.Duration) {
	holders := gate.Holders()
	maps.DeleteFunc(m.leased, func(name string, _ int) bool { return !slices.Contains(holders, name) })
	for _, name := range holders {
		m.lately[name] = now
		for _, l := range links {
			if _, known := m.leased[name]; !known && l.Name == name {
				m.leased[name] = l.Index
			}
		}
	}
}

// fill puts what is remembered into an observation.
func (m *memory) fill(o *Observation) {
	o.Leased, o.Lately, o.Absent = maps.Clone(m.leased), maps.Clone(m.lately), m.absent
	if m.heardAt > 0 {
		stand := m.stand
		o.Stand, o.Heard = &stand, m.heardAt
	}
}

// docket keeps, by rule, since when it has been broken at every look.
type docket map[string]entry

type entry struct {
	since, patience time.Duration
}

// hold takes what is broken at a look, and returns what has been so for long enough. What ripened begins anew.
func (d docket) hold(broken []Contradiction, at time.Duration) (ripe []Contradiction) {
	now := map[string]bool{}
	for _, c := range broken {
		now[c.Rule] = true
		e, known := d[c.Rule]
		if !known {
			e = entry{at, c.Patience}
			d[c.Rule] = e
		}
		if at-e.since >= c.Patience {
			ripe = append(ripe, c)
			delete(d, c.Rule)
		}
	}
	maps.DeleteFunc(d, func(rule string, _ entry) bool { return !now[rule] })
	return ripe
}

// next is when the first of what is held ripens.
func (d docket) next() (at time.Duration, any bool) {
	for _, e := range d {
		if ripe := e.since + e.patience; !any || ripe < at {
			at, any = ripe, true
		}
	}
	return at, any
}
