// Command mkimage builds the image of the appliance, build/airlock.img. It only wires: the work is
// done by package firmware/image.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"airlock/firmware/image"
)

const usage = `Builds the disk image of the appliance from rootfs/ and the Go code.

  go run ./firmware/cmd/mkimage                 build/airlock.img
  go run ./firmware/cmd/mkimage --progress      tell also what mmdebstrap does
  dd if=build/airlock.img of=/dev/sdX bs=4M conv=sparse,fsync   flash it (all of sdX is lost)

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := build(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context) error {
	cfg := image.Config{Log: os.Stderr}
	flag.StringVar(&cfg.Source, "source", ".", "root of the repository")
	flag.StringVar(&cfg.Out, "out", "build", "directory for airlock.img, cache/ and image/")
	flag.StringVar(&cfg.Mirror, "mirror", "", "URI of a Debian archive (default: what apt on this machine uses)")
	flag.BoolVar(&cfg.Progress, "progress", false, "tell what mmdebstrap does while it works")
	flag.BoolVar(&cfg.Refresh, "refresh", false, "fetch the Debian packages anew although the cache fits")
	binaries := flag.String("binaries", "", "directory with static binaries netd, deployd or airlock, to be taken instead of building them")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see --help", flag.Arg(0))
	}
	cfg.Binaries = given(*binaries)
	builder, err := image.New(cfg)
	if err != nil {
		return err
	}
	r, err := builder.Build(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: version %s, kernel %s, root %d MiB, boot file %d MiB, disk %d MiB (%d MiB here), in %.0f s\n",
		r.Image, r.Version, r.Kernel, r.Root/image.MiB, r.Boot/image.MiB, r.Size/image.MiB, r.OnDisk/image.MiB, r.Took.Seconds())
	return nil
}

// given lists the binaries that a directory has.
func given(dir string) map[string]string {
	files := map[string]string{}
	for _, name := range []string{"netd", "deployd", "airlock"} {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); dir != "" && err == nil {
			files[name] = file
		}
	}
	return files
}
