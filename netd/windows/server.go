package windows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Doors is what the server asks of the keeper of the doors. Errors are *Problem where a person can
// act on them; anything else is netd's own failure.
type Doors interface {
	// Window holds a window from the asking to its last event, each of which it gives to emit. The end
	// of ctx gives the window back; Window still waits until the door is shut. An error means that
	// there was no window, and no event.
	Window(ctx context.Context, r Request, emit func(Event)) error
	// GiveBack ends a window; its last events come out of Window.
	GiveBack(id uint64) error
	// Ask puts a technician's question to the module, in a window for service. The end of ctx, or of the window,
	// breaks it off; Ask still waits until the module is left alone.
	Ask(ctx context.Context, id uint64, r ModuleRequest) (ModuleAnswer, error)
	// Dial connects to host:port through the door of an open window, if its policy names the place.
	Dial(ctx context.Context, id uint64, address string) (Stream, error)
}

// House is what may be asked and told besides windows.
type House interface {
	Status() Status
	SetIdentity(Identity) error
	SetSite(Site) error
	ClearFault() error
	// Record reads the lines from one on, and at least the last.
	Record(from uint64) io.ReadCloser
	ExportRecord() (io.ReadCloser, error)
	AcknowledgeRecord(RecordPosition) error
	LockDown(Lockdown) error
	LiftLockdown(by string) error
	Approve(Approval) error
}

// Stream is a connection through a door.
type Stream interface {
	net.Conn
	CloseWrite() error
	// Ended is closed when the keeper, or anybody, has closed the connection.
	Ended() <-chan struct{}
}

const (
	bodyLimit   = 1 << 20          // bytes of a request's body
	headerTime  = 10 * time.Second // for a request's header
	goodbyeTime = 2 * time.Second  // for answers under way when the server ends
)

// Server answers on netd's socket.
type Server struct {
	doors Doors
	house House
	log   *slog.Logger
	mux   *http.ServeMux
	// barred are purposes by the name of the peer who may not have them; written by Bar before Serve, read after it.
	barred map[string][]Purpose
}

// NewServer makes a server that asks keeper for everything; it is an http.Handler.
func NewServer(keeper interface {
	Doors
	House
}, log *slog.Logger) *Server {
	s := &Server{doors: keeper, house: keeper, log: log, mux: http.NewServeMux(), barred: map[string][]Purpose{}}
	s.mux.HandleFunc("POST /v1/windows", s.window)
	s.mux.HandleFunc("DELETE /v1/windows/{id}", s.giveBack)
	s.mux.HandleFunc("POST /v1/windows/{id}/module", s.module)
	s.mux.HandleFunc("GET /v1/status", s.status)
	s.mux.HandleFunc("PUT /v1/identity", s.identity)
	s.mux.HandleFunc("PUT /v1/site", s.site)
	s.mux.HandleFunc("GET /v1/record", s.record)
	s.mux.HandleFunc("GET /v1/record/export", s.exportRecord)
	s.mux.HandleFunc("POST /v1/record/acknowledged", s.acknowledgeRecord)
	s.mux.HandleFunc("DELETE /v1/fault", s.persons(s.fault))
	s.mux.HandleFunc("PUT /v1/lockdown", s.lockdown)
	s.mux.HandleFunc("DELETE /v1/lockdown", s.persons(s.lift))
	s.mux.HandleFunc("PUT /v1/approvals", s.persons(s.approve))
	return s
}

// Serve answers on l until ctx ends. The caller ends the keeper first, so that windows that are
// open still get their last events.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return serve(ctx, l, s, s.log) }

// serve answers on l with h until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: headerTime, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(peers{l}) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), goodbyeTime)
	defer stop()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	<-ended
	return nil
}

// ServeHTTP implements http.Handler. A CONNECT has no path for the mux to go by.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		s.connect(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// window holds one window for as long as its request's connection lives.
func (s *Server) window(w http.ResponseWriter, r *http.Request) {
	var req Request
	if !s.body(w, r, &req) {
		return
	}
	if err := s.admits(r, req.Purpose); err != nil {
		s.refuse(w, err)
		return
	}
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	begun := false
	err := s.doors.Window(r.Context(), req, func(e Event) {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		// An asker who is gone is noticed by the request's context.
		if lines.Encode(e) == nil {
			_ = flush.Flush()
		}
	})
	if err != nil {
		s.refuse(w, err)
	}
}

