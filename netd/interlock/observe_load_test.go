package interlock

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestObserveWhileLoading: the guard looked while netd loaded its rules, saw chains that let everything pass, which the
// kernel shows in the middle of a commit, and latched a fault on a node that had done nothing but start. The moment is long on a slow machine and hardly met on a fast one.
func TestObserveWhileLoading(t *testing.T) {
	load(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var loading sync.WaitGroup
	loads := 0
	loading.Go(func() {
		for ; ctx.Err() == nil; loads++ {
			if _, err := Load(); err != nil {
				t.Error(err)
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	})
	looks, unread := 0, 0
	for ; ctx.Err() == nil; looks++ {
		s, err := Observe()
		if err != nil { // the rules changed each time that it looked, which it says
			unread++
			continue
		}
		if s.flawed() {
			t.Fatalf("look %d, after %d loads: %+v", looks, loads, s)
		}
	}
	loading.Wait()
	t.Logf("%d loads, %d looks, %d of them without a reading", loads, looks, unread)
	if looks == unread {
		t.Error("nothing was ever read")
	}
}
