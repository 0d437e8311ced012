package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"airlock/deployd/release"
	"airlock/publisher"
)

// ErrUnreachable is in the chain of an error when no publisherd answered.
var ErrUnreachable = errors.New("no publisherd answers")

// Client asks a running server.
type Client struct {
	Base string // http://127.0.0.1:8080
	HTTP *http.Client
}

// NewClient makes a client of the server at base.
func NewClient(base string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("server address: found %q, expected one such as http://127.0.0.1:8080", base)
	}
	return &Client{Base: strings.TrimRight(base, "/"), HTTP: &http.Client{}}, nil
}

// AddProject makes a project with its repository.
func (c *Client) AddProject(ctx context.Context, name string) (publisher.Project, error) {
	return call[publisher.Project](ctx, c, http.MethodPost, "projects", Name{name})
}

// Projects lists the projects.
func (c *Client) Projects(ctx context.Context) ([]publisher.Project, error) {
	return call[[]publisher.Project](ctx, c, http.MethodGet, "projects", nil)
}

// AddNode invites a node.
func (c *Client) AddNode(ctx context.Context, name string) (Invitation, error) {
	return call[Invitation](ctx, c, http.MethodPost, "nodes", Name{name})
}

// Nodes lists the nodes.
func (c *Client) Nodes(ctx context.Context) ([]publisher.Node, error) {
	return call[[]publisher.Node](ctx, c, http.MethodGet, "nodes", nil)
}

// Builds lists builds, the newest first; project may be empty.
func (c *Client) Builds(ctx context.Context, project string) ([]publisher.Build, error) {
	return call[[]publisher.Build](ctx, c, http.MethodGet, "builds?project="+url.QueryEscape(project), nil)
}

// Build finds one build.
func (c *Client) Build(ctx context.Context, id int64) (publisher.Build, error) {
	return call[publisher.Build](ctx, c, http.MethodGet, fmt.Sprintf("builds/%d", id), nil)
}

// BuildLog copies a build's log to w, with follow until the build has ended.
func (c *Client) BuildLog(ctx context.Context, id int64, follow bool, w io.Writer) error {
	path := fmt.Sprintf("builds/%d/log", id)
	if follow {
		path += "?follow=1"
	}
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("read log of build %d: %w: %w", id, ErrUnreachable, err)
	}
	return nil
}

// Releases lists the releases, the newest first.
func (c *Client) Releases(ctx context.Context) ([]publisher.ReleaseInfo, error) {
	return call[[]publisher.ReleaseInfo](ctx, c, http.MethodGet, "releases", nil)
}

// Release finds one release.
func (c *Client) Release(ctx context.Context, id string) (publisher.ReleaseInfo, error) {
	return call[publisher.ReleaseInfo](ctx, c, http.MethodGet, "releases/"+url.PathEscape(id), nil)
}

// Assign signs an assignment.
func (c *Client) Assign(ctx context.Context, a Assign) (release.Assignment, error) {
	return call[release.Assignment](ctx, c, http.MethodPost, "assignments", a)
}

// Assignments lists what each node should run.
func (c *Client) Assignments(ctx context.Context) ([]release.Assignment, error) {
	return call[[]release.Assignment](ctx, c, http.MethodGet, "assignments", nil)
}

// Reports lists reports, the newest first; node may be empty.
func (c *Client) Reports(ctx context.Context, node string) ([]publisher.ReportRecord, error) {
	return call[[]publisher.ReportRecord](ctx, c, http.MethodGet, "reports?node="+url.QueryEscape(node), nil)
}

// Records lists how far each node's record has come.
func (c *Client) Records(ctx context.Context) ([]publisher.NodeRecord, error) {
	return call[[]publisher.NodeRecord](ctx, c, http.MethodGet, "records", nil)
}

// Record copies the lines of a node's record to w, as the node wrote them.
func (c *Client) Record(ctx context.Context, node string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, "records/"+url.PathEscape(node), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("read the record of node %s: %w: %w", node, ErrUnreachable, err)
	}
	return nil
}

// Status asks how the server is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "status", nil)
}

func call[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read answer of %s: %w", c.Base, err)
	}
	return out, nil
}

// send returns the response of a request that succeeded; a *Problem is the error of one that was refused.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+"/api/v1/"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w at %s (%w): is it running there? name another with --server", ErrUnreachable, c.Base, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.Base, err)
	}
	p := &Problem{}
	if json.Unmarshal(data, p) != nil || p.Detail == "" {
		p = &Problem{Code: publisher.CodeInternal, Detail: fmt.Sprintf("%s answers %s: is that a publisherd?", c.Base, resp.Status)}
	}
	p.Status = resp.StatusCode
	return nil, p
}
