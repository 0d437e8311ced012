package system

import (
	"context"
	"fmt"
	"time"

	"airlock/netd/recorder"
	"airlock/publisher"
	"airlock/tests/lab/evidence"
	"airlock/tests/modemsim"
)

// Timeline lays together what the node recorded, what the module did and what the publisher was told, by the host's clock.
func (s *System) Timeline(ctx context.Context) (evidence.Timeline, error) {
	if _, _, err := s.Node.Status(ctx); err != nil { // one more comparison of the clocks, near the last window
		return evidence.Timeline{}, err
	}
	entries, err := s.Node.Record(ctx)
	if err != nil {
		return evidence.Timeline{}, err
	}
	t := evidence.Timeline{
		Clock:   s.Node.clock.Evidence(),
		Windows: windowsOf(entries, s.Node.clock.Host),
		Modem:   modemStates(s.Module.States()),
	}
	t.Deployments, err = s.deployments(ctx)
	return t, err
}

// windowsOf collects the windows of a record. One that has no end yet is left without, and the verdict refuses it.
func windowsOf(entries []recorder.Entry, host func(time.Time) time.Time) []evidence.Window {
	var all []evidence.Window
	at := map[uint64]int{}
	for _, e := range entries {
		i, known := at[e.Window]
		switch e.Event {
		case recorder.WindowAsked:
			at[e.Window] = len(all)
			all = append(all, evidence.Window{Door: e.Door, Purpose: e.Purpose, Asker: e.Asker, Asked: host(e.At)})
		case recorder.WindowOpened:
			if known {
				all[i].Opened = host(e.At)
			}
		case recorder.WindowClosed, recorder.WindowFailed:
			if known {
				all[i].Closed = host(e.At)
				all[i].BytesIn, all[i].BytesOut = count(e.In), count(e.Out)
			}
		}
	}
	return all
}

func count(n *uint64) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

func modemStates(changes []modemsim.StateChange) []evidence.ModemState {
	var all []evidence.ModemState
	for _, c := range changes {
		all = append(all, evidence.ModemState{At: c.At, State: c.What})
	}
	return all
}

// deployments are the reports that the publisher has received, oldest first.
func (s *System) deployments(ctx context.Context) ([]evidence.Deployment, error) {
	var reports []publisher.ReportRecord
	if err := s.Publisher.Do(ctx, &reports, "report", "list", "--node", NodeName); err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	versions, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	var all []evidence.Deployment
	for i := len(reports) - 1; i >= 0; i-- {
		r := reports[i].Report
		for _, t := range r.Targets {
			reason := t.Reason
			if reason == "" {
				reason = r.Reason
			}
			all = append(all, evidence.Deployment{
				Release: r.Release, Version: versions[r.Release], Target: t.Target, Outcome: string(t.Outcome), Reason: reason,
				Started: s.Node.clock.Host(r.Started), Ended: s.Node.clock.Host(r.Ended), Before: t.Before, After: t.After,
			})
		}
	}
	return all, nil
}

func (s *System) versions(ctx context.Context) (map[string]string, error) {
	var releases []publisher.ReleaseInfo
	if err := s.Publisher.Do(ctx, &releases, "release", "list"); err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	versions := map[string]string{}
	for _, r := range releases {
		versions[r.ID] = r.Version
	}
	return versions, nil
}
