package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// targetSuite is the Debian release of the targets; mmdebstrap of Debian 12 and 13 both make it.
const targetSuite = "trixie"

// targetRecipe is what mmdebstrap is told besides the suite and the file to write. A change makes a new root.
func targetRecipe() []string {
	return []string{
		"--variant=essential", // has coreutils, dash, tar, and dpkg with start-stop-daemon; no apt
		"--include=openssh-server,procps",
		`--aptopt=APT::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		`--customize-hook=chroot "$1" useradd --create-home --shell /bin/sh --password '*' deploy`,
		`--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id`, // each target gets a key of its own
	}
}

// TargetRoot returns the root file system of targets as a tar file in cache, made by mmdebstrap when it is not there
// yet (about a minute and 95 MB). say tells a person what takes so long.
func TargetRoot(ctx context.Context, cache string, say func(string)) (string, error) {
	digest := sha256.Sum256([]byte(targetSuite + "\n" + strings.Join(targetRecipe(), "\n")))
	path := filepath.Join(cache, "target-"+targetSuite+"-"+hex.EncodeToString(digest[:6])+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make target root: %w", err)
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return "", fmt.Errorf("make target root: mmdebstrap is not installed; `make setup` installs it")
	}
	say("making the targets' Debian root once (about a minute)")
	begun := time.Now()
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	defer os.Remove(part)
	args := append(targetRecipe(), "--format=tar", targetSuite, part)
	if mirror := debianMirror(ctx); mirror != "" {
		args = append(args, mirror)
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	// mmdebstrap looks for dpkg's programs in PATH, and an ordinary user's PATH lacks the sbin folders.
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it removes its folder then
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("make target root: mmdebstrap: %w; its last lines:\n%s", err, lastLines(out.String(), 8))
	}
	if err := os.Chmod(part, 0o644); err != nil {
		return "", fmt.Errorf("make target root: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("make target root: %w", err)
	}
	say(fmt.Sprintf("the targets' root is ready after %.0f s", time.Since(begun).Seconds()))
	return path, nil
}

// debianMirror is the archive that this machine's apt takes Debian from; "" leaves the choice to mmdebstrap.
func debianMirror(ctx context.Context) string {
	// Where apt is not there or says nothing, mmdebstrap's own mirror is right.
	out, _ := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	for _, uri := range strings.Fields(string(out)) {
		if strings.HasSuffix(strings.TrimSuffix(uri, "/"), "/debian") { // not debian-security, which is another archive
			return uri
		}
	}
	return ""
}

// lastLines returns the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
