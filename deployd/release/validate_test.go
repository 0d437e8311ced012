package release

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
	"time"
)

// good is a manifest that Validate takes.
func good() Manifest {
	return Manifest{Format: 1, ID: "shop-1.0-0123456789ab", Artifacts: []Artifact{
		{Path: "bin/shop", Mode: 0o755, SHA256: strings.Repeat("a", 64), Size: 10, Target: "releases/shop-1.0-0123456789ab/x.zst", Encoding: "zstd"},
	}, Plan: Plan{Directory: "/opt/shop", Restart: "systemctl restart shop",
		Health: Health{Port: 8080, Path: "/metrics", Status: 200, Contains: "1.0", Attempts: 10, Interval: time.Second, Timeout: time.Second}}}
}

func TestValidate(t *testing.T) {
	if m := good(); m.Validate() != nil {
		t.Fatalf("Validate of a good manifest = %v", m.Validate())
	}
	for _, tt := range []struct {
		want   string // part of the error
		change func(*Manifest)
	}{
		{"format", func(m *Manifest) { m.Format = 2 }},
		{"id", func(m *Manifest) { m.ID = "" }},
		{"id", func(m *Manifest) { m.ID = "../x" }},
		{"id", func(m *Manifest) { m.ID = "-rf" }},
		{"id", func(m *Manifest) { m.ID = "a..b" }},
		{"id", func(m *Manifest) { m.ID = "a b" }},
		{"artifacts: 0", func(m *Manifest) { m.Artifacts = nil }},
		{"path has 0 bytes", func(m *Manifest) { m.Artifacts[0].Path = "" }},
		{"leaves", func(m *Manifest) { m.Artifacts[0].Path = "/etc/passwd" }},
		{"leaves", func(m *Manifest) { m.Artifacts[0].Path = "../x" }},
		{"leaves", func(m *Manifest) { m.Artifacts[0].Path = "a/../../x" }},
		{"leaves", func(m *Manifest) { m.Artifacts[0].Path = "a//b" }},
		{"control", func(m *Manifest) { m.Artifacts[0].Path = "a\nb" }},
		{"control", func(m *Manifest) { m.Artifacts[0].Path = "a\x00b" }},
		{"control", func(m *Manifest) { m.Artifacts[0].Path = `a\b` }},
		{"control", func(m *Manifest) { m.Artifacts[0].Path = "a\xffb" }},
		{"mode", func(m *Manifest) { m.Artifacts[0].Mode = 0o4755 }},
		{"size", func(m *Manifest) { m.Artifacts[0].Size = -1 }},
		{"encoding", func(m *Manifest) { m.Artifacts[0].Encoding = "gzip" }},
		{"sha256", func(m *Manifest) { m.Artifacts[0].SHA256 = "../x" }},
		{"sha256", func(m *Manifest) { m.Artifacts[0].SHA256 = strings.Repeat("A", 64) }},
		{"target", func(m *Manifest) { m.Artifacts[0].Target = "assignments/x" }},
		{"twice", func(m *Manifest) { m.Artifacts = append(m.Artifacts, m.Artifacts[0]) }},
		{"is a file and the folder", func(m *Manifest) {
			a := m.Artifacts[0]
			a.Path = "bin"
			m.Artifacts = append(m.Artifacts, a)
		}},
		{"plan.directory", func(m *Manifest) { m.Plan.Directory = "opt" }},
		{"plan.directory", func(m *Manifest) { m.Plan.Directory = "/" }},
		{"plan.directory", func(m *Manifest) { m.Plan.Directory = "/opt/../etc" }},
		{"plan.restart", func(m *Manifest) { m.Plan.Restart = "a\x00b" }},
		{"plan.health.port", func(m *Manifest) { m.Plan.Health.Port = 0 }},
		{"plan.health.path", func(m *Manifest) { m.Plan.Health.Path = "metrics" }},
		{"plan.health.path", func(m *Manifest) { m.Plan.Health.Path = "/a b" }},
		{"plan.health.status", func(m *Manifest) { m.Plan.Health.Status = 0 }},
		{"plan.health.attempts", func(m *Manifest) { m.Plan.Health.Attempts = 0 }},
		{"plan.health.interval", func(m *Manifest) { m.Plan.Health.Interval = time.Hour }},
		{"plan.health.timeout", func(m *Manifest) { m.Plan.Health.Timeout = 0 }},
	} {
		m := good()
		tt.change(&m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Validate = %v, want %q in it", err, tt.want)
		}
	}
}

func TestValidateAssignment(t *testing.T) {
	a := Assignment{Format: 1, Node: "plant-7", Release: "shop-1"}
	if err := a.Validate("plant-7"); err != nil {
		t.Errorf("Validate = %v", err)
	}
	if err := a.Validate("plant-8"); err == nil {
		t.Error("an assignment of another node was taken")
	}
	a.Release = "../x"
	if err := a.Validate("plant-7"); err == nil {
		t.Error("an assignment of a path was taken")
	}
}

// Whatever a manifest says: what Validate lets pass stays within the release's folder.
func FuzzManifest(f *testing.F) {
	for _, m := range []Manifest{good()} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"format":1,"id":"a","artifacts":[{"path":"..","sha256":""}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Manifest
		if json.Unmarshal(b, &m) != nil || m.Validate() != nil {
			return
		}
		for _, a := range m.Artifacts {
			if p := path.Join("/r", a.Path); !strings.HasPrefix(p, "/r/") || a.Mode > 0o777 || strings.ContainsAny(a.Path, "\n\x00\\") {
				t.Errorf("Validate took %q with mode %o", a.Path, a.Mode)
			}
		}
	})
}
