// Package journal tells systemd's journal what the record says, with structured fields, so that an operator finds
// the doors' events beside everything else on the node:
//
//	journalctl -o verbose AIRLOCK_EVENT=window-closed
//	journalctl AIRLOCK_WINDOW=42
//
// It decides nothing, and never delays or fails who records: the record is what counts, the journal a copy. Off systemd it
// does nothing. firmware/cmd/netd wires it to the keeper.
package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	sd "github.com/coreos/go-systemd/v22/journal"

	"airlock/netd/recorder"
)

// waiting is how many lines may wait for a journal that is slow; what comes then is counted and told.
const waiting = 256

// Journal hands lines on. Its methods may be called by several goroutines.
type Journal struct {
	send  func(message string, p sd.Priority, fields map[string]string) error // nil: off systemd
	log   *slog.Logger
	lines chan recorder.Entry
	lost  atomic.Uint64
}

// New makes a journal; it is a no-op where systemd's does not listen.
func New(log *slog.Logger) *Journal {
	j := &Journal{log: log, lines: make(chan recorder.Entry, waiting)}
	if sd.Enabled() {
		j.send = sd.Send
	}
	return j
}

// Tell takes a line of the record. It never waits.
func (j *Journal) Tell(e recorder.Entry) {
	if j.send == nil {
		return
	}
	select {
	case j.lines <- e:
	default:
		j.lost.Add(1)
	}
}

// Run hands lines on until ctx ends, and then those that wait.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case e := <-j.lines:
			j.hand(e)
		case <-ctx.Done():
			for len(j.lines) > 0 {
				j.hand(<-j.lines)
			}
			return nil
		}
	}
}

func (j *Journal) hand(e recorder.Entry) {
	f := fields(e)
	if lost := j.lost.Swap(0); lost > 0 {
		f["AIRLOCK_LOST"] = strconv.FormatUint(lost, 10)
	}
	if err := j.send(message(e), priority(e), f); err != nil {
		j.log.Warn("the journal did not take a line; the record has it", "seq", e.Seq, "event", e.Event, "error", err)
	}
}

// message is what `journalctl` shows without options.
func message(e recorder.Entry) string {
	words := []string{string(e.Event)}
	if e.Window > 0 {
		words = append(words, fmt.Sprintf("window %d", e.Window))
	}
	for _, word := range []string{string(e.Door), string(e.Purpose), e.Address, e.Code, e.Text} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// priority says how urgent a line is for a person.
func priority(e recorder.Entry) sd.Priority {
	switch e.Event {
	case recorder.FaultLatched, recorder.Broken:
		return sd.PriCrit
	case recorder.Gap, recorder.StepFailed:
		return sd.PriErr
	case recorder.Repaired, recorder.Refused, recorder.WindowFailed:
		return sd.PriWarning
	case recorder.Dropped:
		if e.Code != "" {
			return sd.PriWarning
		}
	case recorder.Dialled, recorder.Checkpoint, recorder.Acknowledged:
		return sd.PriDebug
	}
	return sd.PriNotice
}

// fields are the members of a line that somebody may search for. docs/record.md lists them.
func fields(e recorder.Entry) map[string]string {
	f := map[string]string{"SYSLOG_IDENTIFIER": "netd"}
	text := func(name, value string) {
		if value != "" {
			f[name] = value
		}
	}
	number := func(name string, value *uint64) {
		if value != nil {
			f[name] = strconv.FormatUint(*value, 10)
		}
	}
	number("AIRLOCK_SEQ", &e.Seq)
	text("AIRLOCK_EVENT", string(e.Event))
	if e.Window > 0 {
		number("AIRLOCK_WINDOW", &e.Window)
	}
	text("AIRLOCK_DOOR", string(e.Door))
	text("AIRLOCK_PURPOSE", string(e.Purpose))
	text("AIRLOCK_ASKER", e.Asker)
	text("AIRLOCK_ADDRESS", e.Address)
	text("AIRLOCK_CODE", e.Code)
	number("AIRLOCK_BYTES_IN", e.In)
	number("AIRLOCK_BYTES_OUT", e.Out)
	if a := e.Account; a != nil && a.Capture != nil {
		number("AIRLOCK_FRAMES_IN", &a.Capture.FramesIn)
		number("AIRLOCK_FRAMES_OUT", &a.Capture.FramesOut)
	}
	return f
}
