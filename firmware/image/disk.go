package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// rootFile is the squashfs in the work directory.
func (b *Builder) rootFile() string { return filepath.Join(b.work, "root.squashfs") }

// makeRoot packs base and overlay as a squashfs. Level 3 takes seconds, the default level minutes.
func (b *Builder) makeRoot(ctx context.Context, base *Archive, binaries map[string]string, r *Result) (string, error) {
	entries, err := b.entries(base, binaries)
	if err != nil {
		return "", err
	}
	os.Remove(b.rootFile())
	cmd := b.command(ctx, "mksquashfs", "-", b.rootFile(), "-tar", "-comp", "zstd", "-Xcompression-level", "3",
		// The root directory does not come from the archive but from who runs this; version 4.5 obeys
		// -all-root there, but not -root-uid.
		"-all-root", "-root-mode", "0755", "-root-time", fmt.Sprint(b.cfg.Epoch.Unix()),
		"-b", "128K", "-quiet", "-no-progress", "-noappend")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return "", fmt.Errorf("connect mksquashfs: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start mksquashfs: %w", err)
	}
	buffered := bufio.NewWriterSize(pipe, 1<<20)
	mergeErr := merge(buffered, base, &b.recipe, entries, b.cfg.Epoch)
	if mergeErr == nil {
		mergeErr = buffered.Flush()
	}
	pipe.Close()
	if err := cmd.Wait(); err != nil {
		return "", errors.Join(fmt.Errorf("run mksquashfs: %w: %s", err, tail(said.String(), 10)), mergeErr)
	}
	if mergeErr != nil {
		return "", mergeErr
	}
	info, err := os.Stat(b.rootFile())
	if err != nil {
		return "", fmt.Errorf("look at root: %w", err)
	}
	if r.Root = info.Size(); r.Root > b.cfg.SlotSize {
		return "", fmt.Errorf("the root file system has %d MiB, a slot only %d MiB; leave packages or modules out, or enlarge the slots", r.Root/MiB, b.cfg.SlotSize/MiB)
	}
	return fmt.Sprintf("squashfs, %d KiB", r.Root/KiB), nil
}

// makeDisk puts the partitions together.
func (b *Builder) makeDisk(ctx context.Context, r *Result) (string, error) {
	layout, err := NewLayout(b.cfg.SlotSize, b.cfg.DataSize)
	if err != nil {
		return "", err
	}
	esp, data := filepath.Join(b.work, "esp.fat"), filepath.Join(b.work, "data.ext4")
	if err := b.makeESP(ctx, esp, espSize); err != nil {
		return "", err
	}
	if err := b.makeData(ctx, data, b.cfg.DataSize); err != nil {
		return "", err
	}
	partial := r.Image + ".part"
	defer os.Remove(partial)
	if err := emptyFile(partial, layout.Size); err != nil {
		return "", err
	}
	sfdisk := b.command(ctx, "sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", partial)
	sfdisk.Stdin = strings.NewReader(layout.script())
	if err := quiet(sfdisk); err != nil {
		return "", err
	}
	for name, file := range map[string]string{"airlock-esp": esp, "airlock-root-a": b.rootFile(), "airlock-data": data} {
		p, err := layout.Find(name)
		if err != nil {
			return "", err
		}
		if err := copyInto(partial, p.Start, file); err != nil {
			return "", fmt.Errorf("fill partition %s: %w", name, err)
		}
	}
	info, err := os.Stat(partial)
	if err != nil {
		return "", fmt.Errorf("look at image: %w", err)
	}
	r.Size = info.Size()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		r.OnDisk = st.Blocks * 512
	}
	if err := os.Rename(partial, r.Image); err != nil {
		return "", fmt.Errorf("put image in place: %w", err)
	}
	return fmt.Sprintf("%d MiB, of it %d MiB on this disk", r.Size/MiB, r.OnDisk/MiB), nil
}

// makeESP makes the partition that the firmware reads, with our boot file where every UEFI looks.
func (b *Builder) makeESP(ctx context.Context, file string, size int64) error {
	if err := emptyFile(file, size); err != nil {
		return err
	}
	volume := strings.ReplaceAll(uuid("esp"), "-", "")[:8]
	for _, args := range [][]string{
		{"mkfs.vfat", "-F", "32", "-n", "AIRLOCK-ESP", "-i", volume, "--invariant", file},
		{"mmd", "-i", file, "::EFI", "::EFI/BOOT"},
		{"mcopy", "-i", file, b.bootFile(), "::EFI/BOOT/BOOTX64.EFI"},
	} {
		if err := quiet(b.command(ctx, args[0], args[1:]...)); err != nil {
			return err
		}
	}
	return nil
}

// makeData makes the partition for state. Tables are zeroed when it is first mounted, so that a fresh
// image stays sparse.
func (b *Builder) makeData(ctx context.Context, file string, size int64) error {
	if err := emptyFile(file, size); err != nil {
		return err
	}
	id := uuid("data")
	return quiet(b.command(ctx, "mkfs.ext4", "-q", "-F", "-L", "airlock-data", "-m", "1", "-U", id,
		"-E", "hash_seed="+id+",lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0,nodiscard", file))
}

// command prepares a tool with the build's time stamp.
func (b *Builder) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if path, err := lookTool(name); err == nil {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.cfg.Epoch.Unix()), "MTOOLS_SKIP_CHECK=1", "TZ=UTC", "LC_ALL=C")
	return cmd
}

// quiet runs a tool that has nothing to say unless it fails.
func quiet(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, tail(string(out), 10))
	}
	return nil
}

// emptyFile makes a file of one hole.
func emptyFile(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("size file: %w", err)
	}
	return nil
}

// copyInto copies a file to an offset of another, leaving holes where it has nothing but zeros.
func copyInto(name string, offset int64, from string) error {
	out, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	buf, zero := make([]byte, 64*KiB), make([]byte, 64*KiB)
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], offset); err != nil {
				return err
			}
		}
		offset += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
	}
}