func (s *Server) giveBack(w http.ResponseWriter, r *http.Request) {
	if id, ok := s.number(w, r); ok {
		s.answer(w, s.doors.GiveBack(id))
	}
}

func (s *Server) module(w http.ResponseWriter, r *http.Request) {
	id, ok := s.number(w, r)
	var req ModuleRequest
	if !ok || !s.body(w, r, &req) {
		return
	}
	var a ModuleAnswer
	err := s.admits(r, Service)
	if err == nil {
		a, err = s.doors.Ask(r.Context(), id, req)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.give(w, a)
}

// number is the window's that the path names.
func (s *Server) number(w http.ResponseWriter, r *http.Request) (id uint64, ok bool) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		s.refuse(w, &Problem{Code: CodeBadRequest, Detail: fmt.Sprintf("%q is no window's number", r.PathValue("id"))})
	}
	return id, err == nil
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { s.give(w, s.house.Status()) }

// give writes what was asked for.
func (s *Server) give(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an asker who is gone needs no answer
}

func (s *Server) identity(w http.ResponseWriter, r *http.Request) {
	var id Identity
	if s.body(w, r, &id) {
		s.answer(w, s.house.SetIdentity(id))
	}
}

func (s *Server) site(w http.ResponseWriter, r *http.Request) {
	var site Site
	if s.body(w, r, &site) {
		s.answer(w, s.house.SetSite(site))
	}
}

func (s *Server) fault(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.house.ClearFault()) }

func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	from := uint64(0)
	if text := r.URL.Query().Get("from"); text != "" {
		var err error
		if from, err = strconv.ParseUint(text, 10, 64); err != nil {
			s.refuse(w, &Problem{Code: CodeBadRequest, Detail: fmt.Sprintf("from=%q is no line's number", text)})
			return
		}
	}
	s.lines(w, s.house.Record(from))
}

func (s *Server) exportRecord(w http.ResponseWriter, _ *http.Request) {
	bundle, err := s.house.ExportRecord()
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.lines(w, bundle)
}

func (s *Server) acknowledgeRecord(w http.ResponseWriter, r *http.Request) {
	var p RecordPosition
	if s.body(w, r, &p) {
		s.answer(w, s.house.AcknowledgeRecord(p))
	}
}

// lines copies lines of the record.
func (s *Server) lines(w http.ResponseWriter, lines io.ReadCloser) {
	defer lines.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	if _, err := io.Copy(w, lines); err != nil {
		s.log.Warn("the record was not read to its end", "error", err)
	}
}

// body reads a request's body strictly, and to its end: only then does net/http notice that the
// asker has gone.
func (s *Server) body(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("something follows the JSON object")
		}
	}
	if err != nil {
		s.refuse(w, &Problem{Code: CodeBadRequest, Detail: fmt.Sprintf("read the body of %s %s: %v", r.Method, r.URL.Path, err)})
		return false
	}
	return true
}

// answer says that it is done, or why not.
func (s *Server) answer(w http.ResponseWriter, err error) {
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refuse writes a Problem.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	p := AsProblem(err, CodeInternal, "")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(httpStatus(p.Code))
	_ = json.NewEncoder(w).Encode(p) // an asker who is gone needs no answer
}

// AsProblem is err as a Problem: itself if it is one, else of the given code and with what, unless
// it is empty, before its text.
func AsProblem(err error, code, what string) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	detail := err.Error()
	if what != "" {
		detail = what + ": " + detail
	}
	return &Problem{Code: code, Detail: detail, Cause: err}
}

// httpStatus is the status that goes with a code, for those who watch with other tools.
func httpStatus(code string) int {
	switch code {
	case CodeBadRequest, CodeBadToken:
		return http.StatusBadRequest
	case CodeNotAllowed:
		return http.StatusForbidden
	case CodeBusy, CodeFault, CodeNoGuard, CodeNotEnrolled, CodeNoSite, CodeLockdown, CodeNotNow, CodeNeedsApproval:
		return http.StatusConflict
	case CodeNoModem, CodeNoSIM, CodeNoNetwork, CodeNoHub, CodeNoLink, CodeUnreachable:
		return http.StatusBadGateway
	case CodeTimeUp:
		return http.StatusGatewayTimeout
	case CodeDiskFull:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}
