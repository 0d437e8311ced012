package spec

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"airlock/deployd/release"
	"airlock/publisher"
)

// versionMark is replaced by the version in deploy.restart and deploy.health.contains.
const versionMark = "{version}"

// deployNodes keeps the nodes that can be judged only when the version is known.
type deployNodes struct {
	contains      ast.Node
	containsField string
}

func (r *reader) artifacts(all *[]publisher.ArtifactSpec, n ast.Node, field string) {
	r.list(n, field, "artifact", func(n ast.Node, field string) {
		var a publisher.ArtifactSpec
		mode := "0644"
		r.object(n, field,
			key{"path", true, r.text(&a.Path, checkRelative)},
			key{"install", false, r.text(&a.Install, checkInstall)},
			key{"mode", false, r.text(&mode, checkMode)},
		)
		if a.Install == "" {
			if want := checkInstall(a.Path); a.Path != "" && want != "" {
				r.fail(n, field+".install", "nothing", "the key install, since path cannot serve as the installed path: "+want)
			}
			a.Install = a.Path
		}
		bits, _ := strconv.ParseUint(mode, 8, 32)
		a.Mode = uint32(bits)
		for _, other := range *all {
			if a.Install != "" && overlap(other.Install, a.Install) {
				r.fail(n, field+".install", fmt.Sprintf("%q beside %q", a.Install, other.Install), "an installed path of its own for each artifact")
			}
		}
		*all = append(*all, a)
	})
}

func (r *reader) deploy(p *release.Plan, nodes *deployNodes, n ast.Node, field string) {
	r.object(n, field,
		key{"directory", true, r.text(&p.Directory, checkDirectory)},
		key{"restart", false, r.text(&p.Restart, checkCommand)},
		key{"health", true, func(n ast.Node, f string) { r.health(&p.Health, nodes, n, f) }},
	)
}

func (r *reader) health(h *release.Health, nodes *deployNodes, n ast.Node, field string) {
	h.Path, h.Status, h.Attempts, h.Interval, h.Timeout = "/", 200, 10, time.Second, 2*time.Second
	contains := r.text(&h.Contains, checkContains)
	r.object(n, field,
		key{"port", true, r.number(&h.Port, 1, 65535)},
		key{"path", false, r.text(&h.Path, checkURLPath)},
		key{"status", false, r.number(&h.Status, 100, 599)},
		key{"contains", true, func(n ast.Node, f string) {
			nodes.contains, nodes.containsField = n, f
			contains(n, f)
		}},
		key{"attempts", false, r.number(&h.Attempts, 1, 1000)},
		key{"interval", false, r.duration(&h.Interval, 10*time.Millisecond, 10*time.Minute)},
		key{"timeout", false, r.duration(&h.Timeout, 10*time.Millisecond, 10*time.Minute)},
	)
}

// version puts the version where {version} stands. A health check that does not name it would be
// passed by the old release too, so that is refused.
func (r *reader) version(s *publisher.Spec, nodes *deployNodes) {
	if s.Version == "" {
		return
	}
	s.Plan.Restart = strings.ReplaceAll(s.Plan.Restart, versionMark, s.Version)
	h := &s.Plan.Health
	h.Contains = strings.ReplaceAll(h.Contains, versionMark, s.Version)
	if h.Contains != "" && !strings.Contains(h.Contains, s.Version) {
		r.fail(nodes.contains, nodes.containsField, describe(nodes.contains), "a text with {version} in it: the check must tell this release from the one before")
	}
}

// overlap tells whether two installed paths cannot exist together: the same file, or one a folder of the other.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

func checkProject(v, repository string) string {
	if !publisher.ValidName(v) {
		return "a name of lower-case letters, digits and inner dashes, at most 63"
	}
	if repository != "" && v != repository {
		return fmt.Sprintf("%q, the project whose repository this is", repository)
	}
	return ""
}

// checkVersion keeps to what may stand in a TUF target path and in a file name.
func checkVersion(v string) string {
	const want = "a version of letters, digits, dot, dash and plus, at most 64, beginning with a letter or digit, such as 1.4.2"
	if v == "" || len(v) > 64 || strings.Trim(v, letters+".-+") != "" || strings.ContainsAny(v[:1], ".-+") || strings.Contains(v, "..") {
		return want
	}
	return ""
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func checkCommand(v string) string {
	if strings.TrimSpace(v) == "" || strings.ContainsRune(v, 0) {
		return "a shell command"
	}
	return ""
}

func checkTestName(v string) string {
	if v == "" || len(v) > 80 || strings.ContainsFunc(v, control) {
		return "a name of 1 to 80 characters on one line"
	}
	return ""
}

// checkRelative accepts a path inside the checkout.
func checkRelative(v string) string {
	if v == "" || v == "." || path.IsAbs(v) || path.Clean(v) != v || v == ".." || strings.HasPrefix(v, "../") || strings.ContainsFunc(v, control) {
		return "a relative path inside the repository, without .. or doubled slashes"
	}
	return ""
}

// checkInstall accepts what every target's file system and shell take as it is.
func checkInstall(v string) string {
	if checkRelative(v) != "" || len(v) > 255 || strings.Trim(v, letters+"._+@-/") != "" || strings.HasPrefix(v, "-") || strings.Contains(v, "/-") {
		return "a relative path of letters, digits and . _ + @ - without .. or doubled slashes"
	}
	return ""
}

func checkMode(v string) string {
	bits, err := strconv.ParseUint(v, 8, 32)
	if err != nil || bits > 0o777 || len(v) < 3 {
		return `permission bits in octal, such as "0755"`
	}
	return ""
}

// checkDirectory accepts the folder on the targets.
func checkDirectory(v string) string {
	if !path.IsAbs(v) || path.Clean(v) != v || v == "/" || len(v) > 200 || strings.Trim(v, letters+"._+@-/") != "" {
		return "an absolute path of letters, digits and . _ + @ - without .. or a closing slash, such as /srv/shop"
	}
	return ""
}

func checkURLPath(v string) string {
	if !strings.HasPrefix(v, "/") || strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "a URL path that begins with a slash, such as /health"
	}
	return ""
}

func checkContains(v string) string {
	if v == "" || len(v) > 1000 {
		return "1 to 1000 characters which the answer must contain"
	}
	return ""
}

func control(c rune) bool { return c < ' ' || c == 0x7f }
