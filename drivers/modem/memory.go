package modem

import "fmt"

// volatile is the Memory of a session that has none: what it keeps lives as long as the session.
type volatile struct{ kept Remembered }

func (v *volatile) Load() (Remembered, error) { return v.kept, nil }
func (v *volatile) Save(r Remembered) error   { v.kept = r; return nil }

// recall takes over what earlier sessions counted. A memory that cannot be read counts from zero and is left as it is:
// whoever must rely on it (the PIN guard) meets the error anew.
func (m *Modem) recall() {
	kept, err := m.cfg.Memory.Load()
	if err != nil {
		m.log.Warn("the modem's memory cannot be read", "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flash = kept.FlashWrites
}

// remember changes the memory, on the disk when it returns nil.
func (m *Modem) remember(change func(*Remembered)) error {
	m.memory.Lock()
	defer m.memory.Unlock()
	kept, err := m.cfg.Memory.Load()
	if err != nil {
		return fmt.Errorf("read what is remembered of the modem: %w", err)
	}
	change(&kept)
	if err := m.cfg.Memory.Save(kept); err != nil {
		return fmt.Errorf("remember the modem's state: %w", err)
	}
	return nil
}

// wrote counts n commands that write the module's flash: +CGDCONT and its kin, +COPS=, resets, +CFUN=0, modes that are
// stored. Flash bears some ten thousand writes, and a module at a site is to last for years; +CFUN=4 and 1 are not
// counted, which no manual names as stored. The count is for people, so a memory that fails ends nothing.
func (m *Modem) wrote(n int) {
	err := m.remember(func(r *Remembered) { r.FlashWrites += uint64(n) })
	if err != nil {
		m.log.Warn("a write of the modem's flash is not remembered", "error", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flash += uint64(n)
}
