package lab

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// TargetConfig says what a target is.
type TargetConfig struct {
	Name    string       // its host name
	Address netip.Prefix // IPv4, such as 10.90.0.11/24
	Tar     string       // its root file system, from TargetRoot
	LAN     Serve        // what its network card is plugged into: LAN.ServeTarget
	Log     *slog.Logger
}

// Target is one plain Debian server: a root file system of its own, OpenSSH on port 22, a user deploy who owns /srv, and
// a network card on the LAN. It has no agent, and it is no more isolated than a container: namespaces, not a machine.
type Target struct {
	name    string
	hostKey string
	child   *child
	control net.Conn // its end is the target's end
	userns  bool
	log     *sshLog
	group   *errgroup.Group
	cancel  context.CancelFunc
}

// readyWithin bounds the start of a target: unpacking 95 MB on a busy machine is the longest part.
const readyWithin = 60 * time.Second

// StartTarget starts a target and returns when its sshd listens. The target ends with ctx, with Close, or with this
// process, whichever comes first.
func StartTarget(ctx context.Context, cfg TargetConfig) (*Target, error) {
	if err := checkTarget(cfg); err != nil {
		return nil, fmt.Errorf("start target %s: %w", cfg.Name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Target{name: cfg.Name, userns: os.Geteuid() != 0, log: newSSHLog(cfg.Log.With("target", cfg.Name)), cancel: cancel}
	if err := t.start(ctx, cfg); err != nil {
		err = fmt.Errorf("start target %s: %w", cfg.Name, err)
		if said := lastLines(t.log.String(), 5); said != "" {
			err = fmt.Errorf("%w; it said:\n%s", err, said)
		}
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func checkTarget(cfg TargetConfig) error {
	switch {
	case !cfg.Address.Addr().Is4():
		return fmt.Errorf("address %s: want IPv4 with a length, such as 10.90.0.11/24", cfg.Address)
	case cfg.Name == "" || len(cfg.Name) > 63 || strings.ContainsAny(cfg.Name, " \n\t/:"):
		return errors.New("name: want a host name of at most 63 letters, digits and dashes")
	case cfg.LAN == nil || cfg.Log == nil:
		return errors.New("configuration: LAN and Log must be set")
	}
	return CanRunTargets()
}

func (t *Target) start(ctx context.Context, cfg TargetConfig) error {
	private, public, err := newHostKey()
	if err != nil {
		return err
	}
	t.hostKey = public
	frames, theirFrames, err := wire(cfg.Name + " frames")
	if err != nil {
		return err
	}
	defer theirFrames.Close()
	control, theirControl, err := wire(cfg.Name + " control")
	if err != nil {
		frames.Close()
		return err
	}
	defer theirControl.Close()
	t.control = control

	t.group, ctx = errgroup.WithContext(ctx)
	t.group.Go(func() error { return cfg.LAN(ctx, frames) })
	if t.child, err = startTied(t.command(theirControl, theirFrames)); err != nil {
		return fmt.Errorf("enter namespaces (as root in a container this needs CAP_SYS_ADMIN): %w", err)
	}
	t.group.Go(func() error { <-ctx.Done(); return control.Close() })
	if t.userns {
		if err := mapIDs(ctx, t.child.pid()); err != nil {
			return err
		}
	}
	mac := targetMAC(cfg.Address.Addr())
	if err := json.NewEncoder(control).Encode(orders{Name: cfg.Name, Address: cfg.Address, MAC: mac.String(),
		Tar: cfg.Tar, HostKey: private, MapIDs: t.userns}); err != nil {
		return fmt.Errorf("give orders: %w", err)
	}
	select {
	case <-t.log.listening:
		return nil
	case <-t.child.done:
		return fmt.Errorf("its first process ended: %w", t.child.err)
	case <-time.After(readyWithin):
		return fmt.Errorf("sshd does not listen after %s", readyWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// command is this same program, in new namespaces. Ambient capabilities carry root's powers in the new user namespace
// over the exec, where no id is mapped yet.
func (t *Target) command(control, frames *os.File) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childVariable + "=target", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.ExtraFiles = []*os.File{control, frames} // controlFD, framesFD
	cmd.Stdout, cmd.Stderr = t.log, t.log
	attr := &syscall.SysProcAttr{Setpgid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if t.userns {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		for c := range uintptr(unix.CAP_LAST_CAP + 1) {
			attr.AmbientCaps = append(attr.AmbientCaps, c)
		}
	}
	cmd.SysProcAttr = attr
	return cmd
}

// HostKey is the server's public key, as a line of authorized_keys without comment.
func (t *Target) HostKey() string { return t.hostKey }

// Log is what sshd has said so far.
func (t *Target) Log() string { return t.log.String() }

// Authorize lets the holder of a public key log in as deploy.
func (t *Target) Authorize(line string) error {
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err != nil {
		return fmt.Errorf("authorize key on %s: %w: want a line of authorized_keys, got %q", t.name, err, line)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	cmd := t.enter(ctx, "/bin/sh", "-c", "cat >>/home/deploy/.ssh/authorized_keys")
	cmd.Stdin = strings.NewReader(strings.TrimSpace(line) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("authorize key on %s: %w: %s", t.name, err, out)
	}
	return nil
}

// Exec runs a command inside as root and returns what it printed, on both streams.
func (t *Target) Exec(ctx context.Context, argv ...string) (string, error) {
	out, err := t.enter(ctx, argv...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("run %q on %s: %w: %s", strings.Join(argv, " "), t.name, err, lastLines(string(out), 3))
	}
	return string(out), nil
}

func (t *Target) enter(ctx context.Context, argv ...string) *exec.Cmd {
	args := []string{"--target", strconv.Itoa(t.child.pid()), "--mount", "--pid", "--net", "--uts", "--ipc"}
	if t.userns {
		args = append(args, "--user", "--setuid", "0", "--setgid", "0")
	}
	args = append(args, "--wd=/", "--")
	cmd := exec.CommandContext(ctx, "nsenter", append(args, argv...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	return cmd
}

// Done is closed when the target has ended.
func (t *Target) Done() <-chan struct{} { return t.child.done }

// Close ends the target and returns when all its processes are gone.
func (t *Target) Close() error {
	t.cancel()
	var err error
	if t.group != nil {
		if err = t.group.Wait(); errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	if t.control != nil {
		t.control.Close()
	}
	if t.child != nil {
		t.child.kill()
	}
	return err
}

// targetMAC derives a card's address from the IP address, so that a capture reads well.
func targetMAC(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{0x02, 0xa1, b[0], b[1], b[2], b[3]}
}

func newHostKey() (private, public string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		return "", "", fmt.Errorf("make host key: %w", err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", "", fmt.Errorf("make host key: %w", err)
	}
	return string(pem.EncodeToMemory(block)), string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key))), nil
}
