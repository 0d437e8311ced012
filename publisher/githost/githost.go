// Package githost keeps one bare repository for each project and serves it over smart HTTP by git's
// own `git http-backend`. It never builds and never judges a file: the pre-receive hook asks the
// judge it is handed, the post-receive hook tells the queue. publisherd serves the handler on the
// operator's listener and runs Hook as its hidden verb; the pipeline checks commits out.
package githost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"airlock/publisher"
)

// Branch is the branch that is built.
const Branch = "main"

// Config is what a Host needs.
type Config struct {
	Dir      string   // bare repositories, NAME.git; made when missing
	HooksDir string   // written anew by New
	Hook     []string // command that hooks run; the name of the hook is appended
	HookEnv  []string // environment of hooks, NAME=value
	// Known returns an error for a project that does not exist.
	Known func(ctx context.Context, project string) error
	// MaxPush bounds one push, bytes.
	MaxPush int64
	Log     *slog.Logger
}

// Host serves the repositories.
type Host struct {
	Config
	backend string // path of git
	handler http.Handler
}

// New checks that git and its http-backend are there, and writes the hooks.
func New(ctx context.Context, c Config) (*Host, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, publisher.Errorf(publisher.CodeUnavailable, "git is not installed: apt-get install git")
	}
	h := &Host{Config: c, backend: git}
	for _, dir := range []string{c.Dir, c.HooksDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("open git host: %w", err)
		}
	}
	rests, _ := filepath.Glob(filepath.Join(c.Dir, ".push-*")) // of pushes that a killed server took
	for _, rest := range rests {
		if err := os.Remove(rest); err != nil {
			return nil, fmt.Errorf("open git host: %w", err)
		}
	}
	if err := h.writeHooks(); err != nil {
		return nil, fmt.Errorf("write git hooks: %w", err)
	}
	path, err := h.git(ctx, "", "--exec-path")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(path), "git-http-backend")); err != nil {
		return nil, publisher.Errorf(publisher.CodeUnavailable, "git has no http-backend at %s: install git's full package", strings.TrimSpace(path))
	}
	h.handler = h.routes()
	return h, nil
}

// Ensure makes the project's repository where it does not exist.
func (h *Host) Ensure(ctx context.Context, project string) error {
	dir := h.dir(project)
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return nil
	}
	// A folder that a killed init left is made whole by another init.
	if _, err := h.git(ctx, "", "init", "--quiet", "--bare", "--template=", "--initial-branch="+Branch, dir); err != nil {
		return fmt.Errorf("make repository of %s: %w", project, err)
	}
	return nil
}

// Head is the commit at the tip of the built branch; empty while nothing was pushed.
func (h *Host) Head(ctx context.Context, project string) (string, error) {
	out, err := h.git(ctx, h.dir(project), "for-each-ref", "--format=%(objectname)", "refs/heads/"+Branch)
	return strings.TrimSpace(out), err
}

// File reads a file of a commit; fs.ErrNotExist when the commit has none of that name.
func (h *Host) File(ctx context.Context, project, commit, name string) ([]byte, error) {
	return show(ctx, h.backend, h.environ(h.dir(project)), commit, name)
}

// Checkout writes exactly the files of a commit into dir, which must be empty; no .git is among them.
func (h *Host) Checkout(ctx context.Context, project, commit, dir string) error {
	index, err := os.MkdirTemp("", "airlock-index-*")
	if err != nil {
		return fmt.Errorf("check out %s: %w", commit, err)
	}
	defer os.RemoveAll(index)
	env := append(h.environ(h.dir(project)), "GIT_INDEX_FILE="+filepath.Join(index, "index"), "GIT_WORK_TREE="+dir)
	for _, args := range [][]string{{"read-tree", commit}, {"checkout-index", "--all", "--quiet"}} {
		cmd := exec.CommandContext(ctx, h.backend, args...)
		cmd.Env, cmd.Dir = env, dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("check out %s of %s: %w: %s", commit, project, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

func (h *Host) dir(project string) string { return filepath.Join(h.Dir, project+".git") }

// git runs git on a repository, or on none where dir is empty.
func (h *Host) git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.backend, args...)
	cmd.Env, cmd.Dir = h.environ(dir), h.Dir
	out, err := cmd.Output()
	if err != nil {
		return "", gitError(args[0], err)
	}
	return string(out), nil
}

// environ keeps the machine's and the user's git configuration out: what a push may do is decided here.
func (h *Host) environ(dir string) []string {
	env := append(plainEnv(),
		"GIT_CONFIG_COUNT=6",
		"GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0="+h.HooksDir,
		"GIT_CONFIG_KEY_1=http.receivepack", "GIT_CONFIG_VALUE_1=true",
		"GIT_CONFIG_KEY_2=http.getanyfile", "GIT_CONFIG_VALUE_2=false",
		"GIT_CONFIG_KEY_3=transfer.fsckObjects", "GIT_CONFIG_VALUE_3=true",
		"GIT_CONFIG_KEY_4=receive.denyDeletes", "GIT_CONFIG_VALUE_4=true",
		"GIT_CONFIG_KEY_5=receive.maxInputSize", fmt.Sprintf("GIT_CONFIG_VALUE_5=%d", h.MaxPush),
	)
	if dir != "" {
		env = append(env, "GIT_DIR="+dir)
	}
	return env
}

func plainEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LANG=C.UTF-8", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"}
}

// gitError carries what git said.
func gitError(verb string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("git %s: %w: %s", verb, err, bytes.TrimSpace(exit.Stderr))
	}
	return fmt.Errorf("git %s: %w", verb, err)
}
