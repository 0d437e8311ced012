package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// childVariable tells a process that it was started as a part of the lab; its value says which.
const childVariable = "AIRLOCK_LAB_CHILD"

// File descriptors that a target's first process inherits.
const (
	controlFD = 3 // its orders, one JSON object; the end of this stream is the end of the target
	framesFD  = 4 // Ethernet frames in QEMU's form, to the LAN
)

// rootPlace is where a target's root is mounted before it becomes the root: a folder that every machine has, and that
// nobody misses in the mount namespace that is the target's own.
const rootPlace = "/sys"

// orders is what a target's first process is told once its ids are mapped.
type orders struct {
	Name    string       `json:"name"`
	Address netip.Prefix `json:"address"`
	MAC     string       `json:"mac"`
	Tar     string       `json:"tar"`
	HostKey string       `json:"host_key"` // private, OpenSSH PEM
	MapIDs  bool         `json:"map_ids"`  // in a user namespace
}

// MaybeChild must be the first call of main and of TestMain in every program that starts targets: when the process is
// a target's first process, it becomes that and never returns.
func MaybeChild() {
	switch os.Getenv(childVariable) {
	case "":
		return
	case "probe":
		os.Exit(0)
	case "target":
		if err := runTarget(); err != nil {
			fmt.Fprintln(os.Stderr, "target:", err)
			os.Exit(1)
		}
		os.Exit(0)
	default:
		fmt.Fprintf(os.Stderr, "%s is for the lab's own processes only; unset it\n", childVariable)
		os.Exit(2)
	}
}

// runTarget is the first process of a target's namespaces: when it ends, however that may be, the kernel kills all
// others there and takes the mounts and the network with them.
func runTarget() error {
	control, frames := os.NewFile(controlFD, "control"), os.NewFile(framesFD, "frames")
	unix.CloseOnExec(controlFD)
	unix.CloseOnExec(framesFD)
	var o orders
	if err := json.NewDecoder(control).Decode(&o); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, control) // ends when whoever started us closes it, or dies
		os.Exit(0)
	}()
	if err := becomeRoot(o); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(o.Name)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := enterRoot(o); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := configure(o); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if err := joinLAN(o, frames); err != nil {
		return fmt.Errorf("join LAN: %w", err)
	}
	return runServer()
}

// becomeRoot takes user 0 of the user namespace; the capabilities came along as ambient ones.
func becomeRoot(o orders) error {
	if !o.MapIDs {
		return nil
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("become root of the user namespace: %w", err)
	}
	if err := syscall.Setresgid(0, 0, 0); err != nil {
		return fmt.Errorf("become root of the user namespace: %w", err)
	}
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		return fmt.Errorf("become root of the user namespace: %w", err)
	}
	return nil
}

// enterRoot makes the target's file system in memory and makes it the root of this mount namespace. It is not
// seen from outside, so nothing of it can be left behind.
func enterRoot(o orders) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("target", rootPlace, "tmpfs", unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", rootPlace, err)
	}
	out, err := exec.Command("tar", "--extract", "--preserve-permissions", "--same-owner", "--numeric-owner",
		"--exclude=./dev/*", "--file", o.Tar, "--directory", rootPlace).CombinedOutput()
	if err != nil {
		return fmt.Errorf("unpack %s: %w: %s", o.Tar, err, lastLines(string(out), 3))
	}
	if err := mountKernel(rootPlace); err != nil {
		return err
	}
	if err := os.Chdir(rootPlace); err != nil {
		return err
	}
	// Both on the same place: the old root then lies on top, from where it is taken away (pivot_root(2)).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach the old root: %w", err)
	}
	return os.Chdir("/")
}

// mountKernel mounts what a server expects of the kernel: its own processes, terminals, and the harmless devices.
func mountKernel(root string) error {
	proc, dev, pts := filepath.Join(root, "proc"), filepath.Join(root, "dev"), filepath.Join(root, "dev/pts")
	if err := os.MkdirAll(pts, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount proc (in a container: give it --security-opt systempaths=unconfined): %w", err)
	}
	if err := unix.Mount("devpts", pts, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return fmt.Errorf("mount devpts: %w", err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		place := filepath.Join(dev, name)
		if err := os.WriteFile(place, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, place, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind /dev/%s: %w", name, err)
		}
	}
	for name, to := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0",
		"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(dev, name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// sshdConfig is Debian's plain server, without what sends packets of its own accord: no keepalive.
const sshdConfig = `HostKey /etc/ssh/ssh_host_ed25519_key
AddressFamily inet
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
TCPKeepAlive no
PrintMotd no
PidFile none
LogLevel VERBOSE
Subsystem sftp /usr/lib/openssh/sftp-server
`

// configure lays the files of this one target into the root that is ours by now.
func configure(o orders) error {
	const home, owner = "/home/deploy", "deploy:deploy"
	for _, dir := range []string{"/run/sshd", "/srv", home + "/.ssh"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		path, content string
		mode          os.FileMode
	}{
		{"/etc/hostname", o.Name + "\n", 0o644},
		{"/etc/hosts", "127.0.0.1 localhost\n" + o.Address.Addr().String() + " " + o.Name + "\n", 0o644},
		{"/etc/ssh/sshd_config", sshdConfig, 0o644},
		{"/etc/ssh/ssh_host_ed25519_key", o.HostKey, 0o600},
		{home + "/.ssh/authorized_keys", "", 0o600},
	} {
		if err := os.WriteFile(f.path, []byte(f.content), f.mode); err != nil {
			return err
		}
	}
	out, err := exec.Command("/usr/bin/chown", "-R", owner, home, "/srv").CombinedOutput()
	if err != nil {
		return fmt.Errorf("chown: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// runServer starts sshd and, being the first process, collects every process that ends until sshd does.
func runServer() error {
	null, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	// Not os/exec: its Wait would compete with the collecting below.
	server, err := os.StartProcess("/usr/sbin/sshd", []string{"/usr/sbin/sshd", "-D", "-e"}, &os.ProcAttr{
		Dir: "/", Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: []*os.File{null, os.Stderr, os.Stderr},
	})
	if err != nil {
		return fmt.Errorf("start sshd: %w", err)
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for processes: %w", err)
		case pid == server.Pid:
			return fmt.Errorf("sshd ended (status %#x)", status)
		}
	}
}
