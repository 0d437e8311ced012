package githost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"strings"
	"syscall"

	"airlock/publisher"
)

// Prefix is where the handler is to be mounted, with the prefix left in place.
const Prefix = "/git/"

// spoolOver is the size from which a body goes through a file, bytes.
const spoolOver = 1 << 20

// ServeHTTP serves /git/PROJECT.git to git's clients, by the smart protocol only.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

func (h *Host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix+"{repository}/info/refs", h.serve)
	mux.HandleFunc("POST "+Prefix+"{repository}/git-upload-pack", h.serve)
	mux.HandleFunc("POST "+Prefix+"{repository}/git-receive-pack", h.serve)
	return mux
}

// serve hands one request to git http-backend.
func (h *Host) serve(w http.ResponseWriter, r *http.Request) {
	project, ok := strings.CutSuffix(r.PathValue("repository"), ".git")
	if !ok || !publisher.ValidName(project) {
		http.Error(w, "the address of a repository ends in /git/PROJECT.git", http.StatusNotFound)
		return
	}
	if err := h.Known(r.Context(), project); err != nil {
		status := http.StatusInternalServerError
		if publisher.CodeOf(err) == publisher.CodeNotFound {
			status = http.StatusNotFound
		}
		http.Error(w, err.Error(), status)
		return
	}
	if err := h.Ensure(r.Context(), project); err != nil {
		h.Log.Error("repository cannot be served", "project", project, "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body, err := h.whole(w, r)
	if err != nil {
		h.refuse(w, project, err)
		return
	}
	defer body.Close()
	r.Body = body
	(&cgi.Handler{
		Path:   h.backend,
		Args:   []string{"http-backend"},
		Root:   strings.TrimSuffix(Prefix, "/"),
		Dir:    h.Dir,
		Env:    append(h.environ(""), append(h.HookEnv, "GIT_PROJECT_ROOT="+h.Dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=operator")...),
		Stderr: logWriter{h, project},
	}).ServeHTTP(w, r)
}

// whole takes a body in before git sees any of it, small ones in memory and large ones in a file.
// CGI demands a length (RFC 3875, 4.1.2), which git's clients leave open for large pushes; and
// git http-backend, handed a body that ends before its length, waits for the rest for ever, at full
// speed (observed with 2.39.5).
func (h *Host) whole(w http.ResponseWriter, r *http.Request) (io.ReadCloser, error) {
	if r.ContentLength > h.MaxPush {
		return nil, &http.MaxBytesError{Limit: h.MaxPush}
	}
	limited := http.MaxBytesReader(w, r.Body, h.MaxPush)
	start := &bytes.Buffer{}
	n, err := io.CopyN(start, limited, spoolOver)
	body := io.NopCloser(start)
	if err == nil {
		body, n, err = h.spool(io.MultiReader(start, limited))
	}
	if err != nil && err != io.EOF { // io.EOF: shorter than spoolOver; a body cut off is io.ErrUnexpectedEOF
		return nil, err
	}
	r.ContentLength, r.TransferEncoding = n, nil
	r.Header.Set("Content-Length", fmt.Sprint(n))
	return body, nil
}

// spool takes a body into a temporary file.
func (h *Host) spool(body io.Reader) (io.ReadCloser, int64, error) {
	f, err := os.CreateTemp(h.Dir, ".push-*")
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(f, body)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, spool{f}.Close())
	}
	return spool{f}, n, nil
}

// refuse answers a push whose body did not come through; git shows the status line's number.
func (h *Host) refuse(w http.ResponseWriter, project string, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, fmt.Sprintf("a push may have %d bytes at most", large.Limit), http.StatusRequestEntityTooLarge)
	case errors.Is(err, syscall.ENOSPC):
		http.Error(w, "the publisher's disk is full", http.StatusInsufficientStorage)
	default:
		http.Error(w, "the push was cut off: "+err.Error(), http.StatusBadRequest)
	}
	h.Log.Warn("push refused", "project", project, "error", err)
}

// spool is a temporary file that goes when it is closed.
type spool struct{ *os.File }

// Close implements io.Closer.
func (s spool) Close() error { return errors.Join(s.File.Close(), os.Remove(s.Name())) }

// logWriter carries what git http-backend says into the log.
type logWriter struct {
	h       *Host
	project string
}

// Write implements io.Writer.
func (l logWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.h.Log.Warn("git http-backend", "project", l.project, "line", strings.TrimSpace(line))
	}
	return len(p), nil
}
