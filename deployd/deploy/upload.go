package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"airlock/deployd/release"
)

// partSuffix marks a release that is being uploaded.
const partSuffix = ".part"

// sessions is how many files go to one target at the same time; sshd allows ten by default.
const sessions = 4

// diskRate is what the slowest target is expected to hash or to write, bytes a second.
const diskRate = 4 << 20

// Damaged says that a file of the node's store is not what its name promises.
type Damaged struct{ Path, SHA256 string }

// Error is the sentence for a person.
func (d *Damaged) Error() string {
	return fmt.Sprintf("the node's own copy of %s is damaged; it was removed from the store: fetch again", d.Path)
}

// Source opens a file of the node's store by the digest of its content.
type Source func(sha256 string) (io.ReadCloser, error)

// Upload brings every file of a release to the target and verifies each digest there, in a folder
// beside the releases, which gets its name when everything is right. What the target already has, in an
// unfinished upload or in the release that runs, is not sent again. sent is told each number of
// bytes that need not or need no longer be sent.
func (h *Host) Upload(ctx context.Context, m release.Manifest, open Source, sent func(int64)) error {
	releases := path.Join(m.Plan.Directory, "releases")
	whole, err := h.matching(ctx, path.Join(releases, m.ID), m.Artifacts, m.Bytes())
	if err != nil {
		return err
	}
	if len(whole) == len(m.Artifacts) {
		sent(m.Bytes())
		return nil
	}
	part := path.Join(releases, m.ID+partSuffix)
	if err := h.reuse(ctx, m, part); err != nil {
		return err
	}
	have, err := h.matching(ctx, part, m.Artifacts, m.Bytes())
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sessions)
	for _, a := range m.Artifacts {
		if have[a.Path] {
			sent(a.Size)
			continue
		}
		group.Go(func() error { return h.send(ctx, part, a, open, sent) })
	}
	return group.Wait()
}

// Check verifies on the target the digest of every uploaded file, sets the modes, and gives the
// folder its final name.
func (h *Host) Check(ctx context.Context, m release.Manifest) error {
	releases := path.Join(m.Plan.Directory, "releases")
	final, part := path.Join(releases, m.ID), path.Join(releases, m.ID+partSuffix)
	if whole, err := h.matching(ctx, final, m.Artifacts, m.Bytes()); err != nil || len(whole) == len(m.Artifacts) {
		return err
	}
	have, err := h.matching(ctx, part, m.Artifacts, m.Bytes())
	if err != nil {
		return err
	}
	for _, a := range m.Artifacts {
		if !have[a.Path] {
			return fmt.Errorf("%s on the target has not the digest of its manifest", path.Join(part, a.Path))
		}
	}
	var modes strings.Builder
	for _, a := range m.Artifacts {
		modes.WriteString(script("chmod %s %s || exit 1\n", fmt.Sprintf("%o", a.Mode), "./"+a.Path))
	}
	// The list of modes may be longer than a command line may be: the shell reads it as its input.
	if _, err := h.run(ctx, commandTime, script("cd %s && exec sh -s", part), strings.NewReader(modes.String())); err != nil {
		return fmt.Errorf("set modes: %w", err)
	}
	// A damaged folder of that name gives way: it is not whole, as was seen above.
	_, err = h.run(ctx, limit(m.Bytes()), script(`cd %[1]s || exit 1
sync -f %[3]s 2>/dev/null || sync
rm -rf %[2]s.old
if [ -e %[2]s ]; then mv -T %[2]s %[2]s.old || exit 1; fi
mv -T %[3]s %[2]s && rm -rf %[2]s.old`, releases, "./"+m.ID, "./"+m.ID+partSuffix)+settle, nil)
	return err
}

// limit is how long a target may take to read or to sync so many bytes.
func limit(size int64) time.Duration {
	return commandTime + time.Duration(size/diskRate)*time.Second
}

// matching asks which artifacts lie in dir with the right digest. A folder that is not there has none.
func (h *Host) matching(ctx context.Context, dir string, artifacts []release.Artifact, size int64) (map[string]bool, error) {
	var list strings.Builder
	for _, a := range artifacts {
		fmt.Fprintf(&list, "%s  ./%s\n", a.SHA256, a.Path)
	}
	out, err := h.run(ctx, limit(size), script(`if cd %s 2>/dev/null; then sha256sum -c - 2>/dev/null; else cat >/dev/null; fi; exit 0`, dir),
		strings.NewReader(list.String()))
	if err != nil {
		return nil, fmt.Errorf("ask for digests: %w", err)
	}
	found := map[string]bool{}
	for _, line := range strings.Split(out, "\n") {
		if name, ok := strings.CutSuffix(line, ": OK"); ok {
			found[strings.TrimPrefix(name, "./")] = true
		}
	}
	return found, nil
}

// reuse makes the upload's folder and copies into it what the running release has in common.
func (h *Host) reuse(ctx context.Context, m release.Manifest, part string) error {
	current := path.Join(m.Plan.Directory, "current")
	same, err := h.matching(ctx, current, m.Artifacts, m.Bytes())
	if err != nil {
		return err
	}
	var copies strings.Builder
	copies.WriteString(script("umask 022; mkdir -p %s && cd %s || exit 1\n", part, part))
	for _, a := range m.Artifacts {
		if dir := path.Dir(a.Path); dir != "." {
			copies.WriteString(script("mkdir -p %s || exit 1\n", "./"+dir))
		}
		if same[a.Path] {
			// A copy, no hard link: what the running release does to its file must not reach the new one.
			copies.WriteString(script("[ -e %[1]s ] || cp %[2]s %[1]s || exit 1\n", "./"+a.Path, path.Join(current, a.Path)))
		}
	}
	if _, err := h.run(ctx, restartTime, "exec sh -s", strings.NewReader(copies.String())); err != nil {
		return fmt.Errorf("make %s: %w", part, err)
	}
	return nil
}

// send streams one file from the store to the target.
func (h *Host) send(ctx context.Context, part string, a release.Artifact, open Source, sent func(int64)) error {
	f, err := open(a.SHA256)
	if err != nil {
		return &Damaged{Path: a.Path, SHA256: a.SHA256}
	}
	defer f.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTime, func() { cancel(fmt.Errorf("nothing moved for %v", stallTime)) })
	defer stalled.Stop()
	sum := sha256.New()
	src := &counted{r: io.TeeReader(f, sum), moved: func(n int64) { stalled.Reset(stallTime); sent(n) }}
	_, err = h.run(ctx, 24*time.Hour, script(`cd %s && rm -f %[2]s && cat >%[2]s`, part, "./"+a.Path), src)
	if err == nil && (src.n.Load() != a.Size || hex.EncodeToString(sum.Sum(nil)) != a.SHA256) {
		return &Damaged{Path: a.Path, SHA256: a.SHA256}
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", a.Path, err)
	}
	return nil
}

// counted tells how much was read.
type counted struct {
	r     io.Reader
	n     atomic.Int64
	moved func(int64)
}

// Read reads and tells.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	if n > 0 {
		c.moved(int64(n))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read the node's store: %w", err)
	}
	return n, err
}
