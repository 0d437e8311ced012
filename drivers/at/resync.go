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
// outstanding: it asks for +CMEE several times in one line, more often than every probe that is outstanding, and
// only the reply with that number of rows counts; so neither an earlier probe's reply nor the rest of one can pass
// for it. Modules that refuse joined commands get single queries, never one that is outstanding itself.
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
			a.passed++
			a.unanswered, a.refused = 0, false
		}
		wait = min(2*wait, 8*a.opt.Probe)
	}
	return nil
}

// probe sends one probe; false when its answer did not come in time.
func (a *AT) probe(ctx context.Context, attempt int, wait time.Duration) (bool, error) {
	simple := a.simple || attempt%3 == 2
	cmd, prefix, rows := a.probeCommand(simple)
	a.unanswered++
	x := newExchange(cmd, nil)
	done, refused := make(chan error, 1), false
	late := time.NewTimer(wait)
	defer late.Stop()
	x.deliver = func(line string) {
		if !strings.HasPrefix(strings.ToUpper(line), prefix) {
			x.lines-- // a bare row of a late reply
			return
		}
		late.Reset(max(wait, 2*a.opt.Probe)) // the rest is on its way
	}
	x.proves = func(r result, lines int) bool {
		switch {
		case r.err != nil: // of an earlier command, or joined commands are refused
			refused = true
		case lines == rows:
			return true
		default: // somebody answers, only slower than we ask: more probes would but queue up behind each other
			late.Reset(8 * a.opt.Probe)
		}
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
	a.refused = a.refused || refused
	switch {
	case err == nil:
		a.simple = a.simple || simple && a.refused
		return true, nil
	case errors.Is(err, errProbe):
		return false, ctx.Err()
	}
	return false, err
}

// errProbe marks the end of one probe's time; another may follow.
var errProbe = errors.New("no answer to a probe")

// probeCommand returns the next probe, the prefix of its rows and their number. Two barriers in a row begin with other
// numbers, lest one that was passed by a module which answers out of order passes the next as well.
func (a *AT) probeCommand(simple bool) (cmd, prefix string, rows int) {
	if simple {
		for _, id := range [...]string{"+CMEE", "+CFUN", "+CGATT", "+CREG"} {
			if !a.isOwed(id) {
				return id + "?", id + ":", 1
			}
		}
	}
	n := 2 + a.passed%2 + a.unanswered%mostUnanswered
	return strings.TrimSuffix(strings.Repeat("+CMEE?;", n), ";"), "+CMEE:", n
}

// mostUnanswered is how many probes in a row are told apart: those of 40 s with the usual waits.
const mostUnanswered = 12

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
