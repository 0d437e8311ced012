package serial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/sysfs"
)

// ErrNone says that no USB serial port is there: no module is plugged in, or it has lost its power.
var ErrNone = errors.New("no USB serial port found")

// ErrSilent says that ports are there, but none answers AT commands. The module may be hanging, and its radio
// may be on.
var ErrSilent = errors.New("no port answers AT commands")

// Finder finds the AT port of the module. The zero value looks at the real system.
type Finder struct {
	// Path, when set, limits the search to ports whose stable path starts with it.
	Path string
	// Patience is the time one port has to answer; 3 s.
	Patience time.Duration
	Log      *slog.Logger

	Sys  string // root of sysfs; /sys
	Dev  string // where device files are; /dev
	Open func(device string) (io.ReadWriteCloser, error)
}

// Found is an AT port, open and in step.
type Found struct {
	*at.AT
	Candidate
}

// Find asks the candidates in turn and returns the first that answers. The error wraps ErrNone or ErrSilent, or
// is the context's.
func (f Finder) Find(ctx context.Context) (*Found, error) {
	candidates, err := f.candidates()
	if err != nil {
		return nil, err
	}
	if len(candidates) == 0 {
		return nil, fmt.Errorf("%w%s", ErrNone, f.where())
	}
	var reasons []string
	for _, how := range []approach{{(*at.AT).Sync, 1}, {(*at.AT).HangUp, hangUpTimes}} {
		reasons = nil
		for _, c := range candidates {
			port, err := f.ask(ctx, c, how)
			if err == nil {
				return &Found{port, c}, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("find the AT port: %w", ctx.Err())
			}
			reasons = append(reasons, fmt.Sprintf("%s: %v", c, err))
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrSilent, strings.Join(reasons, "; "))
}

// Second finds another AT port of the module whose port first is, to make calls on while first takes commands. It asks
// the port that is meant for PPP first, and never one that no table lists. The error wraps ErrNone or ErrSilent.
func (f Finder) Second(ctx context.Context, first Candidate) (*Found, error) {
	candidates, err := f.candidates()
	if err != nil {
		return nil, err
	}
	candidates = slices.DeleteFunc(candidates, func(c Candidate) bool {
		return c.Name == first.Name || c.USB.Device != first.USB.Device || c.Role == RoleUnknown
	})
	slices.SortStableFunc(candidates, func(a, b Candidate) int { return cmp.Compare(callRank(a), callRank(b)) })
	err = fmt.Errorf("%w beside %s", ErrNone, first)
	for _, c := range candidates {
		port, asked := f.ask(ctx, c, approach{(*at.AT).Sync, 1})
		if asked == nil {
			return &Found{port, c}, nil
		}
		err = fmt.Errorf("%w: %s: %w", ErrSilent, c, asked)
	}
	return nil, err
}

// callRank: a port for PPP, then one for more commands.
func callRank(c Candidate) int {
	if c.Role == RolePPP {
		return 0
	}
	return 1
}

// approach is how a port is asked whether it takes commands, and how many times the patience that takes. Where no port
// answers, all are asked again as if a process had ended within a call and left it in the port.
type approach struct {
	prove    func(*at.AT, context.Context) error
	patience time.Duration
}

const hangUpTimes = 3 // a fall of DTR, and two silences around +++

func (f Finder) candidates() ([]Candidate, error) {
	sys := f.Sys
	if sys == "" {
		sys = sysfs.Root
	}
	all, err := Candidates(sys)
	if err != nil {
		return nil, err
	}
	if f.Path == "" {
		return all, nil
	}
	var within []Candidate
	for _, c := range all {
		if rest, ok := strings.CutPrefix(c.Path, f.Path); ok && (rest == "" || rest[0] == ':' || rest[0] == '-' || rest[0] == '.') {
			within = append(within, c)
		}
	}
	return within, nil
}

func (f Finder) where() string {
	if f.Path == "" {
		return ""
	}
	return " at " + f.Path
}

// ask opens a port and proves that it answers.
func (f Finder) ask(ctx context.Context, c Candidate, how approach) (*at.AT, error) {
	open := f.Open
	if open == nil {
		open = func(device string) (io.ReadWriteCloser, error) { return Open(device) }
	}
	dev := f.Dev
	if dev == "" {
		dev = "/dev"
	}
	rw, err := open(filepath.Join(dev, c.Name))
	if err != nil {
		return nil, err
	}
	patience := f.Patience
	if patience == 0 {
		patience = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience*how.patience)
	defer cancel()
	port := at.New(rw, at.Options{Log: f.Log})
	if err := how.prove(port, ctx); err != nil {
		port.Close()
		return nil, err
	}
	return port, nil
}
