package hardware

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"airlock/deployd/durable"
	"airlock/drivers/modem"
)

// memoryFile is what must outlive netd of the modem. It holds digests of PINs that cards have refused.
const memoryFile = "modem.json"

// fileMemory is a modem.Memory in netd's state folder.
type fileMemory struct{ path string }

var _ modem.Memory = fileMemory{}

// Remember makes the memory in a folder. The file is made with the first thing to remember.
func Remember(folder string) modem.Memory { return fileMemory{filepath.Join(folder, memoryFile)} }

// Load implements modem.Memory. A file that cannot be read is an error and not an empty memory: a PIN that was refused
// must not be sent again because of a bad sector.
func (f fileMemory) Load() (r modem.Remembered, err error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return modem.Remembered{}, nil
	}
	if err != nil {
		return modem.Remembered{}, fmt.Errorf("read the modem's memory: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return modem.Remembered{}, fmt.Errorf("read %s: %w; restore it, or remove it when no SIM here has refused its PIN", f.path, err)
	}
	return r, nil
}

// Save implements modem.Memory: when it returns nil, the file is on the disk.
func (f fileMemory) Save(r modem.Remembered) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	return durable.Disk{}.WriteJSON(f.path, r, 0o600)
}
