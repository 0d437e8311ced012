package main

import (
	"embed"
	"fmt"
	"io/fs"

	"airlock/tests/system"
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
	project, err := fs.Sub(shopfront, "shopfront")
	if err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	return system.WriteProject(dir, project, struct{ Version string }{version})
}
