package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"airlock/tests/modemsim"
	"airlock/tests/peers"
)

// windowBar is what our own share of a window may be.
const windowBar = time.Second

// window is one measured opening of the simulated module's data.
type window struct {
	took    time.Duration // as measured
	imposed time.Duration // of it by the module: its host could not but wait
}

func (w window) overhead() time.Duration { return w.took - w.imposed }

// measure runs open while the module's own delays are counted.
func measure(sim *modemsim.Sim, open func() error) (window, error) {
	began, before := time.Now(), sim.Imposed()
	err := open()
	return window{time.Since(began), sim.Imposed() - before}, err
}

func (w window) plus(v window) window { return window{w.took + v.took, w.imposed + v.imposed} }

// windows are the openings of one kind.
type windows struct {
	host, what string
	bar        string
	all        []window
}

// tempo is how fast the module is.
type tempo struct {
	name  string
	times modemsim.Times
}

// module starts as the airlock leaves one: powered, booted, its radio off.
func (t tempo) module() modemsim.Config {
	return modemsim.Config{Personality: modemsim.QuectelEC25(), Times: t.times, Function: 4}
}

// benchModem opens windows by ours and by ModemManager on the same simulated module, and prints what each takes beyond what
// the module itself takes.
func benchModem(ctx context.Context, runs int, out io.Writer) error {
	for _, t := range []tempo{{"answers at once", modemsim.Times{}}, {"takes times as real ones do", modemsim.Lifelike()}} {
		rows, err := ours(ctx, t, runs)
		if err != nil {
			return fmt.Errorf("measure our windows: %w", err)
		}
		theirs, err := modemManager(ctx, t, runs)
		if errors.Is(err, peers.ErrMissing) {
			fmt.Fprintf(out, "ModemManager is not measured: %v\n", err)
		} else if err != nil {
			return fmt.Errorf("measure ModemManager's windows: %w", err)
		}
		fmt.Fprintf(out, "\ndata windows of a simulated %s that %s\n", t.module().Personality.Model, t.name)
		if err := printWindows(out, append(rows, theirs...)); err != nil {
			return err
		}
	}
	return nil
}

func printWindows(out io.Writer, rows []windows) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tWHAT\tMEASURED\tMODULE'S\tOVERHEAD: MEDIAN\tMIN\tMAX\tRUNS\tBAR")
	for _, r := range rows {
		slices.SortFunc(r.all, func(a, b window) int { return int(a.overhead() - b.overhead()) })
		median := r.all[len(r.all)/2]
		s := func(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", r.host, r.what, s(median.took), s(median.imposed),
			s(median.overhead()), s(r.all[0].overhead()), s(r.all[len(r.all)-1].overhead()), len(r.all), r.bar)
	}
	return w.Flush()
}

// modemManager measures ModemManager with its plugin for the module. What it calls connected is CONNECT to a dialled call.
func modemManager(ctx context.Context, t tempo, runs int) ([]windows, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(dir)
	mm, err := peers.StartModemManager(ctx, dir, peers.LogErrors)
	if err != nil {
		return nil, err
	}
	defer mm.Close()
	whole := windows{host: mm.Version, what: "from a port to connected"}
	known := windows{host: mm.Version, what: "module known, to connected"}
	for i := range runs {
		found, connected, err := mmWindow(ctx, mm, t, fmt.Sprintf("bench%d", i))
		if err != nil {
			return nil, err
		}
		whole.all, known.all = append(whole.all, found.plus(connected)), append(known.all, connected)
	}
	return []windows{whole, known}, nil
}

// mmWindow gives ModemManager a new module, whose radio is off, and connects.
func mmWindow(ctx context.Context, mm *peers.ModemManager, t tempo, id string) (found, connected window, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	module, err := peers.Serve(ctx, t.module(), "unix", "@abstract:"+id)
	if err != nil {
		return found, connected, err
	}
	defer module.Close()
	var m *peers.Modem
	found, err = measure(module.Sim, func() (err error) {
		m, err = mm.Plug(ctx, id, "quectel", "abstract:"+id)
		return err
	})
	if err != nil {
		return found, connected, err
	}
	connected, err = measure(module.Sim, func() error { return m.Connect(ctx, "internet") })
	return found, connected, err
}
