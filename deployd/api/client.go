package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"airlock/deployd/release"
)

// maxLine bounds one line of a stream; the longest carries a report of many targets.
const maxLine = 16 << 20

// Error is why a request was refused or a job failed.
type Error struct {
	Code string `json:"code"` // one of the Code constants here or in netd/windows
	Text string `json:"text"` // what was wrong, where, what to do
}

// Error makes it an error; it is the sentence for a person.
func (e *Error) Error() string { return e.Text }

// Client asks deployd over its socket. Every error that deployd itself gave is an *Error.
// A Client may be used by several goroutines.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client for the socket at that path; it connects when first asked.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{
		socket: socket,
		http:   &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// Status is everything deployd tells of itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	res, err := c.do(ctx, http.MethodGet, "/v1/status", nil)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("read status of deployd: %w", err)
	}
	return s, nil
}

// SetSite stores the targets of the site; *Error with CodeBadSite says which one is malformed.
func (c *Client) SetSite(ctx context.Context, s Site) error {
	res, err := c.do(ctx, http.MethodPut, "/v1/site", s)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Enrol makes the node a member of the publisher that the token names. say, which may be nil, is
// called for each line of progress, the last one included.
func (c *Client) Enrol(ctx context.Context, token string, say func(Progress)) error {
	_, err := c.stream(ctx, http.MethodPost, "/v1/enrol", EnrolRequest{Token: token}, say)
	return err
}

// Fetch fetches what is assigned, in an outer window.
func (c *Client) Fetch(ctx context.Context, say func(Progress)) error {
	_, err := c.stream(ctx, http.MethodPost, "/v1/fetch", nil, say)
	return err
}

// Deploy deploys what is fetched, in an inner window. The report comes with a failed deployment
// too, unless it was refused before it began.
func (c *Client) Deploy(ctx context.Context, say func(Progress)) (*release.Report, error) {
	return c.stream(ctx, http.MethodPost, "/v1/deploy", nil, say)
}

// Report sends the queued reports, in an outer window.
func (c *Client) Report(ctx context.Context, say func(Progress)) error {
	_, err := c.stream(ctx, http.MethodPost, "/v1/report", nil, say)
	return err
}

// Watch follows the job that is running, from its first line on, whoever asked for it: a job goes
// on when its asker's line drops. Without a job it is *Error with CodeNothing.
func (c *Client) Watch(ctx context.Context, say func(Progress)) (*release.Report, error) {
	return c.stream(ctx, http.MethodGet, "/v1/job", nil, say)
}

// Cancel ends the job that is running: a fetch keeps what it has, a deployment reverts first.
// It returns at once; Watch tells the end.
func (c *Client) Cancel(ctx context.Context) error {
	res, err := c.do(ctx, http.MethodDelete, "/v1/job", nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// do sends one request and turns any answer but 2xx into an *Error.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://deployd"+path, payload)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Error{Code: CodeNotRunning, Text: fmt.Sprintf(
			"deployd does not answer on %s (%v); see `systemctl status deployd`", c.socket, errors.Unwrap(err))}
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	e := &Error{}
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if json.Unmarshal(b, e) != nil || e.Code == "" {
		e = &Error{Code: CodeInternal, Text: fmt.Sprintf("deployd answered %s to %s %s", res.Status, method, path)}
	}
	return nil, e
}

// stream sends a request and reads lines until the one that is Done.
func (c *Client) stream(ctx context.Context, method, path string, body any, say func(Progress)) (*release.Report, error) {
	res, err := c.do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		var p Progress
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("read progress of deployd: %w", err)
		}
		if say != nil {
			say(p)
		}
		if !p.Done {
			continue
		}
		if p.Error != "" {
			return p.Report, &Error{Code: p.Code, Text: p.Error}
		}
		return p.Report, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &Error{Code: CodeNotRunning, Text: "deployd ended before the job did; ask for its status"}
}
