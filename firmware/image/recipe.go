package image

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Recipe is the folder rootfs/ as read: what the root file system consists of.
type Recipe struct {
	Dir      string   // the folder itself
	Packages []string // Debian packages, those for the build included
	Initrd   []string // modules that the initrd loads, in order
	Modules  []string // further modules of the root
	LeaveOut []string // patterns of paths that stay out of the root
	Units    []Link   // symbolic links that enable and mask units
	Cmdline  string   // the kernel's command line
	Hook     string   // shell text that mmdebstrap runs in the base
	Sysusers string   // users and groups of ours
}

// Link is a symbolic link to be laid into the root.
type Link struct{ Path, Target string }

// ReadRecipe reads and checks rootfs/. Errors name file and line.
func ReadRecipe(dir string) (Recipe, error) {
	r := Recipe{Dir: dir}
	for _, part := range []struct {
		file string
		read func(file string, lines []line) error
	}{
		{"packages", r.readPackages},
		{"modules", r.readModules},
		{"leave-out", r.readLeaveOut},
		{"units", r.readUnits},
		{"cmdline", r.readCmdline},
	} {
		lines, err := readLines(filepath.Join(dir, part.file))
		if err != nil {
			return r, err
		}
		if err := part.read("rootfs/"+part.file, lines); err != nil {
			return r, err
		}
	}
	hook, err := os.ReadFile(filepath.Join(dir, "hooks", "customize"))
	if err != nil {
		return r, fmt.Errorf("read hook: %w", err)
	}
	users, err := os.ReadFile(filepath.Join(dir, "overlay", "usr/lib/sysusers.d/airlock.conf"))
	if err != nil {
		return r, fmt.Errorf("read users: %w", err)
	}
	r.Hook, r.Sysusers = string(hook), string(users)
	return r, nil
}

// line is one line of a recipe file that says something.
type line struct {
	number int
	text   string
}

// readLines returns the lines without comments and surrounding space; empty ones are left out.
func readLines(file string) ([]line, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read recipe: %w", err)
	}
	defer f.Close()
	var lines []line
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		text, _, _ := strings.Cut(scanner.Text(), "#")
		if text = strings.TrimSpace(text); text != "" {
			lines = append(lines, line{n, text})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read recipe %s: %w", file, err)
	}
	return lines, nil
}

// Names as the Debian policy manual (5.6.1) and the kernel write them.
var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	moduleName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// once refuses a name that a list has already.
type once map[string]int

func (o once) add(file string, l line, name string) error {
	if before, ok := o[name]; ok {
		return fmt.Errorf("%s:%d: %s stands already in line %d; take one of them out", file, l.number, name, before)
	}
	o[name] = l.number
	return nil
}

func (r *Recipe) readPackages(file string, lines []line) error {
	seen := once{}
	for _, l := range lines {
		name := strings.TrimSpace(strings.TrimPrefix(l.text, "build:"))
		if !packageName.MatchString(name) {
			return fmt.Errorf("%s:%d: %q is not the name of one Debian package", file, l.number, l.text)
		}
		if err := seen.add(file, l, name); err != nil {
			return err
		}
		r.Packages = append(r.Packages, name)
	}
	return nil
}

func (r *Recipe) readModules(file string, lines []line) error {
	seen := once{}
	var list *[]string
	for _, l := range lines {
		switch {
		case l.text == "[initrd]":
			list = &r.Initrd
		case l.text == "[root]":
			list = &r.Modules
		case list == nil:
			return fmt.Errorf("%s:%d: a module stands before [initrd] or [root]; move it below one of them", file, l.number)
		case !moduleName.MatchString(l.text):
			return fmt.Errorf("%s:%d: %q is not the name of one kernel module", file, l.number, l.text)
		default:
			if err := seen.add(file, l, l.text); err != nil {
				return err
			}
			*list = append(*list, l.text)
		}
	}
	return nil
}

func (r *Recipe) readLeaveOut(file string, lines []line) error {
	for _, l := range lines {
		if _, err := path.Match(l.text, ""); err != nil || path.IsAbs(l.text) || path.Clean(l.text) != l.text {
			return fmt.Errorf("%s:%d: %q is no pattern; write a clean path without a leading slash, with * at most", file, l.number, l.text)
		}
		r.LeaveOut = append(r.LeaveOut, l.text)
	}
	return nil
}

// readUnits turns the rules of rootfs/units into the links that systemd looks for.
func (r *Recipe) readUnits(file string, lines []line) error {
	const etc = "etc/systemd/system"
	for _, l := range lines {
		words := strings.Fields(l.text)
		want, link := 2, Link{}
		switch words[0] {
		case "default":
			link = Link{etc + "/default.target", "/usr/lib/systemd/system/" + words[len(words)-1]}
		case "mask":
			link = Link{etc + "/" + words[len(words)-1], "/dev/null"}
		case "no-generator":
			link = Link{"etc/systemd/system-generators/" + words[len(words)-1], "/dev/null"}
		case "no-tmpfiles":
			link = Link{"etc/tmpfiles.d/" + words[len(words)-1], "/dev/null"}
		case "enable":
			if want = 3; len(words) == want {
				link = Link{etc + "/" + words[2] + ".wants/" + words[1], "/usr/lib/systemd/system/" + template(words[1])}
			}
		default:
			return fmt.Errorf("%s:%d: unknown rule %q; there are default, enable, mask, no-generator and no-tmpfiles", file, l.number, words[0])
		}
		if len(words) != want {
			return fmt.Errorf("%s:%d: %q takes %d words after it, not %d", file, l.number, words[0], want-1, len(words)-1)
		}
		r.Units = append(r.Units, link)
	}
	return nil
}

// template is the unit file behind an instance: a@b.service → a@.service.
func template(unit string) string {
	name, rest, ok := strings.Cut(unit, "@")
	if !ok {
		return unit
	}
	return name + "@" + path.Ext(rest)
}

func (r *Recipe) readCmdline(file string, lines []line) error {
	words := make([]string, len(lines))
	for i, l := range lines {
		words[i] = l.text
	}
	r.Cmdline = strings.Join(words, " ")
	// The kernel cuts a longer one off without a word (COMMAND_LINE_SIZE of x86).
	if len(r.Cmdline) > 2047 {
		return fmt.Errorf("%s: %d characters, the kernel takes 2047", file, len(r.Cmdline))
	}
	return nil
}

// leavesOut tells whether a path, or a directory above it, matches a pattern of leave-out.
func (r *Recipe) leavesOut(name string) bool {
	for ; name != "." && name != "/"; name = path.Dir(name) {
		for _, pattern := range r.LeaveOut {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}
