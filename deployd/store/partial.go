package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"airlock/deployd/release"
)

// syncEvery is how many fetched bytes a power cut may cost at most.
const syncEvery = 4 << 20

// maxWindow bounds the memory that a zstd stream may ask for, bytes.
const maxWindow = 32 << 20

// ErrDigest says that content is not what its digest promises. The content is gone from the store.
var ErrDigest = errors.New("wrong digest")

// ErrSize says that content unpacks to another size than the manifest promises.
var ErrSize = errors.New("wrong size")

// Partial is the stored form of one artifact while it arrives. One goroutine uses it.
type Partial struct {
	store    *Store
	path     string
	digest   string // of the whole stored form, hex
	file     *os.File
	sum      hash.Hash // of what is here
	have     int64
	unsynced int64
}

// Partial opens what is here of a stored form, and reads it once to go on with its digest.
func (s *Store) Partial(digest string) (*Partial, error) {
	p := &Partial{store: s, path: filepath.Join(s.root, "partial", clean(digest)), digest: digest, sum: sha256.New()}
	f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, s.full(fmt.Errorf("open partial file: %w", err), 0)
	}
	p.file = f
	if p.have, err = io.Copy(p.sum, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("read partial file: %w", err)
	}
	return p, nil
}

// Held is how many bytes are here of a stored form, without opening it.
func (s *Store) Held(digest string) int64 {
	i, err := os.Stat(filepath.Join(s.root, "partial", clean(digest)))
	if err != nil {
		return 0
	}
	return i.Size()
}

// Have is how many bytes are here.
func (p *Partial) Have() int64 { return p.have }

// Write appends.
func (p *Partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.sum.Write(b[:n])
	p.have += int64(n)
	p.unsynced += int64(n)
	if err == nil && p.unsynced >= syncEvery {
		err = p.sync()
	}
	if err != nil {
		return n, p.store.full(fmt.Errorf("write partial file: %w", err), 0)
	}
	return n, nil
}

// sync makes what is here survive.
func (p *Partial) sync() error {
	p.unsynced = 0
	return p.file.Sync()
}

// Reset throws away what is here.
func (p *Partial) Reset() error {
	if err := p.file.Truncate(0); err != nil {
		return fmt.Errorf("empty partial file: %w", err)
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("empty partial file: %w", err)
	}
	p.sum.Reset()
	p.have, p.unsynced = 0, 0
	return nil
}

// Close keeps what is here for the next time.
func (p *Partial) Close() error {
	err := p.sync()
	if err = errors.Join(err, p.file.Close()); err != nil {
		return fmt.Errorf("close partial file: %w", err)
	}
	return nil
}

// Check compares the digest of what is here with that of the whole stored form. When they differ,
// what is here is worthless and gone, and the error wraps ErrDigest.
func (p *Partial) Check() error {
	if got := hex.EncodeToString(p.sum.Sum(nil)); got != p.digest {
		if err := p.Reset(); err != nil {
			return err
		}
		return fmt.Errorf("%w: SHA-256 of the stored form is %s, want %s", ErrDigest, got, p.digest)
	}
	return nil
}

// Install unpacks the stored form, which passed Check, verifies size and digest of what comes out, and makes
// it a file of the store. The partial file is removed with success; and with a wrong digest or size,
// since the same stored form would give the same again.
func (p *Partial) Install(a release.Artifact) error {
	if err := p.sync(); err != nil {
		return p.store.full(fmt.Errorf("sync partial file: %w", err), a.Size)
	}
	if a.Encoding == "" && p.digest == a.SHA256 && p.have == a.Size {
		return p.store.disk.Rename(p.path, p.store.file(a.SHA256)) // it is the installed form already
	}
	out := p.path + ".out"
	err := p.unpack(a, out)
	if err == nil {
		err = p.store.disk.Rename(out, p.store.file(a.SHA256))
	}
	if err != nil {
		os.Remove(out)
	}
	if err == nil || errors.Is(err, ErrDigest) || errors.Is(err, ErrSize) {
		return errors.Join(err, p.store.disk.Remove(p.path))
	}
	return p.store.full(err, a.Size)
}

// unpack writes the installed form to out and verifies it.
func (p *Partial) unpack(a release.Artifact, out string) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read partial file: %w", err)
	}
	src := io.Reader(p.file)
	if a.Encoding == "zstd" {
		z, err := zstd.NewReader(p.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		defer z.Close()
		src = z
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	err = copyVerified(f, src, a)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// copyVerified copies and refuses more, fewer or other bytes than the manifest promises.
func copyVerified(dst io.Writer, src io.Reader, a release.Artifact) error {
	sum := sha256.New()
	// One byte more than promised is read, so that a bomb is noticed after one byte and not unpacked.
	n, err := io.Copy(io.MultiWriter(dst, sum), io.LimitReader(src, a.Size+1))
	if err != nil {
		if isDecode(err) {
			return fmt.Errorf("%w: unpack %s: %w", ErrDigest, a.Path, err)
		}
		return fmt.Errorf("unpack %s: %w", a.Path, err)
	}
	if n != a.Size {
		return fmt.Errorf("%w: %s unpacks to %s than the %d bytes of its manifest", ErrSize, a.Path, moreOrFewer(n, a.Size), a.Size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != a.SHA256 {
		return fmt.Errorf("%w: SHA-256 of %s as installed is %s, want %s", ErrDigest, a.Path, got, a.SHA256)
	}
	return nil
}

// moreOrFewer words a comparison.
func moreOrFewer(got, want int64) string {
	if got > want {
		return "more"
	}
	return "fewer"
}

// isDecode tells a stream that is no valid zstd from a failing disk.
func isDecode(err error) bool {
	var path *os.PathError
	return !errors.As(err, &path)
}
