package netd

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock tells the time of day, which may jump, and the time since boot, which never does. The
// record carries both.
type Clock interface {
	Now() time.Time
	Boot() time.Duration
}

// SystemClock is the machine's own.
type SystemClock struct{}

var _ Clock = SystemClock{}

// Now is the wall clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Boot is CLOCK_BOOTTIME: it counts while the machine sleeps, and nobody can set it.
func (SystemClock) Boot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0 // no Linux since 2.6.39 lacks it
	}
	return time.Duration(ts.Nano())
}
