package soak

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// options are the flags of the test binary, behind -args.
type options struct {
	windows            int
	seed               uint64
	personality, fault string
	record             string
	each, trace        bool
}

// The flags are the only state of the package, as package testing's own are.
var asked = func() *options {
	o := &options{}
	flag.IntVar(&o.windows, "windows", 0, "play the whole campaign, so many `windows` for each module and fault; 0: the sample")
	flag.Uint64Var(&o.seed, "seed", 0, "the `seed` of the first window; with it alone one window of each is played")
	flag.StringVar(&o.personality, "personality", "", "only the module of this `name`")
	flag.StringVar(&o.fault, "fault", "", "only the fault of this `name`")
	flag.BoolVar(&o.each, "each", false, "print a line for each module")
	flag.StringVar(&o.record, "record", "", "write the dialogue of the window of each module into the `folder`")
	flag.BoolVar(&o.trace, "trace", false, "print every line on the port")
	return o
}()

// whole tells whether more than the sample was asked for.
func (o *options) whole() bool {
	return o.windows > 0 || o.seed > 0 || o.personality != "" || o.fault != ""
}

// TestSample is one window for each module and fault; with -short each module meets a part of the faults, and each fault a
// part of the modules.
func TestSample(t *testing.T) {
	if asked.whole() {
		t.Skip("skipped: the campaign was asked for, and the sample is a part of it")
	}
	var cases []Case
	for i, p := range modemsim.Personalities() {
		for j, f := range Faults() {
			if !testing.Short() || (i+j)%7 == 0 {
				cases = append(cases, Case{p, f, 1})
			}
		}
	}
	table := play(t, cases)
	table.Print(os.Stdout, false)
	judge(t, table)
	if ends := table.Ends(); ends[Proven] == 0 || ends["no-sim"] == 0 || ends["no-network"] == 0 || ends["no-modem"] == 0 {
		t.Errorf("windows by their end: %v, want data and every diagnosis", ends)
	}
}

// TestCampaign is `make soak`.
func TestCampaign(t *testing.T) {
	if !asked.whole() {
		t.Skip("skipped: the whole campaign is `make soak`, or -args -windows N")
	}
	cases, err := asked.cases()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	table := play(t, cases)
	table.Print(os.Stdout, asked.each)
	fmt.Printf("%d windows in %s on %d processors\n", table.Windows(), time.Since(began).Round(time.Second), runtime.GOMAXPROCS(0))
	judge(t, table)
}

func (o *options) cases() ([]Case, error) {
	var cases []Case
	for seed := range uint64(max(o.windows, 1)) {
		for _, p := range modemsim.Personalities() {
			for _, f := range Faults() {
				if (o.personality == "" || o.personality == p.Name) && (o.fault == "" || o.fault == f.Name) {
					cases = append(cases, Case{p, f, max(o.seed, 1) + seed})
				}
			}
		}
	}
	if len(cases) == 0 {
		return nil, errors.New("no window has that -personality and -fault: modemsim --list names the modules, an empty -fault plays all")
	}
	return cases, nil
}

// play plays the cases, one on each processor at a time.
func play(t *testing.T, cases []Case) *Table {
	t.Helper()
	todo := make(chan Case)
	table, mu := NewTable(), sync.Mutex{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for c := range todo {
				r := inBubble(t, c)
				mu.Lock()
				table.Add(r)
				mu.Unlock()
			}
		})
	}
	last := time.Now()
	for i, c := range cases {
		if time.Since(last) > 30*time.Second {
			last = time.Now()
			fmt.Printf("%d of %d windows\n", i, len(cases))
		}
		todo <- c
	}
	close(todo)
	workers.Wait()
	return table
}

// inBubble plays a window in a time of its own. One that leaves somebody waiting for ever is said with its case.
func inBubble(t *testing.T, c Case) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r.Case, r.End = c, "panic"
			r.breaks("%v\n%s", p, debug.Stack())
		}
	}()
	var ears Ears
	if asked.trace {
		ears.Trace = os.Stdout
	}
	if asked.record != "" {
		var said bytes.Buffer
		ears.Record = &said
		defer func() { keep(t, c, said.Bytes()) }()
	}
	synctest.Test(t, func(*testing.T) { r = Play(c, ears) })
	return r
}

// keep writes the transcript of a window where it was asked for.
func keep(t *testing.T, c Case, said []byte) {
	head := fmt.Sprintf("# %s %s (%s)\n# from the simulator, tests/soak %s: no real module has said this\n", c.Module.Manufacturer, c.Module.Model,
		modem.ProfileOf(c.Module.Manufacturer, c.Module.Model).Name, c)
	if err := os.WriteFile(filepath.Join(asked.record, c.Module.Name+".transcript"), append([]byte(head), said...), 0o644); err != nil {
		t.Error(err)
	}
}

func judge(t *testing.T, table *Table) {
	t.Helper()
	for i, r := range table.Broken() {
		if i == 20 {
			t.Errorf("and %d more", len(table.Broken())-i)
			return
		}
		t.Errorf("%s: %s\n  again: go test ./tests/soak -run Campaign -args %s -trace\n  %s", r.Case, strings.Join(r.Broken, "; "), r.Case,
			strings.Join(r.Told, "\n  "))
	}
}
