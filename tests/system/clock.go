package system

import (
	"fmt"
	"slices"
	"time"

	"airlock/tests/lab/evidence"
)

// Clock turns the node's times into times of the host. Each comparison bounds the difference from both sides: the
// node read its clock after it was asked and before the answer came. An emulated machine's clock may run a little
// fast or slow, so the difference is taken from the comparisons around a moment.
type Clock struct {
	samples []sample // in order of time
}

// sample says that at the node's time at, host minus node lay between low and high.
type sample struct {
	at        time.Time
	low, high time.Duration
}

// Compare adds a comparison: asked and answered by the host's clock, node by the node's.
func (c *Clock) Compare(asked, node, answered time.Time) {
	c.samples = append(c.samples, sample{at: node, low: asked.Sub(node), high: answered.Sub(node)})
	slices.SortFunc(c.samples, func(a, b sample) int { return a.at.Compare(b.at) })
}

// near is how far around a moment comparisons count together; a clock drifts less than their width in it.
const near = 30 * time.Second

// at is the difference around a moment of the node, and how wrong it may be either way.
func (c *Clock) at(t time.Time) (offset, uncertainty time.Duration) {
	if len(c.samples) == 0 {
		return 0, time.Hour
	}
	best := slices.MinFunc(c.samples, func(a, b sample) int { return int(a.at.Sub(t).Abs() - b.at.Sub(t).Abs()) })
	low, high := best.low, best.high
	for _, s := range c.samples {
		if s.at.Sub(t).Abs() > near {
			continue
		}
		// Comparisons that contradict each other are kept apart by the drift: the nearest one stands.
		if l, h := max(low, s.low), min(high, s.high); l <= h {
			low, high = l, h
		}
	}
	return (low + high) / 2, (high - low) / 2
}

// Host is the host's time of a moment of the node.
func (c *Clock) Host(t time.Time) time.Time {
	offset, _ := c.at(t)
	return t.Add(offset)
}

// Evidence says for the timeline how far the conversion can be trusted.
func (c *Clock) Evidence() evidence.Clock {
	var e evidence.Clock
	for _, s := range c.samples {
		offset, uncertainty := c.at(s.at)
		e.Offset = offset
		e.Uncertainty = max(e.Uncertainty, uncertainty)
	}
	e.How = fmt.Sprintf("%d comparisons over the serial console: the node reads its clock between question and answer", len(c.samples))
	return e
}
