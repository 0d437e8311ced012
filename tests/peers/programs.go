package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing says that a program is not on this machine, and what brings it.
var ErrMissing = errors.New("run .ci/setup peers, which fetches it from Debian")

// unpacked is where .ci/setup peers puts Debian's packages, from the project's root. They are unpacked and not installed:
// an installed ModemManager starts with the machine and opens every serial port that it finds.
const unpacked = "build/tools/peers"

// program is where a program and its libraries are.
type program struct {
	path string
	root string // of its package: "/" when it is installed
}

// find looks where .ci/setup unpacks, then in the system.
func find(name string) (program, error) {
	if root, err := projectRoot(); err == nil {
		tree := filepath.Join(root, unpacked)
		for _, folder := range [...]string{"usr/sbin", "usr/bin", "bin"} {
			if path := filepath.Join(tree, folder, name); isProgram(path) {
				return program{path, tree}, nil
			}
		}
	}
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin") {
		if path := filepath.Join(folder, name); isProgram(path) {
			return program{path, "/"}, nil
		}
	}
	return program{}, fmt.Errorf("%s is not here: %w", name, ErrMissing)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// projectRoot is the folder of go.mod, here or above.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, there := os.Stat(filepath.Join(dir, "go.mod")); there == nil {
			return dir, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", errors.Join(err, errors.New("no go.mod here or above"))
}

// libraries is the environment in which an unpacked program finds its libraries; those that the system has too come
// from the same release of Debian.
func (p program) libraries() []string {
	if p.root == "/" {
		return nil
	}
	folders, _ := filepath.Glob(filepath.Join(p.root, "usr/lib/*-linux-gnu*")) // the pattern is well-formed
	return []string{"LD_LIBRARY_PATH=" + strings.Join(folders, ":")}
}

// version asks the program for it.
func (p program) version() string {
	cmd := exec.Command(p.path, "--version")
	cmd.Env = append(os.Environ(), p.libraries()...)
	out, err := cmd.CombinedOutput() // pppd says it on its standard error
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
