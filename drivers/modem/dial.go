package modem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/ppp"
)

// Dialer is what a Port may be besides: one that makes calls. *at.AT is one.
type Dialer interface {
	Dial(ctx context.Context, cmd string) (*at.Line, error)
}

// Seconder is what a Port may be besides: one that knows of another AT port of the same module, so that a call leaves the
// first to commands.
type Seconder interface {
	Second(ctx context.Context) (Port, error)
}

var _ Dialer = (*at.AT)(nil)

// call is a data call.
type call struct {
	session *ppp.Session
	port    Port // the call's own port; nil when it is on the port for commands
}

// Call is the data call that carries the packets; nil when there is none. Whoever raises the interface of the outer door
// opens it, and may stop it.
func (m *Modem) Call() *ppp.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.call == nil {
		return nil
	}
	return m.call.session
}

// startCall dials until the link is agreed or the phase's time is up: networks refuse now and then what they grant a
// second later, and modules a call right after another command (Quectel EG800Q).
func (m *Modem) startCall(ctx context.Context, say func(string)) error {
	if m.cfg.PPP == nil {
		return lasting(NoNetwork, nil, "the modem's data would have to be dialled, and this node cannot: set the modem's USB mode to ECM, NCM or RNDIS")
	}
	say("dialling for data")
	for {
		err := m.dial(ctx)
		if err == nil {
			m.note(func(s *Status) { s.Data = true })
			m.setPath(Path{Bearer: ByPPP, IPv4: m.callOptions().IPv4, IPv6: m.callOptions().IPv6})
			say("data is on, by PPP")
			return nil
		}
		if verdict := m.callVerdict(err); verdict != nil {
			return verdict
		}
		if fatal(err) && ctx.Err() == nil {
			return err
		}
		m.log.Info("the call failed", "error", err)
		if werr := m.await(ctx); werr != nil {
			return orElse(err, werr)
		}
	}
}

// callVerdict: what another call does not change.
func (m *Modem) callVerdict(err error) error {
	switch {
	case errors.Is(err, ppp.ErrRefused):
		return lasting(NoNetwork, err, "the network refuses the user name or password of the APN %q: correct them in the configuration", m.apn)
	case errors.Is(err, ppp.ErrUnable):
		return lasting(NoNetwork, err, "the modem's data would have to be dialled, and this node cannot: set the modem's USB mode to ECM, NCM or RNDIS")
	}
	return hopeless(err, m.apn)
}

// dial makes one call, on a second port of the module where there is one.
func (m *Modem) dial(ctx context.Context) error {
	port, own := m.callPort(ctx)
	dialer, ok := port.(Dialer)
	if !ok {
		return errors.New("this port makes no calls")
	}
	limit, cancel := context.WithTimeout(ctx, m.profile.Dial.Within)
	defer cancel()
	line, err := dialer.Dial(limit, fill(m.profile.Dial.Command, m.cfg.CID))
	if err != nil {
		return errors.Join(err, closeOwn(own))
	}
	session, err := ppp.Start(ctx, *m.cfg.PPP, line, m.callOptions())
	if err != nil {
		return errors.Join(err, closeOwn(own))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.call = &call{session, own}
	return nil
}

// callPort picks the port for a call; own is the port when it was opened for the call alone.
func (m *Modem) callPort(ctx context.Context) (port, own Port) {
	seconder, ok := m.port.(Seconder)
	if !ok {
		return m.port, nil
	}
	second, err := seconder.Second(ctx)
	if err != nil {
		m.log.Debug("no second port for the call", "error", err)
		return m.port, nil
	}
	return second, second
}

func closeOwn(own Port) error {
	if own == nil {
		return nil
	}
	return own.Close()
}

// callOptions are what the configuration tells of a call.
func (m *Modem) callOptions() ppp.Options {
	return ppp.Options{
		Name: m.cfg.User, Password: m.cfg.Password, Auth: m.cfg.Auth,
		IPv4: m.cfg.Type != "IPV6", IPv6: m.cfg.Type != "IP",
	}
}

// hangUp ends the call, if there is one, and takes its port back.
func (m *Modem) hangUp(ctx context.Context) error {
	m.mu.Lock()
	c := m.call
	m.call = nil
	m.mu.Unlock()
	if c == nil {
		return nil
	}
	m.setPath(Path{})
	err := errors.Join(c.session.HangUp(ctx), closeOwn(c.port))
	if err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	return nil
}

// onPort tells whether a call has the port for commands.
func (m *Modem) onPort() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.call != nil && m.call.port == nil
}

// letGo bounds how long a call may take to end when its port is dropped anyway.
const letGo = 5 * time.Second

// dropCall ends a call whose port is gone or about to be.
func (m *Modem) dropCall() {
	ctx, cancel := context.WithTimeout(context.Background(), letGo)
	defer cancel()
	if err := m.hangUp(ctx); err != nil {
		m.log.Info("the call ended badly", "error", err)
	}
}

// bearer is the way of the packets that is tried first; ByEither means the interface, and PPP after it.
func (m *Modem) bearer() Bearer {
	switch {
	case m.cfg.Bearer != ByEither:
		return m.cfg.Bearer
	case m.cfg.PPP == nil:
		return ByInterface
	case m.cfg.Interface != nil && !m.cfg.Interface():
		return ByPPP
	}
	return ByEither
}
