package githost

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"airlock/publisher"
)

// Hooks which git runs, with one line "old new ref" on their input for each pushed ref.
const (
	PreReceive  = "pre-receive"
	PostReceive = "post-receive"
)

// Hook is what a hook run needs; publisherd fills it in its hidden verb.
type Hook struct {
	Out io.Writer // git carries each line to the terminal of who pushed
	// Judge returns a person's explanation of why the file of a commit is refused. data is nil
	// when the commit has no such file.
	Judge func(project, commit string, data []byte) error
	// Queue asks for a build and returns its number.
	Queue func(ctx context.Context, project, commit string) (int64, error)
}

// Run runs a hook in the repository of the current folder; an error refuses the push, its text has
// been written already.
func (h *Hook) Run(ctx context.Context, name string, refs io.Reader) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	project := strings.TrimSuffix(filepath.Base(dir), ".git")
	var refused []error
	lines := bufio.NewScanner(refs)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 3 {
			return fmt.Errorf("read pushed refs: found %q, expected old, new and ref", lines.Text())
		}
		if err := h.ref(ctx, name, project, f[1], f[2]); err != nil {
			refused = append(refused, err)
		}
	}
	return errors.Join(append(refused, lines.Err())...)
}

func (h *Hook) ref(ctx context.Context, name, project, commit, ref string) error {
	if strings.Trim(commit, "0") == "" {
		return nil // a deletion, which git refuses by receive.denyDeletes
	}
	if ref != "refs/heads/"+Branch {
		if name == PostReceive {
			h.say("%s is kept; only %s is built", strings.TrimPrefix(ref, "refs/heads/"), Branch)
		}
		return nil
	}
	switch name {
	case PreReceive:
		return h.judge(ctx, project, commit)
	case PostReceive:
		id, err := h.Queue(ctx, project, commit)
		if err != nil {
			h.say("the push is kept, but its build could not be queued: %v", err)
			h.say("it is queued when publisherd starts again")
			return nil
		}
		h.say("build %d is queued; follow it with: publisherd build log %d --follow", id, id)
	}
	return nil
}

// judge reads the file out of the quarantine in which git holds a push until the hook agrees; git
// finds it by the environment that it gave to the hook.
func (h *Hook) judge(ctx context.Context, project, commit string) error {
	data, err := show(ctx, "git", os.Environ(), commit, publisher.SpecFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.say("%v", err)
		return err
	}
	if err := h.Judge(project, commit, data); err != nil {
		h.say("commit %.12s is refused", commit)
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(h.Out, strings.TrimRight(line, "\n"))
		}
		return err
	}
	return nil
}

func (h *Hook) say(format string, args ...any) {
	fmt.Fprintf(h.Out, "airlock: "+format+"\n", args...)
}

// show reads a regular file of a commit.
func show(ctx context.Context, git string, env []string, commit, name string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, git, "ls-tree", "-z", commit, "--", name)
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		return nil, gitError("ls-tree", err)
	}
	// <mode> blob <object>\t<name>\0
	f := strings.Fields(string(bytes.TrimRight(out, "\x00")))
	if len(f) < 3 {
		return nil, fmt.Errorf("read %s of commit %s: %w", name, commit, fs.ErrNotExist)
	}
	if f[1] != "blob" || f[0] == "120000" {
		return nil, fmt.Errorf("read %s of commit %s: it is no regular file", name, commit)
	}
	cmd = exec.CommandContext(ctx, git, "cat-file", "blob", f[2])
	cmd.Env = env
	if out, err = cmd.Output(); err != nil {
		return nil, gitError("cat-file", err)
	}
	return out, nil
}

// writeHooks writes one shell line a hook. They stand outside the repositories, so that a new
// publisherd serves old repositories.
func (h *Host) writeHooks() error {
	for _, name := range []string{PreReceive, PostReceive} {
		var line strings.Builder
		line.WriteString("#!/bin/sh\nexec")
		for _, arg := range append(h.Config.Hook, name) {
			line.WriteString(" '" + strings.ReplaceAll(arg, "'", `'\''`) + "'")
		}
		line.WriteString("\n")
		if err := publisher.WriteFile(filepath.Join(h.HooksDir, name), []byte(line.String()), 0o755); err != nil {
			return err
		}
	}
	return nil
}
