package tests

import (
	"os"
	"os/exec"
	"testing"
)

// TestVagrantfile has Debian's vagrant judge the Vagrantfile; a provider is not needed for that.
func TestVagrantfile(t *testing.T) {
	if testing.Short() {
		t.Skip("vagrant takes ten seconds to start: runs in make test")
	}
	vagrant, err := exec.LookPath("vagrant")
	if err != nil {
		t.Skip("vagrant is not installed: `make setup-test` installs Debian's package where there is one")
	}
	cmd := exec.Command(vagrant, "validate", "--ignore-provider")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "VAGRANT_HOME="+t.TempDir(), "VAGRANT_DOTFILE_PATH="+t.TempDir(), "VAGRANT_CHECKPOINT_DISABLE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("vagrant validate: %v\n%s", err, out)
	}
}
