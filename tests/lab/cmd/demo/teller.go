package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// teller prints what happens as it happens, each line with the time since the start.
type teller struct {
	out   io.Writer
	start time.Time
	mu    sync.Mutex // one line at a time: builds and the console speak at once
}

func newTeller(out io.Writer) *teller { return &teller{out: out, start: time.Now()} }

func (t *teller) elapsed() time.Duration { return time.Since(t.start) }

func (t *teller) chapter(title string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "\n== %s\n", title)
}

func (t *teller) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%6.1f s  %s\n", t.elapsed().Seconds(), text)
}

func (t *teller) sayf(format string, args ...any) { t.say(fmt.Sprintf(format, args...)) }

// node prints what the appliance said on its console.
func (t *teller) node(line string) {
	if line != "" {
		t.say("  node | " + line)
	}
}
