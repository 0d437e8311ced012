package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// maxBody bounds a request, bytes.
const maxBody = 1 << 20

// Server answers on deployd's socket.
type Server struct {
	Jobs *Jobs
	// Context is that of the jobs: it outlives every request.
	Context func() context.Context
	Status  func() Status
	SetSite func(Site) error
	// Work makes what a job does; token is that of KindEnrol.
	Work func(kind Kind, token string) Work
}

// Handler routes the requests of the package comment.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, s.Status()) })
	mux.HandleFunc("PUT /v1/site", s.putSite)
	mux.HandleFunc("POST /v1/enrol", s.postEnrol)
	for _, k := range []Kind{KindFetch, KindDeploy, KindReport} {
		mux.HandleFunc("POST /v1/"+string(k), func(w http.ResponseWriter, r *http.Request) { s.start(w, r, k, "") })
	}
	mux.HandleFunc("GET /v1/job", s.getJob)
	mux.HandleFunc("DELETE /v1/job", s.deleteJob)
	return mux
}

// putSite stores the site.
func (s *Server) putSite(w http.ResponseWriter, r *http.Request) {
	var site Site
	if !decode(w, r, &site) {
		return
	}
	if err := s.SetSite(site); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// postEnrol starts the enrolment.
func (s *Server) postEnrol(w http.ResponseWriter, r *http.Request) {
	var req EnrolRequest
	if !decode(w, r, &req) {
		return
	}
	s.start(w, r, KindEnrol, req.Token)
}

// start starts a job and streams it to its asker.
func (s *Server) start(w http.ResponseWriter, r *http.Request, kind Kind, token string) {
	job, err := s.Jobs.Start(s.Context(), kind, s.Work(kind, token))
	if err != nil {
		refuse(w, err)
		return
	}
	stream(w, r, job)
}

// getJob streams the job that runs.
func (s *Server) getJob(w http.ResponseWriter, r *http.Request) {
	job := s.Jobs.Current()
	if job == nil {
		refuse(w, &Error{Code: CodeNothing, Text: "no job runs; the status tells the last result"})
		return
	}
	stream(w, r, job)
}

// deleteJob ends the job that runs.
func (s *Server) deleteJob(w http.ResponseWriter, r *http.Request) {
	job := s.Jobs.Current()
	if job == nil {
		refuse(w, &Error{Code: CodeNothing, Text: "no job runs"})
		return
	}
	job.Cancel()
	w.WriteHeader(http.StatusNoContent)
}

// stream writes a job's lines. An asker who is gone ends the stream and not the job.
func stream(w http.ResponseWriter, r *http.Request, job *Job) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	_ = job.Follow(r.Context(), func(p Progress) error {
		if err := out.Encode(p); err != nil {
			return err
		}
		return flush.Flush()
	})
}

// decode reads a request's body, and answers when it cannot.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		refuse(w, &Error{Code: CodeBadRequest, Text: "the request is not readable: " + err.Error()})
		return false
	}
	return true
}

// refuse answers with an Error.
func refuse(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Text: err.Error()}
	}
	status := http.StatusUnprocessableEntity
	switch e.Code {
	case CodeBusy:
		status = http.StatusConflict
	case CodeNothing:
		status = http.StatusNotFound
	case CodeInternal, CodeDiskFull:
		status = http.StatusInternalServerError
	}
	answer(w, status, e)
}

// answer writes JSON. An asker who is gone is no error of ours.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
