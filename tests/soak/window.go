package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// Ends of a window beside the kinds of modem.Error.
const (
	Proven    = "data"       // a packet went beyond the module
	Mended    = "mended"     // it did once Mend was asked
	NoTraffic = "no-traffic" // the hub never answered, which its caller names
)

// Result is how a window went.
type Result struct {
	Case
	End      string // one of the ends, or the Kind of the diagnosis
	Struck   bool   // the fault did happen
	RadioOn  bool   // Down said that it cannot prove the radio off
	Took     time.Duration
	Slowest  string // the longest step
	Broken   []string
	Told     []string // what the module and the session said, for a window that broke something
	longest  time.Duration
	pinStart int
}

func (r *Result) breaks(format string, args ...any) {
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

// window is one that is being played.
type window struct {
	Setup
	*Result
	rng   *rand.Rand
	sim   *modemsim.Sim
	bus   *bus
	m     *modem.Modem
	times modem.Times
	seen  bool // the module, at the last look of a keeper with both doors shut
}

// Ears are who listens to a window; nil ones do not.
type Ears struct {
	Trace  io.Writer // every line on the port, with its simulated time
	Record io.Writer // the dialogue, as a transcript
}

// Play opens and shuts one window.
func Play(c Case, ears Ears) Result {
	r := Result{Case: c}
	setup, rng, err := c.setup()
	if err != nil {
		r.breaks("%v", err)
		return r
	}
	w := &window{Setup: setup, Result: &r, rng: rng, sim: modemsim.New(setup.Sim)}
	w.plug(ears)
	r.pinStart = w.sim.PINLeft()
	began := time.Now()
	w.run()
	if w.Again {
		left := w.sim.PINLeft()
		w.sim.Restart(3*time.Second, true) // a power cut between windows makes the card ask again
		w.pass(5 * time.Second)
		w.run()
		if now := w.sim.PINLeft(); now < left {
			r.breaks("the second window burnt a try of the PIN: %d left, %d before it", now, left)
		}
	}
	r.Took = time.Since(began)
	w.unplug()
	return r
}

func (w *window) plug(ears Ears) {
	log := slog.New(slog.DiscardHandler)
	if ears.Trace != nil {
		log = slog.New(slog.NewTextHandler(ears.Trace, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.bus = &bus{sim: w.sim, log: log, record: ears.Record, seed: w.rng.Uint64(), most: span(w.rng, 1, 60)}
	cfg := w.Modem
	cfg.Memory, cfg.Log = &memory{}, log
	for _, name := range w.Levers {
		cfg.Levers = append(cfg.Levers, lever{name, w.sim, span(w.rng, 3000, 12000)})
	}
	w.m, w.times = modem.New(cfg, w.bus.open), cfg.Times.WithDefaults()
}

// unplug ends what runs, and tells what was said when something broke.
func (w *window) unplug() {
	w.m.Close()
	w.bus.tasks.Wait()
	for _, s := range w.sim.States() {
		w.Struck = w.Struck || s.What == modemsim.FaultStruck
		if len(w.Broken) > 0 {
			w.Told = append(w.Told, fmt.Sprintf("%s %s %s", s.At.Format("15:04:05.000"), s.What, s.Detail))
		}
	}
}

// run is one window and what follows.
func (w *window) run() {
	w.End = w.open()
	if w.End == Proven || w.End == Mended {
		w.hold()
	}
	if may := w.Fault.ends(); may != nil && !slices.Contains(may, w.End) {
		w.breaks("the window ended with %s, want one of %v", w.End, may)
	}
	w.shut()
	w.watch(40 * time.Second)
	if left := w.sim.PINLeft(); left < w.pinStart-w.Burns {
		w.breaks("the PIN has %d tries left, it had %d", left, w.pinStart)
	}
}

// open is Up, and Mend until the hub answers.
func (w *window) open() string {
	limit := UpLimit(w.times)
	if err := w.step("Up", limit, func(ctx context.Context) error { return w.m.Up(ctx, w.say) }); err != nil {
		return w.named("Up", err)
	}
	if w.handshake() {
		return Proven
	}
	for range 3 {
		if err := w.step("Mend", limit, func(ctx context.Context) error { return w.m.Mend(ctx, w.say) }); err != nil {
			return w.named("Mend", err)
		}
		if w.handshake() {
			return Mended
		}
	}
	return NoTraffic
}

// handshake is the hub's: it answers when a packet goes beyond the module. WireGuard tries every 5 s, and netd for 20 s.
func (w *window) handshake() bool {
	for range 4 {
		if w.sim.DataActive() {
			return true
		}
		w.pass(5 * time.Second)
	}
	return false
}

// named is the kind of a diagnosis. A person must get one.
func (w *window) named(step string, err error) string {
	if e, ok := errors.AsType[*modem.Error](err); ok && e.Kind != "" && e.Detail != "" {
		return string(e.Kind)
	}
	w.breaks("%s ended with no diagnosis: %v", step, err)
	return "unnamed"
}

// hold is the time of the transfer.
func (w *window) hold() {
	if w.CallFor > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := w.bus.last().Command(ctx, "D*99***1#")
		cancel()
		w.say(fmt.Sprintf("call: %v", err))
		w.pass(w.CallFor)
		if w.CallDrops {
			w.sim.DropCall()
		}
		return
	}
	for end := time.Now().Add(span(w.rng, 2000, 40000)); time.Now().Before(end) && w.sim.Present(); {
		w.pass(time.Second) // as netd watches the interface
	}
}

func (w *window) say(what string) {
	if w.bus.log.Enabled(context.Background(), slog.LevelDebug) {
		w.bus.log.Debug("session says", "what", what, "carries", w.sim.DataActive())
	}
}

// pass lets time go by.
func (w *window) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
