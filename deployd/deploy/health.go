package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"airlock/deployd/release"
	"airlock/netd/windows"
)

// probeTime bounds the look at a port.
const probeTime = 3 * time.Second

// maxBody is how much of a health answer is read, bytes.
const maxBody = 1 << 20

// Healthy asks a target, over HTTP through the window, until it answers as the check wants, or the
// attempts are used up. The error says what it answered last.
func Healthy(ctx context.Context, dial Dialer, address string, h release.Health) error {
	url := "http://" + net.JoinHostPort(address, strconv.Itoa(h.Port)) + h.Path
	client := &http.Client{
		// A fresh connection for each attempt: the process that answered before may be on its way out.
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var last error
	for n := range h.Attempts {
		if n > 0 {
			select {
			case <-time.After(h.Interval):
			case <-ctx.Done():
				return fmt.Errorf("%s: %w; the last answer was: %w", url, context.Cause(ctx), last)
			}
		}
		if last = ask(ctx, client, url, h); last == nil {
			return nil
		}
		var p *windows.Problem
		if errors.As(last, &p) && p.Code == windows.CodeNotAllowed {
			return fmt.Errorf("%s: %w", url, last) // no attempt will change the site's policy
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", url, context.Cause(ctx))
		}
	}
	return fmt.Errorf("%s: after %d attempts: %w", url, h.Attempts, last)
}

// Allowed makes sure that the window's policy lets the node ask a target for its health: that has to
// be known before anything is switched. Whether something answers there does not matter yet.
func Allowed(ctx context.Context, dial Dialer, address string, h release.Health) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := dial(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(h.Port)))
	if err == nil {
		return conn.Close()
	}
	var p *windows.Problem
	if errors.As(err, &p) && p.Code == windows.CodeNotAllowed {
		return fmt.Errorf("port %d, at which the release is asked for its health, is not allowed on this site: "+
			"add it to what the site's window may reach: %w", h.Port, err)
	}
	return nil
}

// ask makes one attempt.
func ask(ctx context.Context, client *http.Client, url string, h release.Health) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.Timeout, fmt.Errorf("no answer within %v", h.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return errors.Unwrap(err)
	}
	defer res.Body.Close()
	if res.StatusCode != h.Status {
		return fmt.Errorf("status %d, want %d", res.StatusCode, h.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if !bytes.Contains(body, []byte(h.Contains)) {
		return fmt.Errorf("the answer does not contain %q: does another version answer?", h.Contains)
	}
	return nil
}
