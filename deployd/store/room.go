package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// MakeRoom makes sure that need bytes can be written beside the reserve. When there is too little
// room, releases that are not in keep go, oldest manifest first, with the files that no other
// release and no digest in wanted needs; then partial files that are not in wanted. It removes no
// more than it must, and ends with *Full when all that is not enough.
func (s *Store) MakeRoom(need int64, keep, wanted []string) error {
	if need < 0 {
		need = 0
	}
	evictions, err := s.evictable(keep)
	if err != nil {
		return err
	}
	steps := []func() error{func() error { return s.sweepFiles(wanted) }, func() error { return s.sweepPartials(wanted) }}
	for _, id := range evictions {
		steps = append(steps, func() error {
			if err := s.disk.Remove(s.manifest(id)); err != nil {
				return err
			}
			return s.sweepFiles(wanted)
		})
	}
	for {
		free, err := s.free()
		if err != nil {
			return err
		}
		if free >= need+Reserve {
			return nil
		}
		if len(steps) == 0 {
			return &Full{Folder: s.root, Need: need + Reserve, Free: free}
		}
		if err := steps[0](); err != nil {
			return err
		}
		steps = steps[1:]
	}
}

// evictable are the releases outside keep, oldest first by the time of their manifest.
func (s *Store) evictable(keep []string) ([]string, error) {
	ids, err := s.Releases()
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(keep, id) })
	age := map[string]int64{}
	for _, id := range ids {
		if i, err := os.Stat(s.manifest(id)); err == nil {
			age[id] = i.ModTime().UnixNano()
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return int(min(max(age[a]-age[b], -1), 1)) })
	return ids, nil
}

// sweepFiles removes files that no release names and nobody wants.
func (s *Store) sweepFiles(wanted []string) error {
	needed := map[string]bool{}
	for _, d := range wanted {
		needed[d] = true
	}
	ids, err := s.Releases()
	if err != nil {
		return err
	}
	for _, id := range ids {
		m, err := s.Manifest(id)
		if err != nil {
			return fmt.Errorf("sweep store: %w", err)
		}
		for _, a := range m.Artifacts {
			needed[a.SHA256] = true
		}
	}
	return s.sweep("files", needed)
}

// sweepPartials removes what was fetched of files that nobody wants any more.
func (s *Store) sweepPartials(wanted []string) error {
	needed := map[string]bool{}
	for _, d := range wanted {
		needed[d] = true
	}
	return s.sweep("partial", needed)
}

// sweep removes the files of one folder that are not needed.
func (s *Store) sweep(folder string, needed map[string]bool) error {
	dir := filepath.Join(s.root, folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweep store: %w", err)
	}
	for _, e := range entries {
		if needed[e.Name()] {
			continue
		}
		if err := s.disk.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
