package publisher

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestValidName(t *testing.T) {
	tests := map[string]bool{
		"plant-7": true, "a": true, "0": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "a-": false, "A": false, "a.b": false, "a/b": false, "..": false,
		"a b": false, "ä": false, "a\n": false, strings.Repeat("a", 64): false,
	}
	for name, want := range tests {
		if got := ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	tests := []struct {
		err  error
		want Code
	}{
		{Errorf(CodeConflict, "node exists"), CodeConflict},
		{fmt.Errorf("assign: %w", Errorf(CodeNotFound, "no such release")), CodeNotFound},
		{fmt.Errorf("store artifact: %w", full), CodeDiskFull},
		{fmt.Errorf("anything"), CodeInternal},
	}
	for _, tt := range tests {
		if got := CodeOf(tt.err); got != tt.want {
			t.Errorf("CodeOf(%v) = %s, want %s", tt.err, got, tt.want)
		}
	}
}

func TestReleaseID(t *testing.T) {
	s := &Spec{Project: "shop", Version: "1.2.0-rc.1+b2"}
	if got, want := s.ReleaseID(strings.Repeat("ab", 20)), "shop-1.2.0-rc.1+b2-abababababab"; got != want {
		t.Errorf("ReleaseID = %s, want %s", got, want)
	}
}
