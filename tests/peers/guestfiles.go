package peers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// guestInit is the guest's first process. It reads how to prove who we are, calls, says UP or FAILED, and hangs up at the
// next line.
const guestInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
stty -echo
for m in slhc ppp_generic ppp_async; do insmod /$m.ko; done
printf 'node * secret *\n' > /etc/ppp/chap-secrets
cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
chmod 600 /etc/ppp/*
echo READY
while read how; do
  pppd /dev/ttyS1 115200 nodetach noauth local debug user node $how persist maxfail 3 holdoff 1 \
    connect "chat -t 5 ABORT 'NO CARRIER' '' ATE0 OK ATD*99***1# CONNECT" > /log 2>&1 &
  n=0
  until ip -o addr show ppp0 2>/dev/null | grep -q ' inet ' || [ $n = 40 ]; do sleep 0.25; n=$((n+1)); done
  sleep 0.5
  if [ $n = 40 ]; then echo FAILED $(tail -20 /log); else echo UP $(ip -o addr show ppp0); fi
  read go
  kill $!; wait
  echo DOWN
done
`

// guestFiles makes the guest's initial RAM disk in dir, and gives the kernel for it.
func guestFiles(dir string) (kernel string, err error) {
	root, err := projectRoot()
	if err != nil {
		return "", err
	}
	tree := filepath.Join(root, unpacked)
	kernels, _ := filepath.Glob(filepath.Join(tree, "boot/vmlinuz-*")) // the pattern is well-formed
	if len(kernels) == 0 {
		return "", fmt.Errorf("no kernel with PPP is here: %w", ErrMissing)
	}
	into := filepath.Join(dir, "root")
	for _, folder := range [...]string{"bin", "dev", "proc", "sys", "etc/ppp", "run", "var/run", "tmp", "usr/sbin"} {
		if err := os.MkdirAll(filepath.Join(into, folder), 0o755); err != nil {
			return "", fmt.Errorf("lay out the guest: %w", err)
		}
	}
	for _, module := range [...]string{"slhc", "ppp_generic", "ppp_async"} {
		if err := copyModule(tree, module, into); err != nil {
			return "", err
		}
	}
	for name, folder := range map[string]string{"busybox": "bin", "pppd": "usr/sbin", "chat": "usr/sbin"} {
		if err := copyProgram(name, folder, into); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(into, "init"), []byte(guestInit), 0o755); err != nil {
		return "", fmt.Errorf("write the guest's init: %w", err)
	}
	return kernels[len(kernels)-1], pack(into, filepath.Join(dir, "initrd"))
}

func copyModule(tree, name, into string) error {
	var found []string
	err := filepath.WalkDir(filepath.Join(tree, "lib/modules"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name+".ko" {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return fmt.Errorf("kernel module %s (uncompressed, as Debian 12 has it) is not here: %w", name, ErrMissing)
	}
	return copyFile(found[0], filepath.Join(into, name+".ko"), 0o644)
}

// sharedObject is a line of ldd(1).
var sharedObject = regexp.MustCompile(`(/\S+\.so\S*)`)

// copyProgram copies a program with its libraries.
func copyProgram(name, folder, into string) error {
	p, err := find(name)
	if err != nil {
		return err
	}
	if err := copyFile(p.path, filepath.Join(into, folder, name), 0o755); err != nil {
		return err
	}
	ldd := exec.Command("ldd", p.path)
	ldd.Env = append(os.Environ(), p.libraries()...)
	out, _ := ldd.Output() // it fails for a static program, which needs none
	for _, library := range sharedObject.FindAllString(string(out), -1) {
		to := filepath.Join(into, strings.TrimPrefix(library, strings.TrimSuffix(p.root, "/")))
		if err := copyFile(library, to, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, mode)
	}
	if err != nil {
		return fmt.Errorf("copy to the guest: %w", err)
	}
	return nil
}

// pack makes an initial RAM disk of a folder.
func pack(folder, file string) error {
	var names bytes.Buffer
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if name, relErr := filepath.Rel(folder, path); relErr == nil {
			fmt.Fprintln(&names, name)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list the guest's files: %w", err)
	}
	cpio := exec.Command("cpio", "--quiet", "-o", "-H", "newc")
	cpio.Dir, cpio.Stdin = folder, &names
	image, err := cpio.Output()
	if err != nil {
		return fmt.Errorf("pack the guest's files: %w", err)
	}
	return os.WriteFile(file, image, 0o644)
}
