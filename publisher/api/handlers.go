package api

import (
	"context"
	"errors"
	"net/http"
)

func (s *Server) status(r *http.Request) (any, error) {
	st := s.Status
	st.Now = s.Now().UTC()
	projects, err := s.Projects.Projects(r.Context())
	if err != nil {
		return nil, err
	}
	nodes, err := s.Nodes.Nodes(r.Context())
	if err != nil {
		return nil, err
	}
	builds, err := s.Builds.Builds(r.Context(), "")
	if err != nil {
		return nil, err
	}
	for _, b := range builds {
		if !b.State.Final() {
			st.Waiting++
		}
	}
	st.Projects, st.Nodes, st.Releases = len(projects), len(nodes), len(s.Releases.Releases())
	return st, nil
}

func (s *Server) projects(r *http.Request) (any, error) {
	all, err := s.Projects.Projects(r.Context())
	for i := range all {
		all[i].GitPath = s.gitPath(all[i].Name)
	}
	return all, err
}

// addProject makes the row and the repository, or neither.
func (s *Server) addProject(r *http.Request) (any, error) {
	n, err := name(r, "project")
	if err != nil {
		return nil, err
	}
	p, err := s.Projects.AddProject(r.Context(), n)
	if err != nil {
		return nil, err
	}
	if err := s.Repositories.Ensure(r.Context(), n); err != nil {
		return nil, errors.Join(err, s.Projects.RemoveProject(context.WithoutCancel(r.Context()), n))
	}
	s.Log.Info("project added", "project", n)
	p.GitPath = s.gitPath(n)
	return p, nil
}

func (s *Server) gitPath(project string) string { return s.GitPrefix + project + ".git" }

func (s *Server) nodes(r *http.Request) (any, error) { return s.Nodes.Nodes(r.Context()) }

func (s *Server) addNode(r *http.Request) (any, error) {
	n, err := name(r, "node")
	if err != nil {
		return nil, err
	}
	node, token, err := s.Inviter.Invite(r.Context(), n)
	if err != nil {
		return nil, err
	}
	s.Log.Info("node invited", "node", n)
	return Invitation{Node: node, Token: token}, nil
}

func (s *Server) builds(r *http.Request) (any, error) {
	return s.Builds.Builds(r.Context(), r.URL.Query().Get("project"))
}

func (s *Server) build(r *http.Request) (any, error) {
	id, err := buildID(r)
	if err != nil {
		return nil, err
	}
	return s.Builds.Build(r.Context(), id)
}

// buildLog streams a log; after its first byte an error can only cut it off.
func (s *Server) buildLog(w http.ResponseWriter, r *http.Request) {
	id, err := buildID(r)
	if err == nil {
		_, err = s.Builds.Build(r.Context(), id)
	}
	if err != nil {
		s.problem(w, r, err)
		return
	}
	out := &stream{w: w, control: http.NewResponseController(w)}
	if r.URL.Query().Get("follow") == "" {
		err = s.Logs.Copy(id, out)
	} else {
		err = s.Logs.Follow(r.Context(), id, func() (bool, error) {
			b, err := s.Builds.Build(r.Context(), id)
			return b.State.Final(), err
		}, out)
	}
	if err != nil && !out.begun && r.Context().Err() == nil {
		s.problem(w, r, err)
	}
}

// stream sends each piece of a log at once.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		s.w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	n, err := s.w.Write(p)
	return n, errors.Join(err, s.control.Flush())
}

func (s *Server) releases(*http.Request) (any, error) { return s.Releases.Releases(), nil }

func (s *Server) release(r *http.Request) (any, error) {
	return s.Releases.Release(r.PathValue("id"))
}

func (s *Server) assignments(*http.Request) (any, error) { return s.Releases.Assignments(), nil }

func (s *Server) assign(r *http.Request) (any, error) {
	a, err := body[Assign](r)
	if err != nil {
		return nil, err
	}
	if _, err := s.Nodes.Node(r.Context(), a.Node); err != nil {
		return nil, err
	}
	if a.From.IsZero() {
		a.From = s.Now()
	}
	signed, err := s.Releases.Assign(a.Node, a.Release, a.From)
	if err != nil {
		return nil, err
	}
	s.Log.Info("release assigned", "release", a.Release, "node", a.Node, "serial", signed.Serial, "from", signed.From)
	return signed, nil
}

func (s *Server) reports(r *http.Request) (any, error) {
	node := r.URL.Query().Get("node")
	if node != "" {
		if _, err := s.Nodes.Node(r.Context(), node); err != nil {
			return nil, err
		}
	}
	return s.Reports.Reports(r.Context(), node)
}

func (s *Server) records(r *http.Request) (any, error) { return s.Records.Records(r.Context()) }

// recordLines streams a node's record; after its first byte an error can only cut it off.
func (s *Server) recordLines(w http.ResponseWriter, r *http.Request) {
	node := r.PathValue("node")
	if _, err := s.Records.Record(r.Context(), node); err != nil {
		s.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := s.Records.CopyRecord(r.Context(), node, w); err != nil {
		s.Log.Error("record was not sent to its end", "node", node, "error", err)
		panic(http.ErrAbortHandler) // the client must not take what came for the whole
	}
}
