package netdtest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"airlock/netd"
	"airlock/netd/passage"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// modem is a module that does as it is told, and starts with its radio on.
type modem struct{ w *World }

var (
	_ netd.Modem     = modem{}
	_ netd.Attendant = modem{}
)

// mute is a module whose driver takes no questions: the embedded interface has none.
type mute struct{ netd.Modem }

// Up switches the radio on and the data context too.
func (m modem) Up(ctx context.Context, say func(string)) error {
	say("Looking for the modem")
	return m.w.step(ctx, "modem up", func() error {
		if m.w.noModule {
			return &windows.Problem{Code: windows.CodeNoModem, Detail: "no modem was found: plug it in"}
		}
		m.w.radio, m.w.mends, m.w.recovery = true, 0, nil
		say("Registered with the network")
		return nil
	})
}

// Down switches the radio off.
func (m modem) Down(ctx context.Context) error {
	return m.w.step(ctx, "modem down", func() error {
		m.w.radio = false
		return nil
	})
}

// Mend needs a radio that is on. From the second time on it restarts the module: its interface comes back new.
func (m modem) Mend(ctx context.Context, say func(string)) error {
	say("Starting data anew")
	return m.w.step(ctx, "modem mend", func() error {
		if !m.w.radio {
			return &windows.Problem{Code: windows.CodeNoModem, Detail: "the modem has to be brought up before its data can be mended"}
		}
		rung := "rebind"
		if m.w.mends++; m.w.mends > 1 {
			rung = "vendor-reset"
			m.w.links[OuterName] = &device{}
		}
		at := m.w.now().Add(time.Duration(m.w.mends)) // time may stand still between two
		m.w.recovery = append(m.w.recovery, windows.RecoveryStep{At: at, Rung: rung, Why: "no traffic"})
		m.w.Lame--
		return nil
	})
}

// Attend answers a question, with the radio on where it has to be.
func (m modem) Attend(ctx context.Context, r windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error) {
	say("Asking the module")
	m.w.ask(true)
	defer m.w.ask(false)
	err := m.w.step(ctx, "attend", func() error {
		if m.w.noModule {
			return &windows.Problem{Code: windows.CodeNoModem, Detail: "no modem was found: plug it in"}
		}
		m.w.radio = m.w.radio || r.Do == windows.Measure || r.Do == windows.ScanAir || r.Do == windows.Select
		return nil
	})
	if err != nil {
		return windows.ModuleAnswer{}, err
	}
	if m.w.Attend != nil {
		return m.w.Attend(ctx, r, say)
	}
	return windows.ModuleAnswer{Status: m.Status()}, nil
}

// ask notes that a question begins or has ended.
func (w *World) ask(begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if begins && w.asked {
		w.breaches = append(w.breaches, "two questions to the module at once")
	}
	w.asked = begins
}

// Status is as last read back.
func (m modem) Status() windows.ModemStatus {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	s := windows.ModemStatus{Present: !m.w.noModule, Model: "netdtest", SIM: "ready", Radio: "off", Recovery: m.w.recovery}
	if m.w.radio {
		s.Radio = "on"
	}
	return s
}

// link is one of the two interfaces.
type link struct {
	w    *World
	name string
}

var (
	_ netd.Link       = link{}
	_ netd.Meter      = link{}
	_ netd.FrameMeter = link{}
)

// Find names the interface.
func (l link) Find() (string, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	name := "find " + l.name
	if f := l.w.faults[name]; len(f) > 0 {
		l.w.faults[name] = f[1:]
		if f[0] != nil {
			return "", f[0]
		}
	}
	if l.w.links[l.name] == nil {
		code := windows.CodeNoLink
		if l.name == OuterName {
			code = windows.CodeNoModem
		}
		return "", &windows.Problem{Code: code, Detail: "there is no interface " + l.name}
	}
	return l.name, nil
}

// Up raises the interface; it refuses one that the interlock does not pass.
func (l link) Up(ctx context.Context, say func(string)) (n netd.Network, err error) {
	say("Raising " + l.name)
	err = l.w.step(ctx, l.name+" up", func() error {
		d := l.w.links[l.name]
		switch {
		case d == nil:
			return refuse("%s is gone", l.name)
		case !d.guarded:
			return refuse("%s has no chains", l.name)
		case l.w.passes() != l.name:
			return refuse("%s is raised, and the interlock passes %q", l.name, l.w.passes())
		case l.name == OuterName && !l.w.lets.Lease:
			return refuse("%s asks for an address, and the interlock lets none pass: %+v", l.name, l.w.lets)
		case l.name == InnerName && len(l.w.lets.Connections) == 0:
			return refuse("%s is raised, and the interlock lets no connection pass: %+v", l.name, l.w.lets)
		case l.name == OuterName && !l.w.radio:
			return &windows.Problem{Code: windows.CodeNoNetwork, Detail: "no address came: the data context is not active"}
		}
		d.up = true
		l.w.in, l.w.out = l.w.in+100, l.w.out+100 // its lease
		return nil
	})
	if l.name == OuterName {
		return netd.Network{Address: netip.MustParsePrefix("198.51.100.7/24"), Gateway: netip.MustParseAddr("198.51.100.1")}, err
	}
	if l.w.LAN.IsValid() {
		return netd.Network{Address: l.w.LAN}, err
	}
	return netd.Network{Address: netip.MustParsePrefix("127.0.0.2/8")}, err
}

