package githost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"airlock/publisher"
)

// queueRequest is what the post-receive hook, a process of its own, asks of the server.
type queueRequest struct {
	Project string `json:"project"`
	Commit  string `json:"commit"`
}

// QueueHandler answers hooks; it is served on a unix socket that only the server's user can open.
func QueueHandler(enqueue func(ctx context.Context, project, commit string) (publisher.Build, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q queueRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<12)).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b, err := enqueue(r.Context(), q.Project, q.Commit)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%d\n", b.ID)
	})
}

// QueueThrough asks for builds through the socket at path.
func QueueThrough(path string) func(ctx context.Context, project, commit string) (int64, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	return func(ctx context.Context, project, commit string) (int64, error) {
		body, err := json.Marshal(queueRequest{project, commit})
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://publisherd/", bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
		if err != nil {
			return 0, err
		}
		if resp.StatusCode != http.StatusOK {
			return 0, errors.New(strings.TrimSpace(string(answer)))
		}
		var id int64
		_, err = fmt.Sscan(string(answer), &id)
		return id, err
	}
}
