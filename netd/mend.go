package netd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/tunnel"
	"airlock/netd/windows"
)

// reachHub raises the outer link and calls the hub. The hub's answer is the first packet from beyond the module, so its
// silence may be the module's: one that leases an address and carries nothing is mended, and the link raised anew behind
// the interlock. All of that is one raising action: it ends with ctx, and the doors' machine sees nothing of it.
func (k *Keeper) reachHub(ctx context.Context, w *window, say func(string)) error {
	for mended := 0; ; mended++ {
		if err := k.raiseLink(ctx, w, timeLeft(ctx, outerRaiseTime), addressing(), say); err != nil {
			return err
		}
		hub, err := k.callHub(ctx, w, say)
		switch {
		case err == nil:
			e := w.entry(recorder.TunnelUp)
			e.Address = hub
			return k.note(e)
		case ctx.Err() != nil || !mute(err) || w.heard(k.cfg.Outer):
			return silentHub(w.request.Purpose, hub, err)
		case mended == mostMends(w.request.Purpose) || timeLeft(ctx, outerRaiseTime) < mendTime:
			return nothingComes(w.request.Purpose, hub, err)
		}
		if err := k.mend(ctx, w, hub, say); err != nil {
			return err
		}
	}
}

// callHub resolves the hub's name and raises the tunnel. hub is the address as far as it is known.
func (k *Keeper) callHub(ctx context.Context, w *window, say func(string)) (hub string, err error) {
	address, err := k.findHub(ctx, w)
	if err != nil {
		return w.plan.hub, err
	}
	_, err = netip.ParseAddrPort(w.plan.hub)
	w.answered = err != nil // a name server is beyond the module, or asks one that is
	say(fmt.Sprintf("Calling the hub at %s", address))
	peer := w.plan.peer
	peer.Hub = address
	shake, stop := context.WithTimeout(ctx, handshakeTime)
	defer stop()
	return address.String(), k.cfg.Tunnel.Up(shake, peer)
}

// mend shuts the interlock and takes the link down, has the module mended, and leaves the raising to the caller.
func (k *Keeper) mend(ctx context.Context, w *window, hub string, say func(string)) error {
	say("The hub does not answer, and nothing else comes in: the module may carry no traffic")
	if err := k.shutLink(ctx, windows.Outer, w); err != nil {
		return windows.AsProblem(err, windows.CodeInternal, "take the link down before the module is mended")
	}
	limit, stop := context.WithTimeout(ctx, timeLeft(ctx, outerRaiseTime)-callTime)
	defer stop()
	err := k.cfg.Modem.Mend(limit, say)
	if rerr := k.noteRecovery(w); rerr != nil {
		return rerr
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	p := *windows.AsProblem(err, windows.CodeNoNetwork, "mend the module's data")
	p.Detail += hubInstead(hub)
	return &p
}

// mute tells whether an error is what a module that carries nothing looks like: no answer, as opposed to a refusal.
func mute(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTimeout && !dns.IsNotFound
	}
	return errors.Is(err, tunnel.ErrNoHandshake) && !errors.Is(err, tunnel.ErrRefused)
}

// heard tells whether something came in from beyond the module since the link got its address. Where nothing counts
// bytes, only an answered name is proof.
func (w *window) heard(link Link) bool {
	if w.answered {
		return true
	}
	m, ok := link.(Meter)
	if !ok || !w.metered {
		return false
	}
	in, _, err := m.Counters()
	return err == nil && in > w.leased+smallTalk
}

// mostMends bounds the mends of one raise. A token that was mistyped or revoked looks like a module that carries
// nothing, and somebody waits for the answer.
func mostMends(p windows.Purpose) int {
	if p == windows.Enrol {
		return 1
	}
	return 2
}

// nothingComes is the diagnosis when mending did not help, as far as it can be told from here.
func nothingComes(p windows.Purpose, hub string, err error) error {
	if p == windows.Enrol && errors.Is(err, tunnel.ErrNoHandshake) {
		return &windows.Problem{Code: windows.CodeBadToken, Cause: err, Detail: fmt.Sprintf(
			"the hub at %s does not answer this token: it was revoked or has expired, or UDP to the hub is blocked. Ask the publisher's operator for a new token. "+
				"Nothing else came in either: if a new one does not help, the SIM's contract may allow no data.", hub)}
	}
	return &windows.Problem{Code: windows.CodeNoNetwork, Cause: err, Detail: "the module has an address and carries no traffic: nothing came in " +
		"since the lease, and a new data connection did not help. Check the SIM's contract and data volume." + hubInstead(hub)}
}

// hubInstead names the other one that may be to blame.
func hubInstead(hub string) string {
	return fmt.Sprintf(" If other nodes do not reach the hub at %s either, it is the hub: ask the publisher's operator.", hub)
}

// timeLeft is how long ctx lasts; or, if it has no end.
func timeLeft(ctx context.Context, or time.Duration) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return or
	}
	return max(time.Until(end), 0)
}

// noteRecovery writes down the rungs that the module's driver has taken since it was last asked. It is called by the
// action under way.
func (k *Keeper) noteRecovery(w *window) error {
	for _, s := range k.cfg.Modem.Status().Recovery {
		if !s.At.After(k.recovered) {
			continue
		}
		k.recovered = s.At
		e := entryOf(w, recorder.ModuleRecovery, windows.Outer)
		if e.Text = fmt.Sprintf("%s, because: %s", s.Rung, s.Why); s.Err != "" {
			e.Text += fmt.Sprintf("; it failed: %s", s.Err)
		}
		if err := k.note(e); err != nil {
			return err
		}
	}
	return nil
}
