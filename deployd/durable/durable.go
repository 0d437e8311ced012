// Package durable writes deployd's state so that a power cut at any moment leaves the old file or
// the new one, never a part of either. It knows no file's meaning. Everything in deployd that must
// survive goes through it; outside of deployd it is called by firmware/hardware, for what is remembered of the modem.
package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is where state goes. The zero value is ready for use.
type Disk struct {
	// Before, when set, is called before each change with what is about to happen ("write", "rename",
	// "remove") and the path. Tests cut the power or fail the disk there.
	Before func(op, path string) error
}

// Write replaces the file at path: a temporary file beside it, fsync, rename, fsync of the folder.
func (d Disk) Write(path string, data []byte, mode fs.FileMode) error {
	if err := d.before("write", path); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	if err := fill(f, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return d.Rename(f.Name(), path)
}

// fill writes, syncs and closes f.
func fill(f *os.File, data []byte, mode fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// WriteJSON is Write of v as indented JSON.
func (d Disk) WriteJSON(path string, v any, mode fs.FileMode) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return d.Write(path, append(b, '\n'), mode)
}

// Rename moves a file whose content was synced, and makes the new name durable.
func (d Disk) Rename(from, to string) error {
	if err := d.before("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("rename to %s: %w", to, err)
	}
	return SyncDir(filepath.Dir(to))
}

// Remove deletes a file durably; a file that is not there is no error.
func (d Disk) Remove(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// before asks the hook, when there is one.
func (d Disk) before(op, path string) error {
	if d.Before == nil {
		return nil
	}
	return d.Before(op, path)
}

// SyncDir makes names in a folder durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// IsFull says whether err means that there is no room: the disk's or a quota's.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Sweep removes what a power cut left of unfinished writes in dir.
func Sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil {
		return fmt.Errorf("look for unfinished writes: %w", err)
	}
	for _, p := range left {
		if err := os.Remove(p); err != nil {
			return fmt.Errorf("sweep unfinished write: %w", err)
		}
	}
	return nil
}
