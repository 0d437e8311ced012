package gpio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/warthog618/go-gpiocdev"
)

// Line is an output. *gpiocdev.Line is one.
type Line interface {
	SetValue(level int) error
	Close() error
}

// Requester takes a line for this process and drives it at the level, from the first moment on.
type Requester func(chip string, offset, level int) (Line, error)

var _ Line = (*gpiocdev.Line)(nil)

// Kernel is the Requester for real hardware. A chip is a name or a path: gpiochip0, /dev/gpiochip0.
func Kernel(chip string, offset, level int) (Line, error) {
	return gpiocdev.RequestLine(chip, offset, gpiocdev.AsOutput(level), gpiocdev.WithConsumer("airlock"))
}

// Place is where a line is.
type Place struct {
	Chip   string
	Offset int
}

// ParsePlace reads chip:line, such as gpiochip0:17.
func ParsePlace(s string) (Place, error) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return Place{}, fmt.Errorf("%q is not of the form chip:line, such as gpiochip0:17", s)
	}
	offset, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || strings.ContainsAny(s[:i], " \t:") {
		return Place{}, fmt.Errorf("%q is not of the form chip:line, such as gpiochip0:17", s)
	}
	return Place{s[:i], int(offset)}, nil
}

// String is the form that ParsePlace reads.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Chip, p.Offset) }

// Power is a module's supply, or a reset line: off is reset asserted then. The zero OffFor means 5 s.
type Power struct {
	Place  Place
	On     int // the level at which the module has its power: 1 or 0
	OffFor time.Duration
	Take   Requester // nil: Kernel

	mu   sync.Mutex
	line Line // guarded by mu; nil until the power was first cut
}

// String names the lever, as drivers/modem's ladder knows it.
func (p *Power) String() string { return "power" }

// Pull cuts the power for OffFor. When ctx ends meanwhile the power comes back at once.
func (p *Power) Pull(ctx context.Context) error {
	if err := p.PowerOff(ctx); err != nil {
		return err
	}
	t := time.NewTimer(p.offFor())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return errors.Join(p.PowerOn(context.WithoutCancel(ctx)), ctx.Err())
}

// PowerOff cuts the power until PowerOn or Pull: the last means to silence a radio.
func (p *Power) PowerOff(context.Context) error { return p.drive(1 - p.On) }

// PowerOn gives the power back.
func (p *Power) PowerOn(context.Context) error { return p.drive(p.On) }

func (p *Power) offFor() time.Duration {
	if p.OffFor <= 0 {
		return 5 * time.Second
	}
	return p.OffFor
}

func (p *Power) drive(level int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		if err := p.line.SetValue(level); err != nil {
			return fmt.Errorf("drive GPIO line %s to %d: %w", p.Place, level, err)
		}
		return nil
	}
	take := p.Take
	if take == nil {
		take = Kernel
	}
	line, err := take(p.Place.Chip, p.Place.Offset, level)
	if err != nil {
		return fmt.Errorf("take GPIO line %s: %w", p.Place, err)
	}
	p.line = line
	return nil
}

// Close lets the line go, as it is driven. What the controller does with a line that nobody holds is the board's matter.
func (p *Power) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return nil
	}
	line := p.line
	p.line = nil
	return line.Close()
}
