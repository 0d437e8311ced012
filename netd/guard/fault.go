package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"airlock/netd/durable"
	"airlock/netd/windows"
)

// faultFile is the name of a latched fault in each of the guard's folders.
const faultFile = "fault.json"

// findFault reads what is latched from before. A file that cannot be read is a fault all the same.
func findFault(folders []string) *windows.GuardFault {
	for _, dir := range folders {
		path := filepath.Join(dir, faultFile)
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f := &windows.GuardFault{}
		if err == nil {
			err = json.Unmarshal(b, f)
		}
		if err != nil || f.ID == "" {
			f = &windows.GuardFault{ID: "unread", Rule: "unread", Why: fmt.Sprintf("%s cannot be read: %v", path, err)}
		}
		return f
	}
	return nil
}

// keepFault writes a fault to every folder that takes it; the error says which did not.
func keepFault(folders []string, f *windows.GuardFault) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the fault: %w", err)
	}
	var failures []error
	for _, dir := range folders {
		failures = append(failures, durable.Write(filepath.Join(dir, faultFile), append(b, '\n')))
	}
	return errors.Join(failures...)
}

// forgetFault removes it from every folder.
func forgetFault(folders []string) error {
	var failures []error
	for _, dir := range folders {
		err := os.Remove(filepath.Join(dir, faultFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = durable.SyncFolder(dir)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("forget the fault: %w", err))
		}
	}
	return errors.Join(failures...)
}
