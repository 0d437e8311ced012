// Package tests holds what checks the house as a whole; this file holds the rule of who may import whom.
package tests

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// rule says which packages of ours those below a folder may import. A pattern ending in "/..." names a folder
// and all below it. The first rule whose room matches the importer counts.
type rule struct {
	room    string
	imports []string
	because string
}

var rules = []rule{
	{"tests/model/...", []string{"tests/model/..."}, "who judges the record must not share its errors"},
	{"tests/...", []string{"..."}, "tests see everything"},
	{"netd/recorder/chain", nil, "the chain of a record is a leaf: the publisher's hub checks by it too"},
	{"firmware/...", []string{"firmware/...", "netd/...", "deployd/...", "drivers/..."}, "firmware is what ties the node together; the publisher is another machine"},
	{"netd/tunnel", nil, "the tunnel is a leaf: the publisher's hub uses it too"},
	{"netd/...", []string{"netd/..."}, "the rule of the doors must be testable without hardware and without the courier"},
	{"deployd/release/...", []string{"deployd/release/..."}, "formats are a leaf: publisher and node share them"},
	{"deployd/...", []string{"deployd/...", "netd/windows"}, "the courier knows the doorkeeper's counter, never the doors"},
	{"drivers/...", []string{"drivers/..."}, "a driver knows its device and nobody who uses it"},
	{"publisher/cmd/...", []string{"publisher/..."}, "cmd ties the publisher's rooms together"},
	{"publisher/hub", []string{"publisher", "deployd/release/...", "netd/tunnel", "netd/recorder/chain"}, "the hub is the tunnel's other end, and holds the nodes' records against their chain"},
	{"publisher/...", []string{"publisher", "deployd/release/..."}, "one technology a room; no room knows its sibling"},
}

func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	}
	return pattern == pkg
}

func ruleFor(pkg string) (rule, bool) {
	for _, r := range rules {
		if matches(r.room, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

// allowed reports whether pkg may import dep, both without the module's name.
func allowed(pkg, dep string) (bool, string) {
	r, ok := ruleFor(pkg)
	if !ok {
		return false, "no room of the house is meant for " + path.Dir(pkg)
	}
	for _, pattern := range r.imports {
		if matches(pattern, dep) {
			return true, ""
		}
	}
	return false, r.because
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "airlock/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 10 {
		t.Fatalf("only %d packages found: the rule has nothing to judge", len(packages))
	}
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, "airlock/")
		// Tests next to the code may use what their package may; an outside test (package x_test) also itself.
		for _, dep := range append(append(p.Imports, p.TestImports...), p.XTestImports...) {
			dep, ours := strings.CutPrefix(dep, "airlock/")
			if !ours || dep == pkg {
				continue
			}
			if ok, why := allowed(pkg, dep); !ok {
				t.Errorf("%s imports %s: %s", pkg, dep, why)
			}
		}
	}
}

// TestImportRulesRefuse holds the rule itself against the cases that it exists for.
func TestImportRulesRefuse(t *testing.T) {
	for _, c := range []struct {
		pkg, dep string
		want     bool
	}{
		{"netd", "drivers/modem", false},
		{"netd/windows", "deployd/api", false},
		{"deployd", "netd", false},
		{"deployd/fetch", "netd/windows", true},
		{"deployd/release", "netd/windows", false},
		{"drivers/modem", "drivers/at", true},
		{"drivers/modem", "netd", false},
		{"publisher/api", "publisher/db", false},
		{"publisher/hub", "netd/tunnel", true},
		{"publisher/hub", "netd/recorder/chain", true},
		{"publisher/hub", "netd/recorder", false},
		{"tests/model", "netd/recorder", false},
		{"tests/record", "netd/recorder", true},
		{"publisher/repo", "netd/tunnel", false},
		{"publisher/cmd/publisherd", "publisher/db", true},
		{"firmware/cmd/netd", "publisher/hub", false},
		{"firmware/cli", "tests/lab", false},
		{"tests/lab", "publisher/hub", true},
		{"somewhere/else", "netd", false},
	} {
		if got, _ := allowed(c.pkg, c.dep); got != c.want {
			t.Errorf("allowed(%s, %s) = %v, want %v", c.pkg, c.dep, got, c.want)
		}
	}
}
