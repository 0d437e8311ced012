package run

import (
	"os"
	"testing"
)

// TestPeople: root and whoever runs the program are people, a user who was not named is none, and a name that nobody has
// lets nobody in.
func TestPeople(t *testing.T) {
	is := People("daemon", "nobody-is-called-so")
	for uid, want := range map[uint32]bool{0: true, uint32(os.Getuid()): true, 1: true, 4294967294: false, 65533: false} {
		if is(uid) != want {
			t.Errorf("People(daemon)(%d) = %v, want %v", uid, !want, want)
		}
	}
	if People()(1) && os.Getuid() != 1 {
		t.Error("People() takes daemon for a person")
	}
}
