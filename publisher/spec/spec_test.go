package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlock/publisher"
)

const good = `project: shop
version: 1.10
build:
  command: make
artifacts:
  - path: out/shop
    install: bin/shop
    mode: 0755
  - path: conf/shop.ini
tests:
  - name: answers
    command: ./out/shop --version
deploy:
  directory: /srv/shop
  restart: systemctl restart shop # {version}
  health:
    port: 8080
    contains: shop {version}
`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(good), "shop")
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if s.Version != "1.10" {
		t.Errorf("version = %q, want 1.10 as typed, not as a number", s.Version)
	}
	if s.Build.Timeout != 10*time.Minute || s.Build.Network {
		t.Errorf("build = %+v, want 10m and no network by default", s.Build)
	}
	want := []publisher.ArtifactSpec{{Path: "out/shop", Install: "bin/shop", Mode: 0o755}, {Path: "conf/shop.ini", Install: "conf/shop.ini", Mode: 0o644}}
	if len(s.Artifacts) != 2 || s.Artifacts[0] != want[0] || s.Artifacts[1] != want[1] {
		t.Errorf("artifacts = %+v, want %+v", s.Artifacts, want)
	}
	h := s.Plan.Health
	if h.Contains != "shop 1.10" || h.Path != "/" || h.Status != 200 || h.Attempts != 10 {
		t.Errorf("health = %+v", h)
	}
	if s.Plan.Restart != "systemctl restart shop" {
		t.Errorf("restart = %q", s.Plan.Restart)
	}
}

