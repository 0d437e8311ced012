package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// stubPath is the program in front of kernel, initrd and command line (systemd-stub(7)).
const stubPath = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"

// bootFile is the unified kernel image in the work directory.
func (b *Builder) bootFile() string { return filepath.Join(b.work, "BOOTX64.EFI") }

// makeBoot writes the unified kernel image.
func (b *Builder) makeBoot(base *Archive, r *Result) (string, error) {
	kernels := base.Glob("boot/vmlinuz-*")
	if len(kernels) != 1 {
		return "", fmt.Errorf("the Debian packages brought %d kernels (%s), one was expected", len(kernels), strings.Join(kernels, ", "))
	}
	r.Kernel = strings.TrimPrefix(kernels[0], "boot/vmlinuz-")
	kernel, err := base.ReadFile(kernels[0])
	if err != nil {
		return "", err
	}
	stub, err := base.ReadFile(stubPath)
	if err != nil {
		return "", err
	}
	release, err := base.ReadFile("usr/lib/os-release")
	if err != nil {
		return "", err
	}
	initrd, err := b.makeInitrd(base, r.Kernel)
	if err != nil {
		return "", err
	}
	uki, err := appendSections(stub, []section{
		{".osrel", release},
		{".cmdline", []byte(b.recipe.Cmdline)},
		{".uname", []byte(r.Kernel)},
		{".initrd", initrd},
		{".linux", kernel},
	})
	if err != nil {
		return "", fmt.Errorf("join kernel and initrd: %w", err)
	}
	r.Boot = int64(len(uki))
	if err := os.WriteFile(b.bootFile(), uki, 0o644); err != nil {
		return "", fmt.Errorf("write boot file: %w", err)
	}
	return fmt.Sprintf("Linux %s, %d KiB, of it initrd %d KiB", r.Kernel, r.Boot/KiB, int64(len(initrd))/KiB), nil
}

// makeInitrd packs our init script, busybox and the modules for disks.
func (b *Builder) makeInitrd(base *Archive, kernel string) ([]byte, error) {
	script, err := os.ReadFile(filepath.Join(b.recipe.Dir, "initrd", "init"))
	if err != nil {
		return nil, fmt.Errorf("read init of initrd: %w", err)
	}
	busybox, err := base.ReadFile("usr/bin/busybox")
	if err != nil {
		return nil, err
	}
	list, err := base.ReadFile("boot/initrd-modules")
	if err != nil {
		return nil, err
	}
	files := cpio{}
	for _, dir := range []string{"bin", "dev", "proc", "sys", "root", "lib", "lib/modules"} {
		files.add(dir, modeDir|0o755, nil)
	}
	files.add("bin/busybox", modeFile|0o755, busybox)
	files.add("init", modeFile|0o755, script)
	names := &strings.Builder{}
	for _, file := range strings.Fields(string(list)) {
		content, err := base.ReadFile("usr/lib/modules/" + kernel + "/" + file)
		if err != nil {
			return nil, err
		}
		files.add("lib/modules/"+path.Base(file), modeFile|0o644, content)
		fmt.Fprintln(names, path.Base(file))
	}
	files.add("modules", modeFile|0o644, []byte(names.String()))
	return compress(files.bytes())
}

// compress makes one zstd frame, which the kernel unpacks; it reads at most a window of 8 MiB.
func compress(plain []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(1<<22), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress initrd: %w", err)
	}
	defer w.Close()
	return w.EncodeAll(plain, nil), nil
}

// File types in cpio's mode field.
const (
	modeDir  = 0o040000
	modeFile = 0o100000
)

// cpio collects an archive in the "newc" format (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
type cpio struct {
	out   bytes.Buffer
	inode int
}

func (c *cpio) add(name string, mode int, content []byte) {
	c.inode++
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	fmt.Fprintf(&c.out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	io.WriteString(&c.out, name+"\x00")
	c.pad()
	c.out.Write(content)
	c.pad()
}

// pad fills up to a multiple of four.
func (c *cpio) pad() { c.out.Write(make([]byte, -c.out.Len()&3)) }

// bytes ends the archive and returns it.
func (c *cpio) bytes() []byte {
	c.add("TRAILER!!!", 0, nil)
	return c.out.Bytes()
}
