package fetch

import (
	"sync"
	"time"
)

// rate calls slow when fewer bytes than the minimum arrive within a period.
type rate struct {
	min    int64 // bytes a period
	period time.Duration
	slow   func()

	mu    sync.Mutex
	n     int64       // bytes in this period; guarded by mu
	all   int64       // bytes in all; guarded by mu
	timer *time.Timer // nil once stopped; guarded by mu
}

// watchRate starts the watch; stop ends it.
func watchRate(l Limits, slow func()) *rate {
	r := &rate{min: max(1, int64(float64(l.MinRate)*l.Period.Seconds())), period: l.Period, slow: slow}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(l.Period, r.tick)
	return r
}

// add counts bytes that arrived.
func (r *rate) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n += int64(n)
	r.all += int64(n)
}

// total is how many bytes arrived in all.
func (r *rate) total() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// tick judges one period.
func (r *rate) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		return
	}
	if r.n < r.min {
		r.slow()
		return
	}
	r.n = 0
	r.timer.Reset(r.period)
}

// stop ends the watch.
func (r *rate) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}
