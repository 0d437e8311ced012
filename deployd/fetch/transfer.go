package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Limits bound every transfer. go-tuf ignores the time limit that its own interface offers
// (v2.4.2), so they are kept here.
type Limits struct {
	// MinRate is how many bytes a second must arrive on average over each Period, the wait for the
	// answer's header included.
	MinRate int64
	Period  time.Duration
	// Deadline bounds one metadata file or manifest.
	Deadline time.Duration
	// Tries is how often in a row an artifact's transfer may end without reaching the minimum.
	Tries int
	// Pause is waited between two tries.
	Pause time.Duration
}

// DefaultLimits suit a cellular link: a round trip of a second is fine, silence is not.
var DefaultLimits = Limits{MinRate: 256, Period: 15 * time.Second, Deadline: 2 * time.Minute, Tries: 4, Pause: 2 * time.Second}

// errSlow is the cause with which the rate's watch cancels a transfer.
var errSlow = errors.New("below the minimum rate")

// transfer is one HTTP answer, watched for its rate until Close. One goroutine reads it.
type transfer struct {
	http.Response
	ctx    context.Context // of this transfer only; its cause says who ended it
	cancel context.CancelCauseFunc
	rate   *rate
}

// get asks for url from offset on and watches the rate from the first moment. The answer's status
// is 200 or 206; anything else is a *metadata.ErrDownloadHTTP, as go-tuf's walk of root versions needs it.
func get(ctx context.Context, client *http.Client, url string, offset int64, l Limits) (*transfer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &transfer{ctx: ctx, cancel: cancel}
	t.rate = watchRate(l, func() { cancel(errSlow) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity") // lengths and digests are of the bytes as stored
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	res, err := client.Do(req)
	if err != nil {
		err = t.why(err)
		t.Close()
		return nil, err
	}
	t.Response = *res
	if res.StatusCode != http.StatusOK && !(offset > 0 && res.StatusCode == http.StatusPartialContent) {
		t.Close()
		return nil, &metadata.ErrDownloadHTTP{StatusCode: res.StatusCode, URL: url}
	}
	return t, nil
}

// Read reads the body.
func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.Body.Read(p)
	t.rate.add(n)
	if err != nil && err != io.EOF {
		err = t.why(err)
	}
	return n, err
}

// Close ends it.
func (t *transfer) Close() {
	t.rate.stop()
	t.cancel(nil)
	if t.Body != nil {
		t.Body.Close()
	}
}

// why is the cause of a broken transfer where we broke it ourselves.
func (t *transfer) why(err error) error {
	if cause := context.Cause(t.ctx); errors.Is(cause, errSlow) {
		return cause
	}
	return err
}

// rest is how many bytes the answer promises from its first byte on, and the offset of that byte;
// -1 where it does not say. It refuses an answer that starts elsewhere than asked.
func (t *transfer) rest(offset int64) (start, total int64, err error) {
	if t.StatusCode == http.StatusOK {
		return 0, t.ContentLength, nil
	}
	span, size, ok := strings.Cut(strings.TrimPrefix(t.Header.Get("Content-Range"), "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	start, err = strconv.ParseInt(first, 10, 64)
	if !ok || err != nil || start != offset {
		return 0, 0, fmt.Errorf("answer to a range from %d has Content-Range %q", offset, t.Header.Get("Content-Range"))
	}
	total = -1
	if size != "*" {
		if total, err = strconv.ParseInt(size, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("answer has Content-Range %q", t.Header.Get("Content-Range"))
		}
	}
	return start, total, nil
}

// small fetches a file that fits in memory: at most limit bytes, within the deadline.
func small(ctx context.Context, client *http.Client, url, file string, limit int64, l Limits) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.Deadline, errSlow)
	defer cancel()
	t, err := get(ctx, client, url, 0, l)
	if err != nil {
		return nil, nil, slowly(file, err)
	}
	defer t.Close()
	if t.ContentLength > limit {
		return nil, nil, refuse(file, Endless, "%d bytes announced, at most %d are expected", t.ContentLength, limit)
	}
	b, err := io.ReadAll(io.LimitReader(t, limit+1))
	if err != nil {
		return nil, nil, slowly(file, err)
	}
	if int64(len(b)) > limit {
		return nil, nil, refuse(file, Endless, "more than the expected %d bytes arrived", limit)
	}
	return b, t.Header, nil
}

// slowly names a transfer that the rate's watch ended.
func slowly(file string, err error) error {
	if errors.Is(err, errSlow) {
		return refuse(file, Slow, "the publisher or the link is below the minimum rate; what arrived of an artifact is kept")
	}
	return err
}
