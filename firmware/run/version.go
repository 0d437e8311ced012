package run

import "runtime/debug"

// Version is the version of this program: the one that was stamped, or else what the Go toolchain
// knows of the build, which is the version control's tag or revision with "+dirty" where the tree
// had changes; "unknown" for a build without either (go test, -buildvcs=false).
func Version(stamped string) string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "unknown"
	}
	return info.Main.Version
}
