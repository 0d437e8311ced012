// Package api is the operator's interface of publisherd: JSON over HTTP, and the client for it that
// the command line uses. It decides nothing but what an operator may ask for; each answer comes
// from a room behind the interfaces in server.go. It is never served inside the tunnel.
//
//	GET  /api/v1/status
//	GET  /api/v1/projects            POST {name}
//	GET  /api/v1/nodes               POST {name} → Invitation
//	GET  /api/v1/builds?project=     GET /api/v1/builds/{id}
//	GET  /api/v1/builds/{id}/log?follow=1   text/plain, as it grows
//	GET  /api/v1/releases            GET /api/v1/releases/{id}
//	GET  /api/v1/assignments         POST Assign → release.Assignment
//	GET  /api/v1/reports?node=
//	GET  /api/v1/records             GET /api/v1/records/{node}   application/x-ndjson, the lines as the node wrote them
//
// Errors are application/problem+json of type Problem.
package api

import (
	"time"

	"airlock/publisher"
)

// Problem is the body of a refused request (RFC 9457, the members that we use).
type Problem struct {
	Status int            `json:"status"`
	Code   publisher.Code `json:"code"`
	Detail string         `json:"detail"` // what was wrong, and what to do
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Detail }

// Name is the body that makes a project or a node.
type Name struct {
	Name string `json:"name"`
}

// Invitation is a new node with its token, which is shown this once.
type Invitation struct {
	Node  publisher.Node `json:"node"`
	Token string         `json:"token"`
}

// Assign asks that a node run a release.
type Assign struct {
	Release string    `json:"release"`
	Node    string    `json:"node"`
	From    time.Time `json:"from,omitzero"` // zero: now
}

// Status is what the server tells of itself.
type Status struct {
	Now         time.Time `json:"now"`
	Started     time.Time `json:"started"`
	Version     string    `json:"version"`
	Sandbox     string    `json:"sandbox"`      // bubblewrap or none
	HubListen   string    `json:"hub_listen"`   // UDP
	HubEndpoint string    `json:"hub_endpoint"` // as tokens name it
	HubKey      string    `json:"hub_key"`      // WireGuard public key, base64
	RootDigest  string    `json:"root_digest"`  // SHA-256 of the first TUF root, hex
	Projects    int       `json:"projects"`
	Nodes       int       `json:"nodes"`
	Releases    int       `json:"releases"`
	Waiting     int       `json:"builds_waiting"` // queued or running
}
