package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"airlock/firmware/cli"
	"airlock/firmware/config"
)

// asker asks on the console's line for a command that runs.
type asker struct {
	c     *Console
	asked bool // something was asked, so that the rest of a paste may follow
}

// Line asks for one line. What was typed before the question is dropped, so that no paste answers it
// by accident; a pipe, which is no person, says everything in advance.
func (a *asker) Line(ctx context.Context, question string) (string, error) {
	if a.c.o.Raw {
		a.c.in.flush()
	}
	return a.More(ctx, question)
}

// Secret asks for one line that is not echoed.
func (a *asker) Secret(ctx context.Context, question string) (string, error) {
	echo := a.c.editor.echo
	a.c.editor.echo = false
	defer func() { a.c.editor.echo = echo }()
	return a.Line(ctx, question)
}

// More reads one more line of a paste.
func (a *asker) More(ctx context.Context, question string) (string, error) {
	a.asked = true
	line, err := a.c.editor.read(ctx, question, lineLimit, nil)
	return line, a.explain(err)
}

// Text reads lines up to a single dot. A text that is too long is read to its dot all the same, so
// that its rest is not taken for commands.
func (a *asker) Text(ctx context.Context, question string) ([]byte, error) {
	a.asked = true
	a.c.out.line(question)
	var b strings.Builder
	var bad error
	for {
		line, err := a.c.editor.read(ctx, "", lineLimit, nil)
		switch {
		case errors.Is(err, errTooLong):
			bad = a.explain(err)
			continue
		case err != nil:
			return nil, a.explain(err)
		case strings.TrimRight(line, " ") == ".":
			return []byte(b.String()), bad
		}
		if b.Len()+len(line) >= config.MaxSize {
			bad = fmt.Errorf("the text is longer than %d bytes; nothing was done", config.MaxSize)
			continue
		}
		b.WriteString(line + "\n")
	}
}

// explain puts the end of a question into words.
func (a *asker) explain(err error) error {
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("a line is longer than %d characters; nothing was done", lineLimit)
	case errors.Is(err, errIdle):
		return errors.New("nothing was typed; nothing was done")
	case errors.Is(err, errInterrupt):
		return errors.New("interrupted")
	case errors.Is(err, errLogout), errors.Is(err, io.EOF):
		return errors.New("given up; nothing was done")
	}
	return err
}

var _ cli.Asker = (*asker)(nil)
