package modemsim

import (
	"context"
	"io"
	"time"
)

// write sends what is queued, in the manner that the faults say.
func (s *Sim) write(ctx context.Context, p *port) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-p.out:
			if s.deliver(ctx, p, text) != nil {
				return
			}
		}
	}
}

func (s *Sim) deliver(ctx context.Context, p *port, text string) error {
	s.mu.Lock()
	split, merge, delay := s.faults.Split, s.faults.Merge, s.faults.Delay
	s.mu.Unlock()
	if !wait(ctx, delay) {
		return ctx.Err()
	}
	if merge && wait(ctx, 5*time.Millisecond) {
		for more := true; more; {
			select {
			case next := <-p.out:
				text += next
			default:
				more = false
			}
		}
	}
	size := len(text)
	if split {
		size = 1
	}
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(p.rw, text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}
