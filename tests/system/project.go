package system

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// WriteProject fills in the templates of a project and writes them into dir. A name that ends in .tmpl loses that: it
// keeps Go's tools from taking the file for one of ours.
func WriteProject(dir string, project fs.FS, values any) error {
	return fs.WalkDir(project, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("write project: %w", err)
		}
		target := filepath.Join(dir, strings.TrimSuffix(path, ".tmpl"))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		t, err := template.ParseFS(project, path)
		if err != nil {
			return fmt.Errorf("write project: %w", err)
		}
		var text strings.Builder
		if err := t.Execute(&text, values); err != nil {
			return fmt.Errorf("write project: %w", err)
		}
		return os.WriteFile(target, []byte(text.String()), 0o644)
	})
}
