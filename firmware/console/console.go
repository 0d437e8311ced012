// Package console is the field console: what a technician with a serial cable sees on ttyS0. It
// reads lines, runs the commands of package cli and prints what they say, in ASCII, 80 columns and
// one line after the other: it moves no cursor, asks the terminal nothing, and holds for a line
// of which neither type nor size is known. It decides nothing and touches no door by itself.
// firmware/cmd/airlock calls it for `airlock console`.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"airlock/firmware/cli"
)

// Prompt ends every screen. It stands alone at the start of a line when the console waits for a
// command, so that a script knows when to type.
const Prompt = "airlock> "

// Options say what the console talks to.
type Options struct {
	// Line is the terminal or pipe. If it has SetReadDeadline, Run uses it to stop reading when it
	// returns; otherwise one goroutine stays in Read until the line ends.
	Line io.ReadWriter
	// Raw says that the far end is a terminal which echoes nothing and ends lines with CR: the console echoes and sends CR LF.
	Raw bool
	// Idle is how long the line may be silent while the console waits; 0: for ever.
	Idle    time.Duration
	Version string
	Doors   cli.Doorkeeper
	Courier cli.Courier
	// Notice is printed once below the banner, such as a configuration that was passed over.
	Notice string
}

// Console is one session on one line.
type Console struct {
	o      Options
	in     *input
	out    *output
	editor *editor
}

// Run serves the line until the technician logs out, the line is lost or idle, or ctx is done. It
// returns nil for all of these.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &Console{o: o, in: newInput(o.Line, o.Raw), out: newOutput(o.Line, o.Raw)}
	c.editor = &editor{in: c.in, out: c.out, echo: o.Raw, idle: o.Idle}
	defer c.in.stop()

	c.screen(ctx)
	if o.Notice != "" {
		c.out.printf("note: %s\n", o.Notice)
	}
	for {
		line, err := c.editor.read(ctx, Prompt, lineLimit, c.tab)
		switch {
		case errors.Is(err, errInterrupt):
			c.out.printf("^C\n")
		case errors.Is(err, errTooLong):
			c.out.printf("failed: the line is longer than %d characters; nothing was done\n", lineLimit)
		case errors.Is(err, errIdle):
			c.out.printf("\nlogged out: nothing was typed for %s\n", o.Idle)
			return nil
		case errors.Is(err, errLogout):
			c.out.printf("\nlogged out\n")
			return nil
		case err != nil: // the line or ctx has ended: there is nobody to tell
			return nil
		case !c.obey(ctx, line):
			c.out.printf("logged out\n")
			return nil
		}
	}
}

// obey runs one line and reports whether the session goes on.
func (c *Console) obey(ctx context.Context, line string) bool {
	words := strings.Fields(line)
	if len(words) > 0 && words[0] == "airlock" {
		words = words[1:] // as it stands in examples
	}
	if len(words) == 0 {
		c.screen(ctx)
		return true
	}
	words = expand(words)
	switch words[0] {
	case "logout":
		return false
	case "help":
		if len(words) == 1 {
			c.help()
			c.out.printf("ok\n")
			return true
		}
	case "console":
		c.out.printf("failed: this is the console\n")
		return true
	}
	c.command(ctx, words)
	return true
}

// command runs a command of the CLI. Ctrl-C ends it, and it ends with a line that says how it went.
func (c *Console) command(ctx context.Context, words []string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.in.onInterrupt(cancel)
	defer c.in.onInterrupt(nil)

	asker := &asker{c: c}
	c.out.json(asksJSON(words))
	_, err := cli.Execute(ctx, cli.Env{
		Stdout: c.out, Stderr: c.out, Ask: asker, Version: c.o.Version,
		Connect: func(string) (cli.Doorkeeper, cli.Courier, error) { return c.o.Doors, c.o.Courier, nil },
	}, words)
	c.out.json(false)
	if err == nil {
		c.out.line("ok")
		return
	}
	if asker.asked && c.o.Raw {
		c.in.settle(settleTime) // the rest of a paste that was refused is no command
	}
	c.fail(err)
}

// fail prints an error: whole if it has several lines, and last a line that begins with "failed: ".
func (c *Console) fail(err error) {
	text := strings.TrimSpace(err.Error())
	first, _, several := strings.Cut(text, "\n")
	if several {
		c.out.line(text)
	}
	c.out.line("failed: " + first)
}

func asksJSON(words []string) bool {
	for _, w := range words {
		if w == "--json" || w == "--json=true" {
			return true
		}
	}
	return false
}

// screen prints the banner and the menu.
func (c *Console) screen(ctx context.Context) {
	const rule = "-------------------------------------------------------------------------------\n"
	var page strings.Builder
	page.WriteString("\n" + rule + "Airlock field console\n" + rule)
	if err := cli.WriteStatus(&page, cli.Look(ctx, c.o.Version, c.o.Doors, c.o.Courier), false); err != nil {
		fmt.Fprintf(&page, "status: %v\n", err)
	}
	page.WriteString(rule + menuText())
	c.out.printf("%s", page.String())
}
