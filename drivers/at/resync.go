package at

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sync is the barrier before a command when the port may be out of step: at the start, after a timeout,
// after an error. The caller holds turn.
//
// A module works its commands off in order. So once the answer to a probe has come back, no answer to an
// earlier command can follow. The probe must be told from every answer that may still be
// outstanding: it asks for +CMEE several times in one line, more often than every probe that is outstanding, and
// only the reply with just these rows counts; so neither an earlier probe's reply nor the rest of one can pass
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
	simple := a.simple || a.refused || attempt%3 == 2
	if a.refused || a.simple { // perhaps joined commands are: there are few single ones, so each gets all the time
		wait = 8 * a.opt.Probe
	}
	want := a.probeRows(simple)
	a.unanswered++
	x := newExchange(strings.Join(want, "?;")+"?", nil)
	var got []string
	done, refused := make(chan error, 1), false
	late := time.NewTimer(wait)
	defer late.Stop()
	x.deliver = func(line string) {
		if id, _, ok := splitPrefix(line); ok { // else a bare row of a late reply
			got = append(got, id)
			late.Reset(max(wait, 2*a.opt.Probe)) // the rest is on its way
		}
	}
	x.proves = func(r result) bool {
		rows := got
		got = nil
		switch {
		case r.err != nil: // of an earlier command, or joined commands are refused
			refused = true
		case slices.Equal(rows, want):
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
		a.judgeJoined(simple)
		return true, nil
	case errors.Is(err, errProbe):
		return false, ctx.Err()
	}
	return false, err
}

// judgeJoined learns whether the module takes joined commands. An error alone proves nothing, since errors come late and
// unasked: three barriers in a row that only single queries passed do.
func (a *AT) judgeJoined(simple bool) {
	if !simple || !a.refused {
		a.refusals = 0
		return
	}
	a.refusals++
	a.simple = a.simple || a.refusals >= 3
}

// errProbe marks the end of one probe's time; another may follow.
var errProbe = errors.New("no answer to a probe")

// probeRows are the queries of the next probe, which come back as the names of its rows. Of the probes that are outstanding each
// is longer than the one before; after a dozen the queries are others, so that three dozen, of two minutes with the usual
// waits, are told apart. Two barriers in a row begin with other lengths, lest one that was passed by a module which answers out
// of order passes the next as well.
func (a *AT) probeRows(simple bool) []string {
	alone := [...]string{"+CMEE", "+CFUN", "+CGATT", "+CREG"}
	if simple {
		for _, id := range alone {
			if !a.isOwed(id) {
				return []string{id}
			}
		}
		if a.simple || a.unanswered >= 36 { // joined ones are no way out
			return alone[a.unanswered%len(alone):][:1]
		}
	}
	kinds := [...][2]string{{"+CMEE", "+CMEE"}, {"+CFUN", "+CFUN"}, {"+CMEE", "+CFUN"}}
	kind := kinds[a.unanswered/12%len(kinds)]
	rows := make([]string, 2+a.passed%2+a.unanswered%12)
	for i := range rows {
		rows[i] = kind[i%2]
	}
	return rows
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
