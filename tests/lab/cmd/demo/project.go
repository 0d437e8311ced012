package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// shopfront is the project that the demo pushes: Caddy, which nobody here wrote, built from its own modules.
//
//go:embed all:shopfront
var shopfront embed.FS

const (
	projectName = "shop-front"
	healthPort  = 8080
	// The first release, and the upgrade.
	oldVersion = "v2.11.7"
	newVersion = "v2.11.9"
)

// writeProject writes the project's files with a version of Caddy into dir.
func writeProject(dir, version string) error {
	root, err := fs.Sub(shopfront, "shopfront")
	if err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	return fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("write project: %w", err)
		}
		target := filepath.Join(dir, strings.TrimSuffix(path, ".tmpl"))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return writeTemplate(root, path, target, version)
	})
}

func writeTemplate(root fs.FS, path, target, version string) error {
	t, err := template.ParseFS(root, path)
	if err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, struct{ Version string }{version}); err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	return os.WriteFile(target, []byte(text.String()), 0o644)
}
