package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Releases lists what is published, the newest first.
func (r *Repo) Releases() []publisher.ReleaseInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Collect(maps.Values(r.releases))
	slices.SortFunc(all, func(a, b publisher.ReleaseInfo) int {
		if c := b.Built.Compare(a.Built); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Release finds one; CodeNotFound when it is not published.
func (r *Repo) Release(id string) (publisher.ReleaseInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, ok := r.releases[id]
	if !ok {
		return info, publisher.Errorf(publisher.CodeNotFound, "no release %s is published; list them with: publisherd release list", id)
	}
	return info, nil
}

// Publish stores the outputs, completes the manifest m with them, and signs both as a release.
// CodeConflict when a release of this ID exists: it is never changed. On any error nothing is
// published and nothing is left.
func (r *Repo) Publish(ctx context.Context, m release.Manifest, outputs []publisher.Output) (_ release.Manifest, err error) {
	if _, err := r.Release(m.ID); err == nil {
		return m, publisher.Errorf(publisher.CodeConflict, "release %s exists and is never changed", m.ID)
	}
	dir := filepath.Join(r.targets, filepath.Dir(release.ManifestPath(m.ID)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return m, fmt.Errorf("publish %s: %w", m.ID, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("publish %s: %w", m.ID, err)
			if rm := r.discard(m.ID, dir); rm != nil {
				r.log.Error("the files of a release that was not published could not be removed", "folder", dir, "error", rm)
			}
		}
	}()
	files := map[string]*metadata.TargetFiles{}
	for _, o := range outputs {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		target := release.ArtifactPath(m.ID, o.SHA256+".zst")
		if files[target], err = r.storeOutput(target, o); err != nil {
			return m, fmt.Errorf("store artifact %s: %w", o.Path, err)
		}
		m.Artifacts = append(m.Artifacts, release.Artifact{
			Path: o.Path, Mode: o.Mode, SHA256: o.SHA256, Size: o.Size, Target: target, Encoding: "zstd",
		})
	}
	m.Format = 1
	if err := m.Validate(); err != nil {
		return m, publisher.Errorf(publisher.CodeInvalid, "no node would take this release: %v", err)
	}
	if files[release.ManifestPath(m.ID)], err = r.storeJSON(release.ManifestPath(m.ID), m); err != nil {
		return m, fmt.Errorf("store manifest: %w", err)
	}
	if err := publisher.SyncDir(filepath.Dir(dir)); err != nil {
		return m, err
	}
	return m, r.admit(m, files)
}

// admit signs the files into the role releases.
func (r *Repo) admit(m release.Manifest, files map[string]*metadata.TargetFiles) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.commit(release.RoleReleases, func(t *metadata.TargetsType) { maps.Copy(t.Targets, files) })
	if err != nil {
		return err
	}
	r.releases[m.ID] = publisher.ReleaseInfo{Manifest: m, StoredBytes: stored(files)}
	return nil
}

// discard takes the files of a failed Publish away.
func (r *Repo) discard(id, dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.releases[id]; ok {
		return nil
	}
	return os.RemoveAll(dir)
}

// storeOutput compresses one file into the store and makes sure that it is still the file that was tested.
func (r *Repo) storeOutput(target string, o publisher.Output) (*metadata.TargetFiles, error) {
	src, err := os.Open(o.File)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return r.store(target, func(w io.Writer) error {
		enc, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		if err != nil {
			return err
		}
		content := sha256.New()
		if _, err := io.Copy(io.MultiWriter(enc, content), src); err != nil {
			return err
		}
		if hex.EncodeToString(content.Sum(nil)) != o.SHA256 {
			return fmt.Errorf("%s was changed after the build", o.File)
		}
		return enc.Close()
	})
}

func (r *Repo) storeJSON(target string, v any) (*metadata.TargetFiles, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return r.store(target, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}

// store writes a target file under its name for consistent snapshots, which begins with its digest (TUF 6.2).
func (r *Repo) store(target string, fill func(io.Writer) error) (*metadata.TargetFiles, error) {
	file := &metadata.TargetFiles{Path: target}
	name := filepath.Join(r.targets, filepath.FromSlash(target))
	err := publisher.WriteFileFrom(name, 0o644, func(w io.Writer) (string, error) {
		sum, n := sha256.New(), &counter{}
		if err := fill(io.MultiWriter(w, sum, n)); err != nil {
			return "", err
		}
		file.Hashes, file.Length = metadata.Hashes{"sha256": sum.Sum(nil)}, n.bytes
		return filepath.Join(r.targets, filepath.FromSlash(storedName(target, file))), nil
	})
	return file, err
}

// storedName is <folder>/<digest>.<name>.
func storedName(target string, f *metadata.TargetFiles) string {
	dir, base := path.Split(target)
	return dir + hex.EncodeToString(f.Hashes["sha256"]) + "." + base
}

func stored(files map[string]*metadata.TargetFiles) (n int64) {
	for _, f := range files {
		n += f.Length
	}
	return n
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}
