package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Paths of Debian packages that never reach the base: nobody reads them on the node, or they would
// make an initrd that is not ours. leave-out takes away what packages need while they are installed.
var excludedPaths = []string{
	"/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*",
	"/usr/lib/udev/hwdb.d/*", "/etc/kernel/postinst.d/*", "/etc/kernel/postrm.d/*",
}

// keyring is Debian's own, where the machine has it; Debian's apt finds it by itself.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// openBase opens the archive of Debian packages, from the cache where the recipe has not changed.
func (b *Builder) openBase(ctx context.Context, r *Result) (*Archive, string, error) {
	args, hook := b.mmdebstrapArgs(ctx), b.hook()
	file := filepath.Join(b.cfg.Out, "cache", "base-"+digest(append(args, hook))+".tar")
	note := "from the cache"
	if _, err := os.Stat(file); err == nil && !b.cfg.Refresh {
		r.Cached = true
	} else {
		note = "made anew"
		if err := b.mmdebstrap(ctx, args, hook, file); err != nil {
			return nil, "", err
		}
		dropOldBases(file)
	}
	base, err := OpenArchive(file)
	if err != nil {
		return nil, "", fmt.Errorf("%w; delete %s and build again", err, file)
	}
	r.Base = base.Size
	return base, fmt.Sprintf("%s, %d MiB", note, r.Base/MiB), nil
}

// mmdebstrapArgs and the hook are all that the base depends on; their digest names it in the cache.
func (b *Builder) mmdebstrapArgs(ctx context.Context) []string {
	args := []string{"--variant=essential", "--format=tar", "--include=" + strings.Join(b.recipe.Packages, ",")}
	for _, p := range excludedPaths {
		args = append(args, "--dpkgopt=path-exclude="+p)
	}
	if _, err := os.Stat(keyring); err == nil {
		args = append(args, "--keyring="+keyring)
	}
	args = append(args, b.cfg.Suite, "-")
	return append(args, b.sources(ctx)...)
}

// hook is the recipe's hook with the lists that it works on in front.
func (b *Builder) hook() string {
	return fmt.Sprintf("#!/bin/sh\nINITRD_MODULES=%s\nROOT_MODULES=%s\nSYSUSERS=%s\n%s",
		quote(strings.Join(b.recipe.Initrd, " ")), quote(strings.Join(b.recipe.Modules, " ")), quote(b.recipe.Sysusers), b.recipe.Hook)
}

// writeHook puts the hook where the root of an ordinary user's namespace can read it too, which the
// repository in a home directory is not. The caller removes the directory.
func (b *Builder) writeHook(hook string) (dir, file string, err error) {
	if dir, err = os.MkdirTemp("", "airlock-image-"); err != nil {
		return "", "", fmt.Errorf("make directory for hook: %w", err)
	}
	file = filepath.Join(dir, "customize")
	if err = os.Chmod(dir, 0o755); err == nil {
		if err = os.WriteFile(file, []byte(hook), 0o755); err == nil {
			err = os.Chmod(file, 0o755)
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", "", fmt.Errorf("write hook: %w", err)
	}
	return dir, file, nil
}

// quote makes one word of a shell of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func digest(words []string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// mmdebstrap writes the base to file, which appears only when it is whole.
func (b *Builder) mmdebstrap(ctx context.Context, args []string, hook, file string) error {
	dir, hookFile, err := b.writeHook(hook)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args = append([]string{"--customize-hook=" + hookFile}, args...)
	partial, err := os.Create(file + ".part")
	if err != nil {
		return fmt.Errorf("create base: %w", err)
	}
	defer os.Remove(partial.Name())
	defer partial.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Stdout = partial
	cmd.Stderr = &said
	if b.cfg.Progress {
		cmd.Stderr = io.MultiWriter(&said, b.cfg.Log)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run mmdebstrap (is the network there, and the mirror?): %w\n%s", err, tail(said.String(), 25))
	}
	if err := partial.Close(); err != nil {
		return fmt.Errorf("write base: %w", err)
	}
	return os.Rename(partial.Name(), file)
}

// tail returns the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// dropOldBases keeps the cache from growing with every change of the recipe.
func dropOldBases(keep string) {
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(keep), "base-*.tar"))
	for _, file := range old {
		if file != keep {
			os.Remove(file)
		}
	}
}
