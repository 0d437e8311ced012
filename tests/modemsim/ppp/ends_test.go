package ppp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"airlock/tests/modemsim/ppp"
)

// TestAnew: a dialler that starts anew in an open link gets a new link.
func TestAnew(t *testing.T) {
	l := dial(t, grant())
	if got := l.IPv4(); got != grant().Remote {
		t.Fatalf("address = %v", got)
	}
	if got := l.IPv4(); got != grant().Remote {
		t.Errorf("address the second time = %v", got)
	}
	l.peer.Hangup()
	f := l.Await(lcp, 5)
	l.Send(lcp, 6, f.ID, nil)
	if err := l.end(t); err != nil {
		t.Errorf("Run after Hangup = %v", err)
	}
}

// TestSilence: requests are repeated, in the end the peer gives up; a cancelled one ends at once.
func TestSilence(t *testing.T) {
	cfg := grant()
	cfg.Restart = 5 * time.Millisecond
	l := dial(t, cfg)
	for range 10 {
		l.Await(lcp, 1)
	}
	l.Await(lcp, 5)
	if err := l.end(t); !errors.Is(err, ppp.ErrNoAnswer) {
		t.Errorf("Run = %v, want ErrNoAnswer", err)
	}
	l = dial(t, grant())
	l.Await(lcp, 1)
	l.cancel()
	if err := l.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want Canceled", err)
	}
}
