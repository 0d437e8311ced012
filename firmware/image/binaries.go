package image

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// binaries builds what Config.Binaries does not name, and returns the files by name.
func (b *Builder) binaries(ctx context.Context) (files map[string]string, note string, err error) {
	files = maps.Clone(b.cfg.Binaries)
	if files == nil {
		files = map[string]string{}
	}
	dir := filepath.Join(b.work, "bin")
	var built, packages []string
	for _, name := range slices.Sorted(maps.Keys(binaryPaths)) {
		if files[name] != "" {
			continue
		}
		files[name] = filepath.Join(dir, name)
		built = append(built, name)
		packages = append(packages, "./firmware/cmd/"+name)
	}
	if len(built) == 0 {
		return files, "given", nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", fmt.Errorf("make directory for binaries: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", fmt.Errorf("name directory for binaries: %w", err)
	}
	args := append([]string{"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version=" + b.cfg.Version, "-o", dir + "/"}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.cfg.Source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("go build %s: %w\n%s", strings.Join(built, " "), err, tail(string(out), 25))
	}
	return files, strings.Join(built, ", "), nil
}

// versionText is what can stand in os-release and in a flag of the linker without quoting.
var versionText = regexp.MustCompile(`^[A-Za-z0-9._+~-]+$`)

// fillFromSource takes version and time stamp from the environment or the repository.
func (b *Builder) fillFromSource(ctx context.Context) error {
	if b.cfg.Version == "" {
		b.cfg.Version = "unknown"
		if out, err := b.git(ctx, "describe", "--always", "--dirty", "--tags"); err == nil {
			b.cfg.Version = out
		}
	}
	if !versionText.MatchString(b.cfg.Version) {
		return fmt.Errorf("the version %q is not made of letters, digits and . _ + ~ - only", b.cfg.Version)
	}
	if !b.cfg.Epoch.IsZero() {
		return nil
	}
	seconds, from := os.Getenv("SOURCE_DATE_EPOCH"), "SOURCE_DATE_EPOCH"
	if seconds == "" {
		from = "git log"
		out, err := b.git(ctx, "log", "-1", "--format=%ct")
		if err != nil { // an unpacked release archive has no history
			b.cfg.Epoch = time.Now().Truncate(time.Second)
			return nil
		}
		seconds = out
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("read %s: %q is not a number of seconds since 1970", from, seconds)
	}
	b.cfg.Epoch = time.Unix(n, 0)
	return nil
}

func (b *Builder) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", b.cfg.Source}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}
