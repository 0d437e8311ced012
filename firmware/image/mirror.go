package image

import (
	"context"
	"os/exec"
	"path"
	"strings"
)

// sources are the lines of sources.list for the base. None: mmdebstrap takes its own mirror.
func (b *Builder) sources(ctx context.Context) []string {
	archive, security := b.cfg.Mirror, ""
	if archive == "" {
		// Where apt is not there or says nothing, the default mirror is right.
		out, _ := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
		archive, security = debianMirrors(string(out))
	}
	return sourceLines(b.cfg.Suite, archive, security)
}

// debianMirrors finds Debian's archive and its security archive among the repositories of a machine,
// one URI a line, by the last part of their path, which mirrors keep.
func debianMirrors(repositories string) (archive, security string) {
	for _, uri := range strings.Fields(repositories) {
		switch path.Base(uri) {
		case "debian":
			if archive == "" {
				archive = uri
			}
		case "debian-security":
			if security == "" {
				security = uri
			}
		}
	}
	return archive, security
}

func sourceLines(suite, archive, security string) []string {
	if archive == "" {
		return nil
	}
	lines := []string{
		"deb " + archive + " " + suite + " main",
		"deb " + archive + " " + suite + "-updates main",
	}
	if security != "" {
		lines = append(lines, "deb "+security+" "+suite+"-security main")
	}
	return lines
}
