package modem

// recall reads what earlier sessions left. A memory that cannot be read is an empty one: it must not keep a window shut.
func (m *Modem) recall() Remembered {
	if m.cfg.Memory == nil {
		return Remembered{}
	}
	known, err := m.cfg.Memory.Load()
	if err != nil {
		m.log.Warn("the modem's memory cannot be read", "error", err)
		return Remembered{}
	}
	return known
}

// remember changes what later sessions find.
func (m *Modem) remember(change func(*Remembered)) {
	if m.cfg.Memory == nil {
		return
	}
	known, err := m.cfg.Memory.Load()
	if err == nil {
		change(&known)
		err = m.cfg.Memory.Save(known)
	}
	if err != nil {
		m.log.Warn("the modem's memory cannot be kept", "error", err)
	}
}

// wrote counts commands that write the module's flash.
func (m *Modem) wrote(n int) {
	m.note(func(s *Status) { s.FlashWrites += uint64(n) })
	m.remember(func(r *Remembered) {
		r.FlashWrites += uint64(n)
		m.note(func(s *Status) { s.FlashWrites = r.FlashWrites })
	})
}
