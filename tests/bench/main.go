// Command bench measures what a person waits for: the image from nothing, the image after a change of Go code, the boot
// until netd keeps the doors, the whole demo, and a data window of the simulated module by ours and by ModemManager. It
// prints medians beside the bars that were set, and judges nothing: a slow machine is not a fault. `make bench` runs it,
// and `make bench-modem` the last of these alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"airlock/tests/lab"
	"airlock/tests/system"
)

func main() {
	lab.MaybeChild()
	var b bench
	flag.IntVar(&b.runs, "runs", 3, "how often each short measurement is made; the median is printed")
	flag.BoolVar(&b.nothing, "from-nothing", true, "measure the image from nothing too: fetches the Debian packages anew")
	windows := flag.Int("windows", 11, "how often each data window of the modem is opened; 0 leaves them out")
	modem := flag.Bool("modem", false, "measure nothing but the modem's data windows")
	flag.StringVar(&b.dir, "out", "build/bench", "folder for what the measurements leave behind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if !*modem {
		err = b.run(ctx)
	}
	if err == nil && *windows > 0 {
		err = benchModem(ctx, *windows, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	runs    int
	nothing bool
	dir     string
	rows    []row
}

type row struct {
	what   string
	bar    time.Duration
	figure []time.Duration
}

// measurement is one thing that a person waits for.
type measurement struct {
	what string
	bar  time.Duration
	runs int
	do   func(context.Context) (time.Duration, error)
}

func (b *bench) run(ctx context.Context) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	all := []measurement{
		{"image after a change of Go code", 30 * time.Second, b.runs, b.rebuild},
		{"boot until both doors are known to be shut", time.Minute, b.runs, b.boot},
		{"demo, nothing of what it builds cached", 10 * time.Minute, 1, b.coldDemo},
		{"demo, image and Go cache there", 6 * time.Minute, 1, b.demo},
	}
	if b.nothing {
		all = append([]measurement{{"image from nothing", 6 * time.Minute, 1, b.fromNothing}}, all...)
	}
	for _, m := range all {
		r := row{what: m.what, bar: m.bar}
		for i := range m.runs {
			fmt.Fprintf(os.Stderr, "bench: %s, %d of %d\n", m.what, i+1, m.runs)
			took, err := m.do(ctx)
			if err != nil {
				return fmt.Errorf("measure %s: %w", m.what, err)
			}
			r.figure = append(r.figure, took)
		}
		b.rows = append(b.rows, r)
	}
	return b.print()
}

func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tMEDIAN\tMIN\tMAX\tRUNS\tBAR")
	for _, r := range b.rows {
		slices.Sort(r.figure)
		seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", r.what, seconds(r.figure[len(r.figure)/2]),
			seconds(r.figure[0]), seconds(r.figure[len(r.figure)-1]), len(r.figure), seconds(r.bar))
	}
	return w.Flush()
}

func (b *bench) fromNothing(ctx context.Context) (time.Duration, error) {
	out := filepath.Join(b.dir, "image")
	if err := os.RemoveAll(out); err != nil {
		return 0, fmt.Errorf("remove the last image: %w", err)
	}
	return timed(ctx, nil, "go", "run", "./firmware/cmd/mkimage", "--out", out)
}

// rebuild gives the compiler a netd with one more line in it, without touching the source.
func (b *bench) rebuild(ctx context.Context) (time.Duration, error) {
	const file = "netd/netd.go"
	source, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	changed := filepath.Join(b.dir, "netd.go")
	text := fmt.Sprintf("%s\n// Changed says that this netd was changed for a measurement.\nconst Changed = %d\n", source, time.Now().UnixNano())
	if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
		return 0, fmt.Errorf("write the change: %w", err)
	}
	overlay, err := overlayFile(b.dir, file, changed)
	if err != nil {
		return 0, err
	}
	return timed(ctx, []string{"GOFLAGS=-overlay=" + overlay}, "go", "run", "./firmware/cmd/mkimage")
}

// overlayFile tells the go command to read changed in the place of file.
func overlayFile(dir, file, changed string) (string, error) {
	from, err1 := filepath.Abs(file)
	to, err2 := filepath.Abs(changed)
	path, err3 := filepath.Abs(filepath.Join(dir, "overlay.json"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", fmt.Errorf("find the change: %w", err)
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {from: to}})
	if err != nil {
		return "", fmt.Errorf("describe the change: %w", err)
	}
	return path, os.WriteFile(path, data, 0o644)
}

// boot is the time from QEMU's start until netd says that both doors are shut.
func (b *bench) boot(ctx context.Context) (time.Duration, error) {
	s, err := system.Start(ctx, system.Config{
		Image: "build/airlock.img", Publisherd: "build/bin/publisherd", Dir: filepath.Join(b.dir, "boot"), Cache: "build/cache",
	})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.Boot(ctx, ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := s.Node.AwaitShut(ctx); err != nil {
		return 0, err
	}
	return time.Since(s.SwitchedOn), nil
}

func (b *bench) demo(ctx context.Context) (time.Duration, error) {
	return timed(ctx, nil, "go", "run", "./tests/lab/cmd/demo", "--out", filepath.Join(b.dir, "demo"))
}

// coldDemo first forgets what earlier demos downloaded and compiled for the project.
func (b *bench) coldDemo(ctx context.Context) (time.Duration, error) {
	if err := os.RemoveAll("build/cache/builds"); err != nil {
		return 0, fmt.Errorf("forget the builds' cache: %w", err)
	}
	return b.demo(ctx)
}

// timed runs a command whose output is shown only when it failed.
func timed(ctx context.Context, env []string, name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return time.Since(start), nil
}
