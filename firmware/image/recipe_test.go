package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is the root of the repository, seen from this package.
const source = "../.."

func TestTheRecipeOfTheRepository(t *testing.T) {
	r, err := ReadRecipe(filepath.Join(source, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nftables", "systemd-boot-efi", "linux-image-amd64", "ppp"} {
		if !slices.Contains(r.Packages, want) {
			t.Errorf("packages lack %s", want)
		}
	}
	for _, network := range []string{"openssh-server", "ifupdown", "isc-dhcp-client", "network-manager", "iproute2", "dbus"} {
		if slices.Contains(r.Packages, network) {
			t.Errorf("packages bring %s, which the appliance must not have", network)
		}
	}
	// A driver of a network interface in the initrd would come before the interlock.
	for _, module := range r.Initrd {
		if slices.Contains([]string{"virtio_net", "cdc_ether", "e1000e", "r8169", "usbnet"}, module) {
			t.Errorf("the initrd loads %s before the interlock is there", module)
		}
	}
	for _, module := range []string{"ftdi_sio", "cdc_ether", "virtio_net", "nf_tables", "ext4", "ppp_async", "cdc_ncm", "huawei_cdc_ncm", "rndis_host", "option", "cdc_acm"} {
		if !slices.Contains(r.Modules, module) {
			t.Errorf("modules lack %s", module)
		}
	}
	// Of pppd only the program comes along: a script of its would run as root in netd's sandbox, with options that nobody gave.
	for _, extra := range []string{"etc/ppp/ip-up", "etc/ppp/options", "usr/lib/pppd/2.5.2/pppoe.so", "usr/bin/pon", "usr/sbin/chat"} {
		if !r.leavesOut(extra) {
			t.Errorf("the image has /%s", extra)
		}
	}
	if r.leavesOut("usr/sbin/pppd") {
		t.Error("the image has no pppd")
	}
	if !strings.Contains(r.Cmdline, "airlock.root=airlock-root-a ") || strings.Contains(r.Cmdline, "\n") {
		t.Errorf("cmdline = %q", r.Cmdline)
	}
}

// What modules-load.d asks for must be in the image, else the boot goes on without the modem.
func TestModulesLoadedByNameAreKept(t *testing.T) {
	r, err := ReadRecipe(filepath.Join(source, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := readLines(filepath.Join(source, "rootfs/overlay/etc/modules-load.d/airlock.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) == 0 {
		t.Error("no module is loaded by name")
	}
	for _, l := range lines {
		if !slices.Contains(r.Modules, l.text) {
			t.Errorf("modules-load.d/airlock.conf:%d: %s is not in rootfs/modules", l.number, l.text)
		}
	}
}

func TestRecipeErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"packages", "systemd\nnft ables\n", "rootfs/packages:2: \"nft ables\""},
		{"packages", "systemd\n\n# why\nbuild: systemd # again\n", "rootfs/packages:4: systemd stands already in line 1"},
		{"packages", "--option=x\n", "rootfs/packages:1:"},
		{"modules", "ext4\n", "rootfs/modules:1: a module stands before"},
		{"modules", "[root]\next4\n[initrd]\next4\n", "rootfs/modules:4: ext4 stands already in line 2"},
		{"modules", "[root]\n$(reboot)\n", "rootfs/modules:2:"},
		{"leave-out", "/usr/share/doc\n", "rootfs/leave-out:1:"},
		{"leave-out", "usr/../etc\n", "rootfs/leave-out:1:"},
		{"leave-out", "usr/[\n", "rootfs/leave-out:1:"},
		{"units", "mask\n", "rootfs/units:1: \"mask\" takes 1 words"},
		{"units", "enable netd.service\n", "rootfs/units:1: \"enable\" takes 2 words"},
		{"units", "start netd.service\n", "rootfs/units:1: unknown rule \"start\""},
		{"cmdline", strings.Repeat("x", 2048), "the kernel takes 2047"},
	} {
		dir := recipeDir(t)
		write(t, filepath.Join(dir, c.file), c.text)
		_, err := ReadRecipe(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ReadRecipe with %s %q = %v, want an error with %q", c.file, c.text, err, c.want)
		}
	}
}

func TestUnitsBecomeLinks(t *testing.T) {
	dir := recipeDir(t)
	write(t, filepath.Join(dir, "units"), `
default multi-user.target
enable console@ttyS0.service multi-user.target # menu
mask getty.target
no-generator g
no-tmpfiles x11.conf
`)
	r, err := ReadRecipe(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Link{
		{"etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"},
		{"etc/systemd/system/multi-user.target.wants/console@ttyS0.service", "/usr/lib/systemd/system/console@.service"},
		{"etc/systemd/system/getty.target", "/dev/null"},
		{"etc/systemd/system-generators/g", "/dev/null"},
		{"etc/tmpfiles.d/x11.conf", "/dev/null"},
	}
	if !slices.Equal(r.Units, want) {
		t.Errorf("links = %v, want %v", r.Units, want)
	}
}

func TestLeavesOut(t *testing.T) {
	r := Recipe{LeaveOut: []string{"boot", "usr/share/doc", "usr/bin/perl*", "dev/*"}}
	for name, want := range map[string]bool{
		"boot": true, "boot/vmlinuz": true, "bootstrap": false, "usr/boot": false,
		"usr/share": false, "usr/share/doc/a/b": true, "usr/share/docs": false,
		"usr/bin/perl5.40": true, "usr/bin/per": false, "dev": false, "dev/null": true, "dev/pts/0": true,
	} {
		if got := r.leavesOut(name); got != want {
			t.Errorf("leavesOut(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestDebianMirrors(t *testing.T) {
	for _, c := range []struct{ repositories, archive, security string }{
		{"", "", ""},
		{"http://m.example/debian/\nhttp://m.example/debian/\nhttp://m.example/debian-security/\n", "http://m.example/debian/", "http://m.example/debian-security/"},
		{"https://deb.example/node_20.x\nhttp://other.example/apt/\n", "", ""},
		{"http://archive.example/ubuntu/", "", ""},
	} {
		if a, s := debianMirrors(c.repositories); a != c.archive || s != c.security {
			t.Errorf("debianMirrors(%q) = %q, %q", c.repositories, a, s)
		}
	}
	if lines := sourceLines("trixie", "", ""); len(lines) != 0 {
		t.Errorf("without a mirror the lines are %q, want none", lines)
	}
	if lines := sourceLines("trixie", "http://m.example/debian", "http://m.example/s"); len(lines) != 3 || lines[2] != "deb http://m.example/s trixie-security main" {
		t.Errorf("lines = %q", lines)
	}
}

// recipeDir is the smallest recipe that can be read.
func recipeDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{
		"packages": "systemd\n", "modules": "[initrd]\nsquashfs\n[root]\n", "leave-out": "boot\n", "units": "default a.target\n",
		"cmdline": "ro\n", "hooks/customize": "true\n", "overlay/usr/lib/sysusers.d/airlock.conf": "g airlock 950\n",
	} {
		write(t, filepath.Join(dir, file), text)
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
