package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// wantedIDs is how many user and group numbers a target needs: Debian's own are all below 65536.
const wantedIDs = 65536

// idRange is a line of /etc/subuid or /etc/subgid.
type idRange struct{ first, count int }

// CanRunTargets says why targets cannot run on this machine, and what to do; nil when they can.
func CanRunTargets() error {
	if os.Geteuid() == 0 {
		return nil // what root lacks, a container's missing capability for one, StartTarget tells
	}
	for _, tool := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("targets need %s (Debian package uidmap), or root; `make setup` installs it", tool)
		}
	}
	if _, _, err := ownRanges(); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childVariable + "=probe"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("targets need user namespaces, which this kernel refuses to ordinary users (%w): "+
			"try sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0, or run as root", err)
	}
	return nil
}

// ownRanges returns the ranges of subordinate user and group numbers of whoever runs us.
func ownRanges() (users, groups idRange, err error) {
	me, err := user.Current()
	if err != nil {
		return users, groups, fmt.Errorf("find own user: %w", err)
	}
	if users, err = readRange("/etc/subuid", me); err != nil {
		return users, groups, err
	}
	groups, err = readRange("/etc/subgid", me)
	return users, groups, err
}

func readRange(path string, me *user.User) (idRange, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return idRange{}, fmt.Errorf("find subordinate ids: %w", err)
	}
	if r, ok := findRange(string(content), me.Username, me.Uid); ok {
		return r, nil
	}
	return idRange{}, fmt.Errorf("targets need %d subordinate ids and %s has none for %s: "+
		"run `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s`, or run as root",
		wantedIDs, path, me.Username, me.Username)
}

// findRange finds the first range that is wide enough in the text of /etc/subuid: lines of name:first:count, where the
// name may be a number (subuid(5)).
func findRange(text, name, id string) (idRange, bool) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		f := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(f) != 3 || (f[0] != name && f[0] != id) {
			continue
		}
		first, err1 := strconv.Atoi(f[1])
		count, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil && count >= wantedIDs-1 {
			return idRange{first, count}, true
		}
	}
	return idRange{}, false
}

// mapIDs gives the user namespace of pid its numbers: 0 is whoever runs us, 1 to 65535 are subordinate. newuidmap and
// newgidmap are the setuid programs that may write such a map.
func mapIDs(ctx context.Context, pid int) error {
	users, groups, err := ownRanges()
	if err != nil {
		return err
	}
	for _, m := range []struct {
		tool string
		own  int
		sub  idRange
	}{{"newuidmap", os.Getuid(), users}, {"newgidmap", os.Getgid(), groups}} {
		out, err := exec.CommandContext(ctx, m.tool, strconv.Itoa(pid),
			"0", strconv.Itoa(m.own), "1",
			"1", strconv.Itoa(m.sub.first), strconv.Itoa(min(m.sub.count, wantedIDs-1))).CombinedOutput()
		if err != nil {
			return fmt.Errorf("map ids: %s: %w: %s", m.tool, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
