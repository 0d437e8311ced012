package at

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// sync is the barrier before a command when the port may be out of step: at the start, after a timeout,
// after an error. The caller holds turn.
//
// A module works its commands off in order. So once the answer to a probe has come back, no answer to an
// earlier command can follow. The probe must be told from every answer that may still be
// outstanding: it asks for +CMEE several times in one line, each time another number of times, and
// only the reply with that number of rows counts. Modules that refuse joined commands get single
// queries, never one that is outstanding itself.
func (a *AT) sync(ctx context.Context) error {
	wait := a.opt.Probe
	for attempt := 0; !a.synced; attempt++ {
		ok, err := a.probe(ctx, attempt, wait)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w (%d probes): %w", ErrNoAnswer, attempt+1, err)
		case err != nil:
			return err
		case ok:
			a.wire.settle()
			a.synced = true
		}
		wait = min(2*wait, 8*a.opt.Probe)
	}
	return nil
}

// probe sends one probe; false when its answer did not come in time.
func (a *AT) probe(ctx context.Context, attempt int, wait time.Duration) (bool, error) {
	a.probes++
	simple := a.simple || attempt%3 == 2
	cmd, prefix, rows := a.probeCommand(simple)
	x := newExchange(cmd, nil)
	done := make(chan error, 1)
	x.deliver = func(line string) {
		if !strings.HasPrefix(strings.ToUpper(line), prefix) {
			x.lines-- // a bare row of a late reply
		}
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	x.proves = func(r result, lines int) bool {
		if r.err == nil && lines == rows {
			return true
		}
		// Somebody answers, only slower than we ask: more probes would but queue up behind each other.
		late.Reset(8 * a.opt.Probe)
		return false
	}
	x.finish = func(r result) { done <- r.err }
	prelude := ""
	if attempt > 0 {
		// ESC leaves the prompt of a message command; CR ends what stands half typed.
		prelude = "\x1b\r"
	}
	if err := a.wire.start(x, prelude); err != nil {
		return false, err
	}
	var err error
	select {
	case err = <-done:
	case <-late.C:
		a.wire.abort(x, errProbe)
		err = <-done
	case <-ctx.Done():
		a.wire.abort(x, errProbe)
		err = <-done
	}
	switch {
	case err == nil:
		a.simple = a.simple || simple
		return true, nil
	case errors.Is(err, errProbe):
		return false, ctx.Err()
	}
	return false, err
}

// errProbe marks the end of one probe's time; another may follow.
var errProbe = errors.New("no answer to a probe")

// probeCommand returns the next probe, the prefix of its rows and their number.
func (a *AT) probeCommand(simple bool) (cmd, prefix string, rows int) {
	if !simple {
		n := 2 + a.probes%4
		return strings.TrimSuffix(strings.Repeat("+CMEE?;", n), ";"), "+CMEE:", n
	}
	if a.isOwed("+CMEE") && !a.isOwed("+CFUN") {
		return "+CFUN?", "+CFUN:", 1
	}
	return "+CMEE?", "+CMEE:", 1
}

func (a *AT) isOwed(id string) bool {
	a.wire.mu.Lock()
	defer a.wire.mu.Unlock()
	for _, p := range a.wire.owed {
		if p.id == id {
			return true
		}
	}
	return false
}
