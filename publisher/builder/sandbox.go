package builder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"airlock/publisher"
)

// Paths inside the sandbox, the same for every build, so that nothing of this machine's paths gets
// into what is built.
const (
	insideSrc   = "/build/src"   // the checkout
	insideCache = "/build/cache" // the project's cache, kept from build to build
	insideSeed  = "/build/seed"  // the operator's Go module cache, read-only
)

// Config is what a sandbox needs.
type Config struct {
	CacheDir string // one folder a project is made in it
	Seed     string // Go module cache (GOMODCACHE) to read modules from, or empty
	Go       Go     // the host's toolchain
	Log      *slog.Logger
}

// Bubblewrap runs commands by bwrap: a read-only system, an own process tree, no network unless
// asked for, and nothing writable but the checkout, the project's cache and /tmp.
type Bubblewrap struct {
	Config
	bwrap string
	// isolate are the namespaces that this machine grants, as bwrap's options.
	isolate []string
}

var _ publisher.Sandbox = (*Bubblewrap)(nil)

// isolations are tried in this order. Inside a container user namespaces may be denied; root can do without.
var isolations = [][]string{
	{"--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"},
	{"--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"},
}

// NewBubblewrap finds out how bwrap works on this machine; CodeUnavailable when it does not.
func NewBubblewrap(ctx context.Context, c Config) (*Bubblewrap, error) {
	const otherwise = "or start with --sandbox=none, which runs the projects' commands unprotected as the user of publisherd"
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, publisher.Errorf(publisher.CodeUnavailable, "builds need bubblewrap: apt-get install bubblewrap, %s", otherwise)
	}
	b := &Bubblewrap{Config: c, bwrap: bwrap}
	probe, err := os.MkdirTemp("", "airlock-probe-*")
	if err != nil {
		return nil, fmt.Errorf("probe bubblewrap: %w", err)
	}
	defer os.RemoveAll(probe)
	var said []string
	for _, b.isolate = range isolations {
		args := b.args(publisher.Job{Dir: probe, Command: "true"}, probe, probe)
		out, err := exec.CommandContext(ctx, bwrap, args...).CombinedOutput()
		if err == nil {
			return b, nil
		}
		said = append(said, strings.TrimSpace(string(out)))
	}
	return nil, publisher.Errorf(publisher.CodeUnavailable,
		"bubblewrap is installed, but this machine does not let it make a sandbox (%s); allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), %s",
		strings.Join(said, "; "), otherwise)
}

// Run runs one command; see publisher.Sandbox.
func (b *Bubblewrap) Run(ctx context.Context, j publisher.Job) error {
	cache, tmp, err := b.folders(j.Project)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.Command(b.bwrap, b.args(j, cache, tmp)...)
	return run(ctx, cmd, j)
}

// folders makes the project's cache and a /tmp on the disk for one command.
func (c *Config) folders(project string) (cache, tmp string, err error) {
	cache = filepath.Join(c.CacheDir, project)
	if err := os.MkdirAll(filepath.Join(cache, "home"), 0o755); err != nil {
		return "", "", fmt.Errorf("could not be started: %w", err)
	}
	tmp, err = os.MkdirTemp(c.CacheDir, ".tmp-*")
	if err == nil {
		err = os.Chmod(tmp, 0o777|os.ModeSticky)
	}
	if err != nil {
		return "", "", fmt.Errorf("could not be started: %w", err)
	}
	return cache, tmp, nil
}

// args is bwrap's command line for a job.
func (b *Bubblewrap) args(j publisher.Job, cache, tmp string) []string {
	args := append([]string{"--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"}, b.isolate...)
	if !j.Network {
		args = append(args, "--unshare-net")
	}
	args = append(args, system()...)
	args = append(args,
		"--proc", "/proc", "--dev", "/dev",
		"--bind", tmp, "/tmp",
		"--bind", j.Dir, insideSrc,
		"--bind", cache, insideCache,
		"--chdir", insideSrc)
	if b.Seed != "" {
		args = append(args, "--ro-bind", b.Seed, insideSeed)
	}
	if root := b.Go.Root; root != "" && !strings.HasPrefix(root, "/usr/") {
		args = append(args, "--ro-bind", root, root)
	}
	if j.Network {
		for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
			if file := os.Getenv(name); file != "" && !strings.HasPrefix(file, "/usr/") && !strings.HasPrefix(file, "/etc/ssl/certs") {
				args = append(args, "--ro-bind-try", file, file)
			}
		}
	}
	for name, value := range b.environ(j, insideCache, insideSeed) {
		args = append(args, "--setenv", name, value)
	}
	// The root is a tmpfs that holds the mount points; nothing shall be put beside them.
	return append(args, "--remount-ro", "/", "--", "/bin/sh", "-c", j.Command)
}

// system mounts what programs need of the machine, read-only. Of /etc only what is named here: no
// password hash, no key, no configuration of another service.
func system() []string {
	args := []string{"--ro-bind", "/usr", "/usr"}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64"} {
		info, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		if to, err := os.Readlink(dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
			args = append(args, "--symlink", to, dir)
		} else {
			args = append(args, "--ro-bind", dir, dir)
		}
	}
	for _, name := range []string{
		"alternatives", "ca-certificates", "ca-certificates.conf", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
		"localtime", "mime.types", "nsswitch.conf", "passwd", "pki", "protocols", "resolv.conf", "services", "ssl/certs", "ssl/openssl.cnf",
	} {
		args = append(args, "--ro-bind-try", "/etc/"+name, "/etc/"+name)
	}
	return args
}

// run starts a command and ends it with its whole tree at the time limit or with ctx.
func run(ctx context.Context, cmd *exec.Cmd, j publisher.Job) error {
	if err := ctx.Err(); err != nil {
		return publisher.ErrStopped
	}
	cmd.Stdout, cmd.Stderr = j.Output, j.Output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second // a process that escaped its group may hold the output open
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("could not be started: %w", err)
	}
	limit := time.NewTimer(j.Timeout)
	defer limit.Stop()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return ended(err)
	case <-limit.C:
		return errors.Join(fmt.Errorf("did not end within its time limit of %v and was killed", j.Timeout), kill(cmd, done))
	case <-ctx.Done():
		return errors.Join(publisher.ErrStopped, kill(cmd, done))
	}
}

// kill ends the process group and waits until its first process is gone. Under bwrap the kernel
// ends everything else with it, since that is the init of the process tree.
func kill(cmd *exec.Cmd, done <-chan error) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-done
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// ended says how a command ended.
func ended(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return fmt.Errorf("ended with %s", exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("ended, but left a process behind that holds its output")
	}
	return fmt.Errorf("could not be followed: %w", err)
}
