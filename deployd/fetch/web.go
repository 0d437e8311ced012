package fetch

import (
	"context"
	"net/http"
	"path"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"
)

// web is go-tuf's way to the publisher. It belongs to one session and one goroutine.
type web struct {
	// ctx stands in a struct since go-tuf's interface has no room for it; it lives as long as the session.
	ctx  context.Context
	cfg  *Config
	last string    // name of the metadata file asked for last
	err  error     // what the last download ended with
	date time.Time // of the last answer
}

var _ fetcher.Fetcher = (*web)(nil)

// DownloadFile fetches one metadata file. The time limit is the session's own.
func (w *web) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	name := path.Base(url)
	b, header, err := small(w.ctx, w.cfg.HTTP, url, name, limit, w.cfg.Limits)
	w.last, w.err = name, err
	if err != nil {
		return nil, err
	}
	if d, err := http.ParseTime(header.Get("Date")); err == nil {
		w.date = d
	}
	return b, nil
}
