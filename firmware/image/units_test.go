package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unitRoot is a root with our overlay on top of this machine's own units, and programs where ours
// will be, so that systemd-analyze of this machine can judge our units.
func unitRoot(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (package systemd)")
	}
	const system = "/usr/lib/systemd/system"
	if _, err := os.Stat(system + "/sysinit.target"); err != nil {
		t.Skip("this machine has no units of systemd to check against")
	}
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, system), regularOnly(system)); err != nil {
		t.Fatal(err)
	}
	entries, err := readOverlay(filepath.Join(source, "rootfs/overlay"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Mode.IsRegular() {
			write(t, filepath.Join(root, e.Path), string(e.Content))
		}
	}
	programs := []string{"usr/sbin/nft", "usr/sbin/pppd"}
	for _, path := range binaryPaths {
		programs = append(programs, path)
	}
	for _, path := range programs {
		write(t, filepath.Join(root, path), "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "etc/passwd"), "root:*:0:0::/:/bin/sh\ndeployd:*:951:951::/:/bin/sh\ntech:*:952:952::/:/bin/sh\nnetguard:*:953:953::/:/bin/sh\n")
	write(t, filepath.Join(root, "etc/group"), "root:x:0:\nairlock:x:950:deployd,tech\nnetguard:x:953:\n")
	return root
}

// What systemd says about any unit of ours is a mistake in it.
func TestUnitsAreUnderstoodBySystemd(t *testing.T) {
	root := unitRoot(t)
	units := []string{"airlock-interlock.service", "data.mount", "var.mount", "netd.service", "netguard.service", "deployd.service", "airlock-console@ttyS0.service"}
	out, _ := exec.Command("systemd-analyze", append([]string{"verify", "--root=" + root, "--man=no", "--recursive-errors=no"}, units...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		for _, unit := range []string{"airlock-interlock", "data.mount", "var.mount", "netd.service", "netguard.service", "deployd.service", "airlock-console@"} {
			// Units of this machine may disagree among themselves; that is not ours.
			if strings.Contains(line, unit) && !newerKey(line) {
				t.Errorf("systemd-analyze verify: %s", line)
				break
			}
		}
	}
}

// newerKey tells of a setting that the appliance's systemd knows and this machine's may not.
func newerKey(line string) bool {
	return strings.Contains(line, "Unknown key") && (strings.Contains(line, "TTYRows") || strings.Contains(line, "TTYColumns"))
}

// Exposure as systemd counts it, times ten. netd's rest is what a doorkeeper is for: root, links,
// packet sockets, serial ports.
func TestUnitsAreSandboxed(t *testing.T) {
	root := unitRoot(t)
	for unit, limit := range map[string]string{"netd.service": "23", "netguard.service": "15", "deployd.service": "10", "airlock-console@ttyS0.service": "10"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--root="+root, "--threshold="+limit, unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s is more exposed than %s (tenths): %v\n%s", unit, limit, err, tail(string(out), 90))
		}
	}
}

// The design's table of privileges, as far as units can say it.
func TestPrivilegesOfTheUnits(t *testing.T) {
	for unit, wants := range map[string][]string{
		"netd.service": {"Requires=airlock-interlock.service", "BindsTo=netguard.service", "After=netguard.service", "Type=notify", "WatchdogSec=", "Restart=always", "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW", "DevicePolicy=closed", "BindPaths=/data/netd", "DeviceAllow=char-ppp rw", "ProtectKernelTunables=yes", "NoExecPaths=/"},
		"netguard.service": {"Upholds=netd.service", "After=airlock-interlock.service", "Type=notify", "WatchdogSec=", "Restart=always", "StartLimitIntervalSec=0",
			"User=netguard", "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW", "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW", "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_PACKET", "IPAddressDeny=any", "PrivateDevices=yes", "BindPaths=-/data/netguard"},
		"deployd.service":           {"User=deployd", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "CapabilityBoundingSet=", "Type=notify", "WatchdogSec=", "PrivateDevices=yes"},
		"airlock-console@.service":  {"User=tech", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "CapabilityBoundingSet=", "TemporaryFileSystem=/data:ro"},
		"airlock-interlock.service": {"DefaultDependencies=no", "Before=systemd-modules-load.service systemd-udev-trigger.service systemd-udevd.service", "RefuseManualStop=yes"},
		"data.mount":                {"What=/dev/disk/by-partlabel/airlock-data", "Where=/data", "Options=nodev,nosuid,noexec"},
	} {
		text, err := os.ReadFile(filepath.Join(source, "rootfs/overlay/usr/lib/systemd/system", unit))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains("\n"+string(text), "\n"+want) {
				t.Errorf("%s lacks a line that starts with %s", unit, want)
			}
		}
	}
}
