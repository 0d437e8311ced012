package modem

import "context"

// narrow asks a module of several profiles which of them it is now: a u-blox module is a router or a bridge as it was
// last told (+UBMCONF), and says so to nobody who does not ask.
func (m *Modem) narrow(ctx context.Context) error {
	s := m.Status()
	for _, p := range Profiles() {
		if p.Only == nil || !p.fits(s.Manufacturer, s.Model) {
			continue
		}
		lines, err := m.command(ctx, quick, fill(p.Only.Command, m.cfg.CID))
		if fatal(err) {
			return err
		}
		if so, err := p.Only.Read(lines, m.cfg.CID); err == nil && so {
			m.profile = p
			m.note(func(s *Status) { s.Profile = p.Name })
			return nil
		}
	}
	return nil
}
