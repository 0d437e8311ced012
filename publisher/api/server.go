package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"airlock/deployd/release"
	"airlock/publisher"
)

// Projects keeps the projects.
type Projects interface {
	AddProject(ctx context.Context, name string) (publisher.Project, error)
	RemoveProject(ctx context.Context, name string) error
	Projects(ctx context.Context) ([]publisher.Project, error)
}

// Repositories makes a project's repository.
type Repositories interface {
	Ensure(ctx context.Context, project string) error
}

// Nodes keeps the nodes.
type Nodes interface {
	Nodes(ctx context.Context) ([]publisher.Node, error)
	Node(ctx context.Context, name string) (publisher.Node, error)
}

// Inviter makes nodes that may come once.
type Inviter interface {
	Invite(ctx context.Context, name string) (publisher.Node, string, error)
}

// Builds keeps the builds.
type Builds interface {
	Builds(ctx context.Context, project string) ([]publisher.Build, error)
	Build(ctx context.Context, id int64) (publisher.Build, error)
}

// Logs keeps the logs of builds.
type Logs interface {
	Copy(id int64, w io.Writer) error
	Follow(ctx context.Context, id int64, final func() (bool, error), w io.Writer) error
}

// Releases keeps what is signed.
type Releases interface {
	Releases() []publisher.ReleaseInfo
	Release(id string) (publisher.ReleaseInfo, error)
	Assign(node, id string, from time.Time) (release.Assignment, error)
	Assignments() []release.Assignment
}

// Reports keeps what nodes told.
type Reports interface {
	Reports(ctx context.Context, node string) ([]publisher.ReportRecord, error)
}

// Records keeps the nodes' records.
type Records interface {
	Records(ctx context.Context) ([]publisher.NodeRecord, error)
	Record(ctx context.Context, node string) (publisher.NodeRecord, error)
	CopyRecord(ctx context.Context, node string, w io.Writer) error
}

// Server answers operators. All fields are set before Handler and not changed afterwards.
type Server struct {
	Projects     Projects
	Repositories Repositories
	GitPrefix    string // path under which repositories are served
	Nodes        Nodes
	Inviter      Inviter
	Builds       Builds
	Logs         Logs
	Releases     Releases
	Reports      Reports
	Records      Records
	Status       Status // the part that does not change
	Now          func() time.Time
	Log          *slog.Logger
}

// Handler is the API. A page of another site that an operator's browser has open cannot use it.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /api/v1/status":        s.status,
		"GET /api/v1/projects":      s.projects,
		"POST /api/v1/projects":     s.addProject,
		"GET /api/v1/nodes":         s.nodes,
		"POST /api/v1/nodes":        s.addNode,
		"GET /api/v1/builds":        s.builds,
		"GET /api/v1/builds/{id}":   s.build,
		"GET /api/v1/releases":      s.releases,
		"GET /api/v1/releases/{id}": s.release,
		"GET /api/v1/assignments":   s.assignments,
		"POST /api/v1/assignments":  s.assign,
		"GET /api/v1/reports":       s.reports,
		"GET /api/v1/records":       s.records,
	} {
		mux.HandleFunc(pattern, s.answer(h))
	}
	mux.HandleFunc("GET /api/v1/builds/{id}/log", s.buildLog)
	mux.HandleFunc("GET /api/v1/records/{node}", s.recordLines)
	mux.HandleFunc("/api/", s.answer(func(r *http.Request) (any, error) {
		return nil, publisher.Errorf(publisher.CodeNotFound, "there is no %s %s", r.Method, r.URL.Path)
	}))
	return http.NewCrossOriginProtection().Handler(mux)
}

// answer turns a function into a handler: its value becomes JSON, its error a problem.
func (s *Server) answer(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h(r)
		if err != nil {
			s.problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the operator is gone; nobody is left to tell
	}
}

// problem answers with an error. What has no code is our own failure: its text goes to the operator
// too, since the operator is the one who can read the log and free the disk.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	code := publisher.CodeOf(err)
	status, ok := map[publisher.Code]int{
		publisher.CodeInvalid: http.StatusBadRequest, publisher.CodeNotFound: http.StatusNotFound, publisher.CodeConflict: http.StatusConflict,
		publisher.CodeForbidden: http.StatusForbidden, publisher.CodeDiskFull: http.StatusInsufficientStorage,
		publisher.CodeUnavailable: http.StatusServiceUnavailable,
	}[code]
	if !ok {
		status = http.StatusInternalServerError
		s.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{Status: status, Code: code, Detail: err.Error()})
}

// body reads a small JSON body, strictly.
func body[T any](r *http.Request) (v T, err error) {
	d := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, publisher.Errorf(publisher.CodeInvalid, "the body is malformed: %v", err)
	}
	return v, nil
}

func name(r *http.Request, what string) (string, error) {
	n, err := body[Name](r)
	if err == nil && !publisher.ValidName(n.Name) {
		err = publisher.Errorf(publisher.CodeInvalid, "%s name: found %q, expected lower-case letters, digits and inner dashes, at most 63", what, n.Name)
	}
	return n.Name, err
}

func buildID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, publisher.Errorf(publisher.CodeInvalid, "build: found %q, expected a number", r.PathValue("id"))
	}
	return id, nil
}
