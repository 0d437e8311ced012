package netd

import (
	"cmp"
	"context"
	"fmt"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// attendant is the module as one that takes questions, if it does.
func (k *Keeper) attendant() (Attendant, error) {
	if a, ok := k.cfg.Modem.(Attendant); ok {
		return a, nil
	}
	return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "this node's modem driver takes no questions: windows for service need one that does"}
}

// Ask puts a technician's question to the module, one at a time. It implements windows.Doors. The question is in
// the record, on the disk, before the module hears of it.
func (k *Keeper) Ask(ctx context.Context, id uint64, r windows.ModuleRequest) (windows.ModuleAnswer, error) {
	w := k.openWindow()
	if w == nil || w.id != id || !w.plan.service {
		return windows.ModuleAnswer{}, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "no window for service with this number is open: ask for one, and ask the module while it is"}
	}
	a, err := k.attendant()
	if err == nil {
		err = k.judge(w, r)
	}
	if err != nil {
		return windows.ModuleAnswer{}, err
	}
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	default:
		return windows.ModuleAnswer{}, &windows.Problem{Code: windows.CodeBusy, Detail: "the module is asked something already: wait for its answer, or end the window"}
	}
	asker := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	unhook := context.AfterFunc(w.life, stop)
	defer unhook()
	if w.life.Err() != nil { // its end began while we came here
		return windows.ModuleAnswer{}, errWindowOver
	}
	return k.recorded(w, r, func() (windows.ModuleAnswer, error) {
		answer, err := a.Attend(ctx, r, k.sayer(w, windows.Open))
		switch { // what the module says to being broken off helps nobody
		case err != nil && w.life.Err() != nil:
			err = errWindowOver
		case err != nil && asker.Err() != nil:
			err = errGivenUp
		}
		return answer, err
	})
}

// Answers to questions that were broken off.
var (
	errWindowOver = &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the window ended before the module had answered"}
	errGivenUp    = &windows.Problem{Code: windows.CodeNotAllowed, Detail: "its asker broke the question off"}
)

// judge refuses a question that may not be put, and records what would have gone around the guard of the SIM.
func (k *Keeper) judge(w *window, r windows.ModuleRequest) error {
	err := checkQuestion(r)
	if err == nil || windows.AsProblem(err, "", "").Code != windows.CodeNotAllowed {
		return err
	}
	e := w.entry(recorder.Refused)
	e.Text = questionWords(r)
	if failed := k.note(e); failed != nil {
		return failed
	}
	return err
}

// recorded puts the question into the record, asks, and puts into it what came of it.
func (k *Keeper) recorded(w *window, r windows.ModuleRequest, ask func() (windows.ModuleAnswer, error)) (windows.ModuleAnswer, error) {
	e := w.entry(recorder.ModuleAsked)
	e.Text = questionWords(r)
	err := k.note(e)
	if err == nil {
		err = k.record.Sync()
	}
	if err != nil {
		return windows.ModuleAnswer{}, windows.AsProblem(err, windows.CodeDiskFull, "what is not recorded is not asked")
	}
	a, err := ask()
	e.Event = recorder.ModuleEnded
	if err == nil {
		e.Text = string(r.Do) + ": " + outcomeWords(r, a)
		return a, k.note(e)
	}
	p := *windows.AsProblem(err, windows.CodeInternal, "")
	p.Detail = withoutSecrets(p.Detail, r)
	e.Code, e.Text = p.Code, string(r.Do)+": "+p.Detail
	_ = k.note(e) // the question's own failure is what its asker must hear of
	return windows.ModuleAnswer{}, &p
}

// outcomeWords is an answer in a few words, for the record.
func outcomeWords(r windows.ModuleRequest, a windows.ModuleAnswer) string {
	switch {
	case r.Do == windows.RawCommand && len(a.Lines) > 0:
		return withoutSecrets(a.Lines[len(a.Lines)-1], r)
	case r.Do == windows.ScanAir:
		return fmt.Sprintf("%d operators", len(a.Operators))
	}
	s := a.Status
	text := fmt.Sprintf("SIM %s, radio %s", cmp.Or(s.SIM, "unknown"), cmp.Or(s.Radio, "unknown"))
	if s.Registered {
		text += ", registered with " + cmp.Or(s.Operator, "a network")
	}
	return text
}

// hush ends the questions of a window: the one under way, which the end of the window's life has broken off, is
// awaited however long it takes, as a cancelled raise is, since two who command the module at once would prove
// nothing; the watchdog learns of one that hangs. From then on none is taken. w may be nil.
func (w *window) hush() {
	if w != nil {
		w.hushed.Do(func() { w.turn <- struct{}{} })
	}
}
