package gpio_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warthog618/go-gpiosim"
	"golang.org/x/sys/unix"

	"airlock/drivers/gpio"
	"airlock/drivers/gpio/gpiotest"
	"airlock/drivers/modem"
)

var _ modem.Lever = (*gpio.Power)(nil)

func TestPull(t *testing.T) {
	for _, on := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			var levels []int
			var at []time.Duration
			began := time.Now()
			board := &gpiotest.Board{Chip: "gpiochip0", Lines: 32, OnLevel: func(offset, level int) {
				if offset != 17 {
					t.Errorf("line %d is driven", offset)
				}
				levels, at = append(levels, level), append(at, time.Since(began))
			}}
			p := &gpio.Power{Place: gpio.Place{Chip: "gpiochip0", Offset: 17}, On: on, OffFor: 3 * time.Second, Take: board.Take}
			if _, held := board.Level(17); held {
				t.Error("the line is taken before it is needed")
			}
			for range 2 {
				if err := p.Pull(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if want := []int{1 - on, on, 1 - on, on}; !slices.Equal(levels, want) {
				t.Errorf("levels %v, want %v", levels, want)
			}
			if want := []time.Duration{0, 3 * time.Second, 3 * time.Second, 6 * time.Second}; !slices.Equal(at, want) {
				t.Errorf("at %v, want %v", at, want)
			}
			if _, held := board.Level(17); !held {
				t.Error("the line is given back, and may float")
			}
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Error(err)
			}
			if _, held := board.Level(17); held {
				t.Error("the line is held after Close")
			}
		})
	}
}

// A pull that is cancelled gives the power back: a module must not stay dark because a window ended.
func TestPullCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &gpiotest.Board{Chip: "gpiochip0", Lines: 4}
		p := &gpio.Power{Place: gpio.Place{Chip: "gpiochip0", Offset: 2}, On: 1, Take: board.Take}
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := p.Pull(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Pull = %v after %s", err, time.Since(began))
		}
		if level, _ := board.Level(2); level != 1 {
			t.Errorf("level %d after a cancelled pull, want 1", level)
		}
		if err := p.PowerOff(t.Context()); err != nil {
			t.Error(err)
		}
		if level, _ := board.Level(2); level != 0 {
			t.Errorf("level %d after PowerOff, want 0", level)
		}
	})
}

func TestLineThatCannotBeTaken(t *testing.T) {
	board := &gpiotest.Board{Chip: "gpiochip0", Lines: 4}
	if _, err := board.Take("gpiochip0", 1, 1); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[gpio.Place]error{
		{Chip: "gpiochip9", Offset: 1}: os.ErrNotExist, {Chip: "gpiochip0", Offset: 4}: unix.EINVAL, {Chip: "gpiochip0", Offset: 1}: unix.EBUSY,
	} {
		p := &gpio.Power{Place: place, On: 1, Take: board.Take}
		if err := p.Pull(t.Context()); !errors.Is(err, want) {
			t.Errorf("Pull of %s = %v, want %v", place, err, want)
		}
	}
}

func TestParsePlace(t *testing.T) {
	for text, want := range map[string]gpio.Place{
		"gpiochip0:17": {Chip: "gpiochip0", Offset: 17}, "/dev/gpiochip3:0": {Chip: "/dev/gpiochip3", Offset: 0},
		"": {}, "17": {}, ":17": {}, "gpiochip0:": {}, "gpiochip0:-1": {}, "gpiochip0:x": {}, "a b:1": {}, "a:1:2": {}, "gpiochip0:70000": {},
	} {
		got, err := gpio.ParsePlace(text)
		if got != want || (err == nil) != (want.Chip != "") {
			t.Errorf("ParsePlace(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

// TestKernel drives a line of the kernel's simulated chip.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: gpio-sim needs root")
	}
	if out, err := exec.Command("modprobe", "gpio-sim").CombinedOutput(); err != nil {
		t.Skipf("skipped: this kernel has no gpio-sim: %v: %s", err, out)
	}
	sim, err := gpiosim.NewSimpleton(8)
	if err != nil {
		t.Skipf("skipped: gpio-sim cannot be set up: %v", err)
	}
	defer sim.Close()
	p := &gpio.Power{Place: gpio.Place{Chip: sim.DevPath(), Offset: 5}, On: 1, OffFor: 50 * time.Millisecond}
	defer p.Close()
	if err := p.PowerOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if level, err := sim.Level(5); err != nil || level != 0 {
		t.Errorf("level %d, %v, want 0", level, err)
	}
	if err := p.Pull(t.Context()); err != nil {
		t.Fatal(err)
	}
	if level, err := sim.Level(5); err != nil || level != 1 {
		t.Errorf("level %d, %v, want 1", level, err)
	}
}
