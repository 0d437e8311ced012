// Package image builds what is flashed on an edge node: a GPT disk image with an EFI system
// partition, two slots for the read-only root file system and a partition for state.
//
//	1M    airlock-esp     FAT32     EFI/BOOT/BOOTX64.EFI: stub + kernel + initrd + command line
//	      airlock-root-a  squashfs  the root file system, read-only
//	      airlock-root-b  empty     as large as a, for the next release of the firmware
//	      airlock-data    ext4      state of netd and deployd, mounted at /data
//
// It works on files only: no loop device, no mount, no privilege beyond what mmdebstrap needs, so
// that it runs as root, in CI, and as an ordinary user where user namespaces are allowed. It puts
// no secret and no identity into the image; a node gets its own at enrolment. firmware/cmd/mkimage
// calls it.
package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Config says what to build. New fills what is left empty.
type Config struct {
	// Source is the root of the repository; its folder rootfs/ describes the root file system.
	Source string
	// Out is where airlock.img goes, and the folders cache/ and image/ beside it.
	Out string
	// Suite is the Debian release. Default: trixie.
	Suite string
	// Mirror is the URI of a Debian archive. Empty: the one that this machine's apt uses, else mmdebstrap's.
	Mirror string
	// Binaries names static binaries to put in instead of building them, by name (netd, netguard, deployd, airlock).
	Binaries map[string]string
	// Version is what the image says it is. Default: git describe.
	Version string
	// Epoch is the time stamp of every file. Default: SOURCE_DATE_EPOCH, else the last commit's time.
	Epoch time.Time
	// SlotSize and DataSize are in bytes, multiples of 1 MiB. Default: 192 MiB and 1 GiB.
	SlotSize, DataSize int64
	// Refresh builds the base of Debian packages anew although a cached one fits.
	Refresh bool
	// Log is where the steps are told. Nil: nowhere.
	Log io.Writer
	// Progress tells also what mmdebstrap says while it works.
	Progress bool
}

// Result is what a build made.
type Result struct {
	Image   string // path of the disk image
	Version string
	Kernel  string // release of the kernel, as uname -r
	Cached  bool   // the base came from the cache
	Base    int64  // bytes: the base's tar archive
	Root    int64  // bytes: the squashfs
	Boot    int64  // bytes: the unified kernel image
	Size    int64  // bytes: the disk
	OnDisk  int64  // bytes: what the sparse file occupies
	Took    time.Duration
}

// Binaries that the image carries, and where they go.
var binaryPaths = map[string]string{
	"netd":     "usr/lib/airlock/netd",
	"netguard": "usr/lib/airlock/netguard",
	"deployd":  "usr/lib/airlock/deployd",
	"airlock":  "usr/bin/airlock",
}

// Builder makes one image.
type Builder struct {
	cfg    Config
	recipe Recipe
	work   string // intermediate files; kept, so that they can be looked at
}

// New checks the configuration and reads the recipe in rootfs/. It builds nothing yet.
func New(cfg Config) (*Builder, error) {
	if cfg.Out == "" {
		cfg.Out = filepath.Join(cfg.Source, "build")
	}
	if cfg.Suite == "" {
		cfg.Suite = "trixie"
	}
	if cfg.SlotSize == 0 {
		cfg.SlotSize = 192 * MiB
	}
	if cfg.DataSize == 0 {
		cfg.DataSize = 1024 * MiB
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	for name := range cfg.Binaries {
		if _, ok := binaryPaths[name]; !ok {
			return nil, fmt.Errorf("the image carries no binary %q; it carries netd, netguard, deployd and airlock", name)
		}
	}
	recipe, err := ReadRecipe(filepath.Join(cfg.Source, "rootfs"))
	if err != nil {
		return nil, err
	}
	return &Builder{cfg: cfg, recipe: recipe, work: filepath.Join(cfg.Out, "image")}, nil
}

// Build makes the image. An existing one is replaced only by a whole new one.
func (b *Builder) Build(ctx context.Context) (Result, error) {
	began := time.Now()
	r := Result{Image: filepath.Join(b.cfg.Out, "airlock.img")}
	if err := checkTools(os.Geteuid() == 0); err != nil {
		return r, err
	}
	for _, dir := range []string{b.work, filepath.Join(b.cfg.Out, "cache")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return r, fmt.Errorf("make build directory: %w", err)
		}
	}
	if err := b.fillFromSource(ctx); err != nil {
		return r, err
	}
	r.Version = b.cfg.Version

	var base *Archive
	var binaries map[string]string
	steps := []step{
		{"Debian packages", func(ctx context.Context) (note string, err error) {
			base, note, err = b.openBase(ctx, &r)
			return note, err
		}},
		{"Go binaries", func(ctx context.Context) (note string, err error) {
			binaries, note, err = b.binaries(ctx)
			return note, err
		}},
		{"boot file", func(ctx context.Context) (string, error) { return b.makeBoot(base, &r) }},
		{"root file system", func(ctx context.Context) (string, error) { return b.makeRoot(ctx, base, binaries, &r) }},
		{"disk image", func(ctx context.Context) (string, error) { return b.makeDisk(ctx, &r) }},
	}
	err := run(ctx, b.cfg.Log, steps)
	if base != nil {
		base.Close()
	}
	r.Took = time.Since(began)
	return r, err
}

// step is one part of a build; do returns a note for the reader.
type step struct {
	name string
	do   func(context.Context) (note string, err error)
}

// run tells each step before it starts and how long it took.
func run(ctx context.Context, log io.Writer, steps []step) error {
	for i, s := range steps {
		began := time.Now()
		fmt.Fprintf(log, "[%d/%d] %s ...\n", i+1, len(steps), s.name)
		note, err := s.do(ctx)
		if err != nil {
			return fmt.Errorf("make %s: %w", s.name, err)
		}
		fmt.Fprintf(log, "[%d/%d] %s: %s (%.1f s)\n", i+1, len(steps), s.name, note, time.Since(began).Seconds())
	}
	return nil
}