// TestRefuse changes one line of the good file and reads the whole message.
func TestRefuse(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           string // part of the message
	}{
		{"unknown key", "version: 1.10", "verison: 1.10", `airlock.yaml:2:1: verison: found the unknown key "verison", expected one of project, version, build`},
		{"missing key", "version: 1.10\n", "", `version: found nothing, expected the key version, which is required`},
		{"other project", "project: shop", "project: shoe", `airlock.yaml:1:10: project: found "shoe", expected "shop", the project whose repository this is`},
		{"bad version", "1.10", "1/10", `airlock.yaml:2:10: version: found "1/10", expected a version of letters`},
		{"version climbs", "1.10", "a..b", `version: found "a..b"`},
		{"version is true", "1.10", "true", `version: found true, expected a text`},
		{"network not bool", "command: make\n", "command: make\n  network: yes\n", `airlock.yaml:5:12: build.network: found "yes", expected true or false`},
		{"timeout unit", "command: make\n", "command: make\n  timeout: 30\n", `build.timeout: found "30", expected a time from 1s to 6h0m0s with its unit`},
		{"empty command", "command: make", "command: ''", `build.command: found "", expected a shell command`},
		{"null command", "command: make", "command:", `build.command: found nothing, expected a text`},
		{"artifact climbs", "path: out/shop", "path: ../shop", `artifacts[0].path: found "../shop", expected a relative path inside`},
		{"artifact absolute", "path: out/shop", "path: /etc/shadow", `artifacts[0].path: found "/etc/shadow"`},
		{"install climbs", "install: bin/shop", "install: bin/../../x", `airlock.yaml:7:14: artifacts[0].install: found "bin/../../x"`},
		{"install quotes", "install: bin/shop", `install: "bin/$(x)"`, `artifacts[0].install: found "bin/$(x)"`},
		{"install option", "install: bin/shop", `install: bin/-rf`, `artifacts[0].install: found "bin/-rf"`},
		{"install default unfit", "path: conf/shop.ini", "path: conf/my shop.ini", `artifacts[1].install: found nothing, expected the key install`},
		{"duplicate install", "path: conf/shop.ini", "path: bin/shop", `artifacts[1].install: found "bin/shop" beside "bin/shop"`},
		{"install under a file", "path: conf/shop.ini", "path: bin/shop/x", `artifacts[1].install: found "bin/shop/x" beside "bin/shop"`},
		{"setuid", "mode: 0755", `mode: "4755"`, `artifacts[0].mode: found "4755", expected permission bits`},
		{"mode not octal", "mode: 0755", "mode: 0888", `artifacts[0].mode: found "0888"`},
		{"no tests", "tests:\n  - name: answers\n    command: ./out/shop --version\n", "tests: []\n", `tests: found an empty list, expected a list of at least one test`},
		{"tests a mapping", "  - name: answers\n    command: ./out/shop --version\n", "  name: answers\n", `tests: found a mapping, expected a list`},
		{"directory relative", "/srv/shop", "srv/shop", `airlock.yaml:14:14: deploy.directory: found "srv/shop", expected an absolute path`},
		{"directory climbs", "/srv/shop", "/srv/../etc", `deploy.directory: found "/srv/../etc"`},
		{"directory root", "/srv/shop", "/", `deploy.directory: found "/"`},
		{"port", "port: 8080", "port: 80800", `airlock.yaml:17:11: deploy.health.port: found "80800", expected a whole number from 1 to 65535`},
		{"port text", "port: 8080", `port: "8080"`, `deploy.health.port: found "8080", expected a whole number`},
		{"contains without version", "shop {version}", "hello", `airlock.yaml:18:15: deploy.health.contains: found "hello", expected a text with {version} in it`},
		{"url path", "    port: 8080\n", "    port: 8080\n    path: health\n", `deploy.health.path: found "health", expected a URL path`},
		{"duplicate key", "version: 1.10", "version: 1.10\nversion: 2", `airlock.yaml:3:1: found mapping key "version" already defined at [2:1], expected YAML`},
		{"tab", "  command: make", "\tcommand: make", `airlock.yaml:4:`},
		{"second document", "version: 1.10", "version: 1.10\n---\na: b", `found a second document, expected one document`},
		{"anchor", "command: make", "command: &x make", `build.command: found an anchor or alias, expected a text`},
		{"merge", "  command: make", "  <<: {command: make}", `found the unknown key "<<"`},
		{"tag", "command: make", "command: !!binary bWFrZQ==", `build.command: found a tagged value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the good file has no %q", tt.old)
			}
			_, err := Parse([]byte(strings.Replace(good, tt.old, tt.new, 1)), "shop")
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse = %v, want an *Error", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse says\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestRefuseWhole(t *testing.T) {
	for _, data := range []string{"", "# nothing\n", "- a\n", "shop", strings.Repeat("# long\n", 20000), "\x00\xff", "{", "a: [", "? x"} {
		if _, err := Parse([]byte(data), "shop"); err == nil {
			t.Errorf("Parse(%.20q) = nil, want an error", data)
		}
	}
}

// TestAll shows that one push names every problem, each with its source line.
func TestAll(t *testing.T) {
	bad := strings.NewReplacer("1.10", "1 10", "8080", "0", "make", "''").Replace(good)
	_, err := Parse([]byte(bad), "shop")
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 3 {
		t.Fatalf("Parse = %v, want 3 problems", err)
	}
	if want := "    17 |     port: 0"; !strings.Contains(err.Error(), want) {
		t.Errorf("Parse says\n%v\nwithout %q", err, want)
	}
}

// TestAMessageStaysReadable: whatever stands in the file, the pusher gets a page and not a book, soon.
func TestAMessageStaysReadable(t *testing.T) {
	for _, bad := range []string{
		strings.Repeat("[", MaxBytes), strings.Repeat("{a: ", MaxBytes/4), strings.Repeat("- ", MaxBytes/2), "a: " + strings.Repeat("b ", MaxBytes/2-2),
		"a: \"" + strings.Repeat("\\n", MaxBytes/2-4) + "\"", strings.Repeat("'", MaxBytes), strings.Repeat("k: v\n", 3),
	} {
		_, err := Parse([]byte(bad), "")
		if err == nil || len(err.Error()) > 20_000 {
			t.Errorf("Parse(%.10q…) = %d characters", bad, len(fmt.Sprint(err)))
		}
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, "key%d: 1\n", i)
	}
	_, err := Parse([]byte(many.String()), "")
	if err == nil || !strings.Contains(err.Error(), "airlock.yaml: and 486 more") {
		t.Errorf("Parse of 500 unknown keys = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: b: c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data, "")
		if (s == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v, want one of them", s, err)
		}
	})
}
