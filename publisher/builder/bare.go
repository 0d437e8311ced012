package builder

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"airlock/publisher"
)

// Bare runs commands without any sandbox, as the user of publisherd, with the machine's network. An
// operator has to ask for it. The time limit ends the command's process group; a process that left
// the group lives on.
type Bare struct{ Config }

var _ publisher.Sandbox = (*Bare)(nil)

// Run runs one command; see publisher.Sandbox.
func (b *Bare) Run(ctx context.Context, j publisher.Job) error {
	cache, tmp, err := b.folders(j.Project)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if cache, err = filepath.Abs(cache); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", j.Command)
	cmd.Dir = j.Dir
	for name, value := range b.environ(j, cache, b.Seed) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	return run(ctx, cmd, j)
}
