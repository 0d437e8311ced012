// Command verdict judges the captures of a demo, or of any run that left the same files: it prints the tables and says
// whether a frame passed one door inside a window of the other, or outside all windows. It changes nothing.
//
//	verdict --outer outer.pcap --inner inner.pcap --timeline timeline.json [--json]
//
// Exit status: 0 held, 1 not held, 2 the files could not be judged.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"airlock/tests/lab/evidence"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("verdict", flag.ContinueOnError)
	flags.SetOutput(complaints)
	outer := flags.String("outer", "build/demo/outer.pcap", "capture of the outer door, classic pcap")
	inner := flags.String("inner", "build/demo/inner.pcap", "capture of the inner door, classic pcap")
	timeline := flags.String("timeline", "build/demo/timeline.json", "windows and what else happened")
	asJSON := flags.Bool("json", false, "print the verdict as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complaints, "verdict: unexpected %q: files are named by flags, see --help\n", flags.Arg(0))
		return 2
	}
	t, err := evidence.ReadTimeline(*timeline)
	if err != nil {
		fmt.Fprintln(complaints, "verdict:", err)
		return 2
	}
	frames, err := evidence.ReadCaptures(t, *outer, *inner)
	if err != nil {
		fmt.Fprintln(complaints, "verdict:", err)
		return 2
	}
	v := evidence.Judge(t, frames)
	if err := show(out, t, v, *asJSON); err != nil {
		fmt.Fprintln(complaints, "verdict: print:", err)
		return 2
	}
	if !v.Held {
		return 1
	}
	return 0
}

func show(out io.Writer, t evidence.Timeline, v evidence.Verdict, asJSON bool) error {
	if !asJSON {
		return evidence.Print(out, t, v)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
