package netd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"airlock/netd/durable"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// LockDown implements windows.House. It is kept before anything else, so that no window is let in from then on, also by a
// netd that is started anew; then the window that there is ends, and both doors are read back. A lockdown that is there
// already stays as it is.
func (k *Keeper) LockDown(l windows.Lockdown) error {
	if l.By == "" {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "a lockdown says who asks for it"}
	}
	if k.store.locked() != nil {
		return nil
	}
	l.At = k.cfg.Clock.Now().UTC()
	kept := save(k.store, lockdownFile, &l, &k.store.lockdown)
	if kept != nil { // what cannot be kept holds until the next start, which is better than not at all
		k.store.mu.Lock()
		k.store.lockdown = &l
		k.store.mu.Unlock()
	}
	noted := k.note(recorder.Entry{Event: recorder.LockedDown, Asker: l.By, Text: l.Why})
	select {
	case k.notices <- notice{on: end, all: &windows.Problem{Code: windows.CodeLockdown, Detail: lockdownText(&l)}}:
	case <-k.stopped:
	}
	if kept != nil {
		return windows.AsProblem(kept, windows.CodeDiskFull, "both doors are locked, but this will not outlive a restart")
	}
	return noted
}

// LiftLockdown implements windows.House.
func (k *Keeper) LiftLockdown(by string) error {
	if by == "" {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "the lifting of a lockdown says who does it"}
	}
	if k.store.locked() == nil {
		return nil
	}
	if err := k.note(recorder.Entry{Event: recorder.LockdownLifted, Asker: by}); err != nil {
		return err // what cannot be recorded does not happen
	}
	if err := k.store.unlock(); err != nil {
		return windows.AsProblem(err, windows.CodeDiskFull, "")
	}
	return nil
}

// locked is the lockdown that is in force; nil when there is none.
func (s *store) locked() *windows.Lockdown {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lockdown
}

// unlock forgets the lockdown.
func (s *store) unlock() error {
	if err := os.Remove(s.path(lockdownFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lift the lockdown: %w", err)
	}
	if err := durable.SyncFolder(s.dir); err != nil {
		return fmt.Errorf("lift the lockdown: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lockdown = nil
	return nil
}
