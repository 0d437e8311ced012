package repo

import (
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// Metadata serves the metadata files, to be mounted with its prefix stripped.
func (r *Repo) Metadata() http.Handler { return files{r.metadata, "application/json"} }

// Targets serves the target files, whole or in ranges, to be mounted with its prefix stripped.
func (r *Repo) Targets() http.Handler { return files{r.targets, "application/octet-stream"} }

// files serves the regular files of one folder: no listing, nothing outside, nothing half-written.
type files struct{ dir, kind string }

// ServeHTTP implements http.Handler.
func (f files) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := strings.TrimPrefix(req.URL.Path, "/")
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if !fs.ValidPath(name) || strings.HasPrefix(path.Base(name), ".") {
		http.NotFound(w, req)
		return
	}
	// OpenInRoot follows no link out of the folder, whatever stands in the name.
	file, err := os.OpenInRoot(f.dir, name)
	if err != nil {
		http.NotFound(w, req)
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	if digest, _, ok := strings.Cut(path.Base(name), "."); ok && len(digest) == 64 {
		w.Header().Set("ETag", `"`+digest+`"`) // lets a node go on with a file by If-Range
	}
	http.ServeContent(w, req, "", time.Time{}, file)
}
