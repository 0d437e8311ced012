// Command demo shows the product: a real server travels from git push, through both doors of the real image in QEMU, to two
// targets; an upgrade fails its health check, is rolled back and tried again; and what was captured outside the appliance
// decides whether the doors were ever open together. `make demo` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"airlock/tests/lab"
	"airlock/tests/lab/evidence"
	"airlock/tests/modemsim"
	"airlock/tests/system"
)

// limit bounds a demo that hangs; with nothing cached it takes ten minutes.
const limit = 25 * time.Minute

func main() {
	lab.MaybeChild()
	var o options
	flag.StringVar(&o.image, "image", "build/airlock.img", "disk image of the appliance")
	flag.StringVar(&o.publisherd, "publisherd", "build/bin/publisherd", "the publisher's program")
	flag.StringVar(&o.dir, "out", "build/demo", "folder for captures, timeline and logs; emptied at the start")
	flag.StringVar(&o.cache, "cache", "build/cache", "folder kept from run to run")
	flag.Usage = usage
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	held, err := run(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\nThe logs are in %s.\n", err, o.dir)
		os.Exit(1)
	}
	if !held {
		os.Exit(3)
	}
}

// targetNames are the servers of the site.
var targetNames = []string{"web-1", "web-2"}

type options struct{ image, publisherd, dir, cache string }

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `Usage: demo [flags]

  demo                        as make demo does
  demo --out /tmp/airlock     leave captures, timeline and logs there

Exit codes: 0 the release arrived and the doors were never open together, 1 something failed, 2 usage,
3 the captures show a frame where there must be none.

`)
	flag.PrintDefaults()
}

// run tells the story and prints what it comes to; held is the verdict.
func run(ctx context.Context, o options) (held bool, err error) {
	if err := lab.CanRunTargets(); err != nil {
		return false, err
	}
	t := newTeller(os.Stdout)
	work, err := os.MkdirTemp("", "airlock-demo-")
	if err != nil {
		return false, fmt.Errorf("create a folder for the project: %w", err)
	}
	defer os.RemoveAll(work)
	t.chapter("The publisher, the carrier and the LAN")
	s, err := system.Start(ctx, system.Config{
		Image: o.image, Publisherd: o.publisherd, Dir: o.dir, Cache: o.cache,
		Targets: targetNames, HealthPort: healthPort, Module: modemsim.Config{Times: modemsim.Lifelike()}, Say: t.say,
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	story := &story{t: t, s: s, work: work}
	if err := story.tell(ctx); err != nil {
		return false, err
	}
	t.chapter("What the captures outside the appliance say")
	timeline, verdict, err := s.Judge(ctx)
	if err != nil {
		return false, err
	}
	if err := report(os.Stdout, timeline, verdict, s); err != nil {
		return false, err
	}
	fmt.Printf("\nLook yourself: %s/{outer,inner}.pcap, timeline.json, console.log; `make verdict` judges them again.\n", o.dir)
	fmt.Printf("The demo took %v.\n", t.elapsed().Round(time.Second))
	return verdict.Held, nil
}

// report prints the tables, and what the carrier would have billed.
func report(out io.Writer, t evidence.Timeline, v evidence.Verdict, s *system.System) error {
	if err := evidence.Print(out, t, v); err != nil {
		return err
	}
	traffic := s.Carrier.Traffic()
	_, err := fmt.Fprintf(out, "\nThe carrier moved %.1f MB to the node and %.1f MB from it, and refused %d frames at its shut gate.\n",
		float64(traffic.BytesIn)/1e6, float64(traffic.BytesOut)/1e6, traffic.Refused)
	return err
}
