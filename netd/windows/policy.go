package windows

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Lockdown keeps both doors shut until a person lifts it; it survives a restart.
type Lockdown struct {
	By  string    `json:"by"`            // who asked for it
	Why string    `json:"why,omitempty"` // in their words
	At  time.Time `json:"at"`            // set by netd
}

// Approval is a person's yes to one window.
type Approval struct {
	Purpose Purpose   `json:"purpose"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`    // set by netd
	Until   time.Time `json:"until"` // set by netd; by the node's clock when it was given
}

// LockDown shuts both doors at once and keeps them shut.
func (c *Client) LockDown(ctx context.Context, l Lockdown) error {
	return c.send(ctx, http.MethodPut, "/v1/lockdown", l)
}

// LiftLockdown ends a lockdown; by is the person who does.
func (c *Client) LiftLockdown(ctx context.Context, by string) error {
	return c.send(ctx, http.MethodDelete, "/v1/lockdown?by="+url.QueryEscape(by), nil)
}

// Approve lets the next window of a purpose open, where the site wants a person's yes.
func (c *Client) Approve(ctx context.Context, a Approval) error {
	return c.send(ctx, http.MethodPut, "/v1/approvals", a)
}

// lockdown, lift and approve are the server's side of these.
func (s *Server) lockdown(w http.ResponseWriter, r *http.Request) {
	var l Lockdown
	if s.body(w, r, &l) {
		s.answer(w, s.house.LockDown(l))
	}
}

func (s *Server) lift(w http.ResponseWriter, r *http.Request) {
	s.answer(w, s.house.LiftLockdown(r.URL.Query().Get("by")))
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var a Approval
	if s.body(w, r, &a) {
		s.answer(w, s.house.Approve(a))
	}
}
