package modem

import (
	"context"
	"strings"

	"airlock/drivers/modem/reply"
)

// readSignal asks the profile's queries in their order until one tells a level, and goes on for the levels that it left
// out, for as long as the same technology is told of. +CSQ is asked besides: it is the one number that every module has.
func (m *Modem) readSignal(ctx context.Context) error {
	var best *Signal
	for _, query := range m.profile.Signal {
		if query == "+CSQ" || best != nil && best.whole() {
			continue
		}
		read, err := m.ask(ctx, quick, query)
		if fatal(err) {
			return err
		}
		if s := signalOf(query, read); s != nil {
			best = best.with(s)
		}
	}
	strength, err := m.ask(ctx, quick, "+CSQ")
	if fatal(err) {
		return err
	}
	weak := signalOf("+CSQ", strength)
	if best == nil {
		best = weak
	}
	m.note(func(s *Status) {
		s.Signal, s.SignalDBm = best, nil
		if weak != nil {
			dBm := int(*weak.RSSI)
			s.SignalDBm = &dBm
		}
	})
	return nil
}

// signalOf takes the levels from what a query told; nil when there are none.
func signalOf(query string, read any) *Signal {
	s := &Signal{Query: query}
	switch r := read.(type) {
	case reply.Serving:
		s.serving(r)
	case reply.Cells:
		if len(r.Serving) > 0 {
			s.serving(r.Serving[0])
		}
	case reply.Quality:
		s.quality(r)
	case reply.Radio:
		s.Access, s.Levels = access(r.System), r.Levels
	case reply.HuaweiSignal:
		if s.Access = access(r.Access); r.Levels != nil {
			s.Levels = *r.Levels
		}
	case reply.Antennas:
		s.Access, s.RSRP = access(r.RAT), strongest(r.RSRP)
	case reply.Strength:
		s.RSSI = r.RSSIdBm
	}
	if s.Levels == (reply.Levels{}) {
		return nil
	}
	return s
}

// serving takes the cell that carries the registration; beside LTE a 5G cell may be in use, which shows in the name.
func (s *Signal) serving(r reply.Serving) {
	if r.NoService || r.Transitional {
		return
	}
	rat := r.RAT
	if rat == "" {
		rat = r.Mode
	}
	s.Access, s.Levels = access(rat), r.Levels
	switch { // Telit's replies show it by the columns that they have
	case rat == "" && r.EARFCN != nil:
		s.Access = "LTE"
	case rat == "" && r.UARFCN != nil:
		s.Access = "UMTS"
	}
	for _, other := range r.Secondary {
		if access(other.RAT+other.Mode) == "5G" && s.Access == "LTE" {
			s.Access = "LTE + 5G"
		}
	}
}

// quality takes one technology's levels of those that +CESQ tells; with two it is LTE, which carries the registration
// where 5G is beside it.
func (s *Signal) quality(q reply.Quality) {
	for _, t := range []struct {
		name   string
		levels *reply.Levels
	}{{"LTE", q.LTE}, {"5G", q.NR}, {"UMTS", q.UMTS}, {"GSM", q.GSM}} {
		if t.levels != nil && *t.levels != (reply.Levels{}) {
			s.Access, s.Levels = t.name, *t.levels
			return
		}
	}
}

// strongest is the best of a receiver's antennas.
func strongest(all []*float64) (best *float64) {
	for _, v := range all {
		if v != nil && (best == nil || *v > *best) {
			best = v
		}
	}
	return best
}

// access is one word for what vendors call a technology.
func access(rat string) string {
	switch r := strings.ToUpper(rat); {
	case strings.Contains(r, "NR"), strings.HasPrefix(r, "5G"):
		return "5G"
	case strings.HasPrefix(r, "LTE"), strings.HasPrefix(r, "CAT-"), r == "EMTC", r == "NBIOT":
		return "LTE"
	case strings.Contains(r, "CDMA"), r == "UMTS", strings.HasPrefix(r, "HS"):
		return "UMTS"
	case r == "GSM":
		return "GSM"
	}
	return ""
}

// whole: nothing is left that another query might tell.
func (s *Signal) whole() bool {
	return s.RSRP != nil && s.RSRQ != nil && (s.SINR != nil || s.SNR != nil) || s.RSCP != nil && s.EcIo != nil ||
		s.Access == "GSM" && s.RSSI != nil
}

// with adds what another query told of the same technology.
func (s *Signal) with(more *Signal) *Signal {
	switch {
	case s == nil:
		return more
	case more.Access != "" && !strings.HasPrefix(s.Access, more.Access):
		return s
	}
	added := false
	for _, l := range [...]struct {
		into **float64
		from *float64
	}{{&s.RSSI, more.RSSI}, {&s.RSCP, more.RSCP}, {&s.EcIo, more.EcIo}, {&s.RSRP, more.RSRP}, {&s.RSRQ, more.RSRQ},
		{&s.SNR, more.SNR}, {&s.SINR, more.SINR}} {
		if *l.into == nil && l.from != nil {
			*l.into, added = l.from, true
		}
	}
	if added {
		s.Query += ", " + more.Query
	}
	return s
}
