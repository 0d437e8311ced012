package publisher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes data so that after a power cut either the old or the new content is there,
// whole: temporary file, fsync, rename, fsync of the folder.
func WriteFile(name string, data []byte, mode os.FileMode) error {
	return WriteFileFrom(name, mode, func(w io.Writer) (string, error) {
		_, err := w.Write(data)
		return name, err
	})
}

// WriteFileFrom is WriteFile for content that is produced piece by piece. fill may choose the
// final name, in the same folder as name, once it has seen the content (such as a name with its digest).
// On any error nothing is left behind.
func WriteFileFrom(name string, mode os.FileMode, fill func(w io.Writer) (final string, err error)) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), ignoreClosed(f.Close()), ignoreMissing(os.Remove(f.Name())))
		}
	}()
	final, err := fill(f)
	if err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), final); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil // renamed already: only the folder's fsync failed
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
