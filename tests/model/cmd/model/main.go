// Command model judges a node's record by the rules alone, without any of the code that wrote it. It changes nothing.
//
//	model bundle.jsonl
//	model --running record-00000000000000000001.jsonl record.jsonl
//
// Exit status: 0 held, 1 not held, 2 the files could not be judged.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"airlock/tests/model"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("model", flag.ContinueOnError)
	flags.SetOutput(complaints)
	running := flags.Bool("running", false, "the record was read while netd ran, or after it was killed: its end need not be signed")
	key := flags.String("key", "", "record key that must have signed it, base64")
	asJSON := flags.Bool("json", false, "print the verdict as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(complaints, "model: name the record's files in their order, or a bundle; see --help")
		return 2
	}
	var all []io.Reader
	for _, name := range flags.Args() {
		f, err := os.Open(name)
		if err != nil {
			fmt.Fprintln(complaints, "model:", err)
			return 2
		}
		defer f.Close()
		all = append(all, f)
	}
	v, err := model.Judge(io.MultiReader(all...), model.Options{Running: *running, Key: *key})
	if err == nil {
		err = show(out, v, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(complaints, "model:", err)
		return 2
	}
	if !v.Held() {
		return 1
	}
	return 0
}

func show(out io.Writer, v model.Verdict, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	for _, f := range v.Findings {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	word := "held"
	if !v.Held() {
		word = fmt.Sprintf("NOT HELD, %d findings", len(v.Findings))
	}
	_, err := fmt.Fprintf(out, "%d lines, %d windows, %d starts, %d gaps told, signed up to line %d: %s\n", v.Lines, v.Windows, v.Starts, v.Gaps, v.Signed, word)
	return err
}
