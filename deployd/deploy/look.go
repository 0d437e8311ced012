package deploy

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"airlock/deployd/release"
)

// Facts are what a look at a target found.
type Facts struct {
	Link string // what `current` points to, as it stands there; empty: there is none
	Free int64  // bytes free where releases go
}

// Look makes the folder for releases and makes sure, before anything is uploaded, that the target
// can take one: the tools are there, `current` is a link or absent, and can be replaced atomically.
func (h *Host) Look(ctx context.Context, directory string) (Facts, error) {
	out, err := h.run(ctx, commandTime, script(`
set -u
for tool in sha256sum readlink mkdir chmod cat ln mv rm df; do
	command -v $tool >/dev/null || { echo "the target has no $tool" >&2; exit 1; }
done
mkdir -p %[1]s/releases && cd %[1]s || exit 1
if [ -e current ] && [ ! -L current ]; then
	echo %[1]s/current "is there and is not a symbolic link: move it away first" >&2; exit 1
fi
rm -f .airlock-a .airlock-b && ln -s a .airlock-a && ln -s b .airlock-b || exit 1
mv -T .airlock-a .airlock-b || { echo "mv on the target has no -T: a link cannot be replaced atomically" >&2; exit 1; }
rm -f .airlock-b
printf '%%s\n' "$(readlink current)"
df -Pk .
`, directory), nil)
	if err != nil {
		return Facts{}, err
	}
	link, rest, _ := strings.Cut(out, "\n")
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	fields := strings.Fields(lines[len(lines)-1]) // POSIX df -P: name, blocks, used, available, capacity, mount
	if len(fields) < 6 {
		return Facts{}, fmt.Errorf("df on the target answered %q", rest)
	}
	kib, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return Facts{}, fmt.Errorf("df on the target answered %q", rest)
	}
	return Facts{Link: link, Free: kib << 10}, nil
}

// LinkTo is what `current` holds when it points to a release.
func LinkTo(id string) string { return "releases/" + id }

// ReleaseOf is the release that a link names; empty when it names none.
func ReleaseOf(link string) string {
	if id := path.Base(link); link != "" && path.Base(path.Dir(link)) == "releases" && release.ValidID(id) {
		return id
	}
	return ""
}

// Current reads what `current` points to now.
func (h *Host) Current(ctx context.Context, directory string) (string, error) {
	out, err := h.run(ctx, commandTime, script(`cd %s && if [ -L current ]; then readlink current; fi`, directory), nil)
	return strings.TrimSuffix(out, "\n"), err
}

// Point lets `current` point to link by one rename, or removes it where link is empty.
func (h *Host) Point(ctx context.Context, directory, link string) error {
	text := script(`cd %s && rm -f current`, directory)
	if link != "" {
		text = script(`cd %s && test -d %[2]s/. || { echo %[2]s "is not on the target" >&2; exit 1; }
rm -f .current.new && ln -s -- %[2]s .current.new && mv -T .current.new current && touch -c -- %[2]s`, directory, link)
	}
	_, err := h.run(ctx, commandTime, text+settle, nil)
	return err
}

// settle makes names in the working directory survive a power cut of the target. Only that folder is synced,
// since on a busy server all the rest may take minutes; a sync that takes no names does the whole.
const settle = "\n[ $? = 0 ] && { sync . 2>/dev/null || sync; }"

// Restart runs the plan's restart command, where there is one, in its directory. What the command
// starts in the background keeps no hold of the SSH connection: it writes to a file.
func (h *Host) Restart(ctx context.Context, p release.Plan) error {
	if p.Restart == "" {
		return nil
	}
	_, err := h.run(ctx, restartTime, script(`cd %s || exit 1
sh -c %s >.airlock-restart.log 2>&1 </dev/null
status=$?
[ $status = 0 ] || tail -c 2000 .airlock-restart.log >&2
exit $status`, p.Directory, p.Restart), nil)
	return err
}

// Prune removes the oldest releases and unfinished uploads, and keeps the newest keep releases and
// those that are named.
func (h *Host) Prune(ctx context.Context, directory string, keep int, named ...string) error {
	out, err := h.run(ctx, commandTime, script(`cd %s/releases && ls -1t`, directory), nil)
	if err != nil {
		return err
	}
	stay := map[string]bool{}
	for _, id := range named {
		stay[id] = true
	}
	var doomed []string
	for _, name := range strings.Split(strings.TrimSpace(out), "\n") {
		if !release.ValidID(name) || stay[name] {
			continue // nothing of ours, or wanted
		}
		if len(stay) < keep && !strings.HasSuffix(name, partSuffix) {
			stay[name] = true
			continue
		}
		doomed = append(doomed, quote("./"+name))
	}
	if len(doomed) == 0 {
		return nil
	}
	_, err = h.run(ctx, restartTime, script(`cd %s/releases && rm -rf `, directory)+strings.Join(doomed, " "), nil)
	return err
}
