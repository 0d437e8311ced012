package windows

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Client talks to netd over its unix socket. It holds no connection between calls and may be used
// by several goroutines. Every error it returns is a *Problem; where the caller's context ended the
// call, errors.Is finds the context's error in it.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a client of the netd that listens at socketPath, normally SocketPath. It connects
// with the first call only.
func NewClient(socketPath string) *Client {
	c := &Client{path: socketPath}
	c.http = &http.Client{Transport: &http.Transport{
		// A window lives as long as the connection that asked for it: none is ever shared or kept.
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dial(ctx)
		},
	}}
	return c
}

// Status asks what netd knows of itself, the doors and the hardware.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	resp, err := c.do(ctx, http.MethodGet, "/v1/status", nil)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return s, c.broken(ctx, "read the status", err)
	}
	return s, nil
}

// SetIdentity tells netd who the node is, after enrolment. It is refused with CodeNotAllowed when
// the node already belongs to another hub.
func (c *Client) SetIdentity(ctx context.Context, id Identity) error {
	return c.send(ctx, http.MethodPut, "/v1/identity", id)
}

// SetSite tells netd of the isolated network; it holds from the next inner window on.
func (c *Client) SetSite(ctx context.Context, s Site) error {
	return c.send(ctx, http.MethodPut, "/v1/site", s)
}

// ClearFault gives an operator's word that the cause of a latched fault is gone. netd lowers both
// doors and reads them back before it opens any.
func (c *Client) ClearFault(ctx context.Context) error {
	return c.send(ctx, http.MethodDelete, "/v1/fault", nil)
}

// Record streams the recorder's lines as they are stored. The caller closes it.
func (c *Client) Record(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/record")
}

// RecordFrom streams the lines from the one numbered from on, and at least the last. The caller closes it.
func (c *Client) RecordFrom(ctx context.Context, from uint64) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/record?from="+strconv.FormatUint(from, 10))
}

// ExportRecord streams the record as a bundle, whose first line is signed and names the last. The caller closes it.
func (c *Client) ExportRecord(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/record/export")
}

// AcknowledgeRecord tells netd that the publisher has the lines up to p, which may then be dropped when room is needed.
func (c *Client) AcknowledgeRecord(ctx context.Context, p RecordPosition) error {
	return c.send(ctx, http.MethodPost, "/v1/record/acknowledged", p)
}

func (c *Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send makes a request whose answer has no body.
func (c *Client) send(ctx context.Context, method, path string, body any) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// do makes one request and turns every answer other than 2xx into its Problem.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, c.broken(ctx, "encode the request", err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://netd"+path, payload)
	if err != nil {
		return nil, c.broken(ctx, "make the request", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, "ask netd", err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, problemIn(resp)
	}
	return resp, nil
}

// dial connects to the socket.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", c.path)
}

// broken is the Problem of a talk with netd that did not come to an answer.
func (c *Client) broken(ctx context.Context, what string, err error) *Problem {
	if cause := context.Cause(ctx); cause != nil {
		return &Problem{Code: CodeInternal, Cause: cause, Detail: fmt.Sprintf("%s: given up by the asker: %v", what, cause)}
	}
	return &Problem{Code: CodeInternal, Cause: err, Detail: fmt.Sprintf(
		"%s: netd does not answer on %s (%v). See `systemctl status netd`.", what, c.path, err)}
}

// problemIn reads the Problem out of a refusal. A body that is none still says what netd answered.
func problemIn(resp *http.Response) *Problem {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came is told below, whole or not
	var p Problem
	if err := json.Unmarshal(b, &p); err != nil || p.Code == "" {
		return &Problem{Code: CodeInternal, Detail: fmt.Sprintf("netd answered %s: %s", resp.Status, strings.TrimSpace(string(b)))}
	}
	return &p
}
