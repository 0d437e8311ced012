package reply

import (
	"strings"
)

// Event is +CGEV (§10.1.19): what happened to a context.
type Event struct {
	Type    string  `json:"type"` // NW_DETACH, ME_ACT_PRIMARY, NW_DEACT_SECONDARY, NW_DEACT_PDP …
	PDPType *string `json:"pdp_type"`
	Address *string `json:"pdp_addr"`
	CID     int     `json:"cid"`        // 0: not told
	Parent  int     `json:"parent_cid"` // of a secondary context
	Kind    int     `json:"event_type"`
	Reason  *int    `json:"reason,omitempty"`
}

// Ended reports whether a context, or all of them, went away.
func (e Event) Ended() bool {
	return strings.Contains(e.Type, "DEACT") || strings.HasSuffix(e.Type, "DETACH")
}

func readEvent(r Reply) (any, error) {
	for _, line := range r.Lines {
		rest, ok := after(line, "+CGEV")
		if !ok {
			rest = line
		}
		if e, ok := eventOf(rest); ok {
			return e, nil
		}
	}
	return nil, unreadable("+CGEV", r.Lines)
}

// eventOf reads what stands behind the prefix: words, then fields.
func eventOf(rest string) (Event, bool) {
	words, verb := strings.Fields(strings.ToUpper(rest)), ""
	if len(words) == 0 {
		return Event{}, false
	}
	who, at := words[0], 1
	switch who {
	case "REJECT":
		return pdpEvent("REJECT", rest[strings.Index(strings.ToUpper(rest), "REJECT")+6:])
	case "NW", "ME", "EPS":
	default:
		return Event{}, false
	}
	primary := len(words) > at && words[at] == "PDN"
	if primary || who == "EPS" && len(words) > at {
		primary, at = true, 2
	}
	if len(words) <= at {
		return Event{}, false
	}
	verb = words[at]
	kind := who + "_" + verb
	tail := strings.Join(strings.Fields(rest)[at+1:], " ")
	switch {
	case verb == "DETACH" && !primary && tail == "", verb == "CLASS" && !primary && tail != "":
		return Event{Type: kind}, true
	case primary && (verb == "ACT" || verb == "DEACT"):
		return primaryEvent(kind+"_PRIMARY", fields(tail))
	case verb == "MODIFY":
		return primaryEvent(kind, fields(tail))
	case verb == "REACT" && !primary:
		return pdpEvent(kind, tail)
	case verb == "ACT", verb == "DEACT":
		return secondaryEvent(kind, tail)
	}
	return Event{}, false
}

// primaryEvent: <cid>[,<reason>[,<cid_other>]]
func primaryEvent(kind string, f []field) (Event, bool) {
	cid, ok := within(f, 0, 0, 255)
	e := Event{Type: kind, CID: cid}
	if reason, ok := num(f, 1); ok {
		e.Reason = &reason
	}
	return e, ok
}

// secondaryEvent: <p_cid>,<cid>,<event_type>; in the older form a type and an address stand there.
func secondaryEvent(kind, tail string) (Event, bool) {
	f := fields(tail)
	parent, ok := within(f, 0, 0, 255)
	if !ok {
		return pdpEvent(kind+"_PDP", tail)
	}
	cid, ok := within(f, 1, 0, 255)
	e := Event{Type: kind + "_SECONDARY", Parent: parent, CID: cid}
	e.Kind, _ = num(f, 2)
	return e, ok
}

// pdpEvent: <PDP_type>,<PDP_addr>[,<cid>]
func pdpEvent(kind, tail string) (Event, bool) {
	f := fields(tail)
	if len(f) < 2 || f[0].text == "" {
		return Event{}, false
	}
	if _, ok := pdpType(f[0].text); !ok && !strings.EqualFold(f[0].text, "PPP") {
		return Event{}, false
	}
	e := Event{Type: kind, PDPType: some(f[0].text), Address: some(f[1].text)}
	e.CID, _ = within(f, 2, 0, 255)
	return e, true
}
