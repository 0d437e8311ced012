package run

import (
	"os"
	"os/user"
	"strconv"
)

// People says which users are people: the named ones, root, and who runs this program. A name that nobody has counts for
// nobody.
func People(names ...string) func(uid uint32) bool {
	known := map[uint32]bool{0: true, uint32(os.Getuid()): true}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		if id, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			known[uint32(id)] = true
		}
	}
	return func(uid uint32) bool { return known[uid] }
}