// Down takes it down.
func (l link) Down(ctx context.Context) error {
	return l.w.step(ctx, l.name+" down", func() error {
		if d := l.w.links[l.name]; d != nil {
			d.up = false
		}
		return nil
	})
}

// Counters implements netd.Meter.
func (l link) Counters() (in, out uint64, err error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.links[l.name] == nil {
		return 0, 0, refuse("%s is gone", l.name)
	}
	return l.w.in, l.w.out, nil
}

// FrameCounters implements netd.FrameMeter: as many frames as Counters has counted.
func (l link) FrameCounters() (in, out uint64, err error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.links[l.name] == nil {
		return 0, 0, refuse("%s is gone", l.name)
	}
	return l.w.in / 100, l.w.out / 100, nil
}

// gate is the interlock.
type gate struct{ w *World }

var _ netd.Interlock = gate{}

// Attach hangs the chains on a link that is down.
func (g gate) Attach(name string) error {
	return g.w.step(context.Background(), "attach "+name, func() error {
		d := g.w.links[name]
		switch {
		case d == nil:
			return refuse("%s is gone", name)
		case d.up:
			return refuse("%s is up", name)
		}
		d.guarded = true
		return nil
	})
}

// Open lets one interface pass what p names; without a budget it only exchanges that.
func (g gate) Open(name string, budget time.Duration, p passage.Passage) error {
	return g.w.step(context.Background(), "open "+name, func() error {
		d := g.w.links[name]
		switch {
		case d == nil || !d.guarded:
			return refuse("%s has no chains", name)
		case budget < 0 || budget > 30*time.Minute:
			return refuse("a budget of %v", budget)
		case budget == 0 && g.w.passes() != name:
			return refuse("the lease of %s has lapsed", name)
		}
		for other, d := range g.w.links {
			if other != name && d.up {
				return refuse("%s is up", other)
			}
		}
		g.w.pass, g.w.passTill, g.w.lets = name, g.w.now().Add(leaseTime), p
		return nil
	})
}

// Renew prolongs the lease, if it has not lapsed.
func (g gate) Renew(name string) error {
	return g.w.step(context.Background(), "renew "+name, func() error {
		if g.w.passes() != name {
			return refuse("the lease of %s has lapsed", name)
		}
		g.w.passTill = g.w.now().Add(leaseTime)
		return nil
	})
}

// Shut lets nothing pass.
func (g gate) Shut() error {
	return g.w.step(context.Background(), "shut", func() error {
		g.w.passTill = time.Time{}
		return nil
	})
}

// tube is the tunnel; what is dialled through it goes to World.Publisher.
type tube struct{ w *World }

var _ netd.Tunnel = tube{}

// Up waits for the hub's answer.
func (t tube) Up(ctx context.Context, p netd.Peer) error {
	return t.w.step(ctx, "tunnel up", func() error {
		d := t.w.links[OuterName]
		switch {
		case d == nil || !d.up || t.w.passes() != OuterName:
			return refuse("there is no way to the hub")
		case !slices.Contains(t.w.lets.Datagrams, p.Hub):
			return refuse("the interlock lets no datagram to %s pass: %+v", p.Hub, t.w.lets)
		case p.PrivateKey == [32]byte{} || p.HubKey == [32]byte{} || !p.Hub.IsValid() || !p.Address.IsValid():
			return refuse("an incomplete peer: hub %s, address %s", p.Hub, p.Address)
		case t.w.UnknownHub, t.w.Lame > 0:
			if t.w.Chatter {
				t.w.in += 1000
			}
			return tunnel.ErrNoHandshake
		}
		t.w.tunnel = true
		return nil
	})
}

// Dial connects to World.Publisher, wherever the asker thinks it goes.
func (t tube) Dial(ctx context.Context, address string) (net.Conn, error) {
	err := t.w.step(ctx, "dial", func() error {
		switch {
		case !t.w.tunnel:
			return refuse("dial %s: the tunnel is down", address)
		case t.w.Publisher == "":
			return refuse("dial %s: this World has no publisher", address)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return dial(ctx, t.w.Publisher)
}

// Down stops it.
func (t tube) Down() error {
	return t.w.step(context.Background(), "tunnel down", func() error {
		t.w.tunnel = false
		return nil
	})
}
