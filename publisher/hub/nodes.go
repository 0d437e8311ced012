package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/release"
	"airlock/netd/recorder/chain"
	"airlock/netd/tunnel"
	"airlock/publisher"
)

// The longest bodies that a node may send, bytes.
const (
	maxEnrol  = 16 << 10
	maxReport = 4 << 20
)

// seenEvery is how often the last contact of one node is written down at most.
const seenEvery = 10 * time.Second

// routes is the node API; see the paths in deployd/release.
func (h *Hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+release.PathEnrol, h.enrol)
	mux.HandleFunc("POST "+release.PathReports, h.member(h.report))
	mux.HandleFunc("GET "+release.PathRecord, h.member(h.recordState))
	mux.HandleFunc("POST "+release.PathRecord, h.member(h.record))
	mux.HandleFunc("GET "+release.PathMetadata, h.member(strip(release.PathMetadata, h.Metadata)))
	mux.HandleFunc("GET "+release.PathTargets, h.member(strip(release.PathTargets, h.Targets)))
	return mux
}

type nodeHandler func(w http.ResponseWriter, r *http.Request, n publisher.Node)

func strip(prefix string, next http.Handler) nodeHandler {
	next = http.StripPrefix(prefix, next)
	return func(w http.ResponseWriter, r *http.Request, _ publisher.Node) { next.ServeHTTP(w, r) }
}

// member lets enrolled nodes pass. WireGuard has verified that who sends from an address inside the
// tunnel holds the key of which the address is the digest.
func (h *Hub) member(next nodeHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := h.Directory.NodeByAddress(r.Context(), source(r))
		if err == nil && h.Now().Sub(n.LastSeen) > seenEvery {
			err = h.Inbox.Seen(r.Context(), n.Name)
		}
		switch {
		case publisher.CodeOf(err) == publisher.CodeNotFound && err != nil:
			h.problem(w, r, publisher.Errorf(publisher.CodeForbidden, "only enrolled nodes may ask for this: enrol first"))
		case err != nil:
			h.problem(w, r, err)
		default:
			next(w, r, n)
		}
	}
}

// enrol makes the node that a token invited a member.
func (h *Hub) enrol(w http.ResponseWriter, r *http.Request) {
	invited, err := h.Directory.NodeByInvite(r.Context(), source(r))
	if err != nil {
		if publisher.CodeOf(err) == publisher.CodeNotFound {
			err = publisher.Errorf(publisher.CodeForbidden, "enrolment needs a token: ask the operator for one")
		}
		h.problem(w, r, err)
		return
	}
	var req release.EnrolRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEnrol)).Decode(&req); err != nil {
		h.problem(w, r, publisher.Errorf(publisher.CodeInvalid, "the enrolment is malformed: %v", err))
		return
	}
	wanted, err := membership(invited, req)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	n, err := h.join(r.Context(), invited, wanted)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	h.Log.Info("node enrolled", "node", n.Name, "address", n.Address, "key", n.Key)
	answer(w, http.StatusOK, "application/json", release.EnrolResponse{
		Node: n.Name, Address: n.Address, PublisherAddress: tunnel.PublisherAddress(), Root: h.Root,
	})
}

// join enrols a node once. A node whose answer was lost on the way asks again with the same keys; it
// gets the same answer until it has been seen under its own key, which proves that it got it.
func (h *Hub) join(ctx context.Context, invited, wanted publisher.Node) (publisher.Node, error) {
	n := invited
	if invited.State == publisher.Enrolled {
		if invited.Key != wanted.Key || invited.ReportKey != wanted.ReportKey || !invited.LastSeen.IsZero() {
			return n, publisher.Errorf(publisher.CodeConflict,
				"this token was used already, on %s, by the node %s: ask the operator for a new one", invited.Enrolled.Format(time.DateTime+" MST"), invited.Name)
		}
	} else {
		var err error
		if n, err = h.Members.Enrol(ctx, wanted); err != nil {
			return n, err
		}
	}
	return n, h.admit(n.Key)
}

// membership checks the keys that a node sent.
func membership(invited publisher.Node, req release.EnrolRequest) (publisher.Node, error) {
	n := publisher.Node{Name: invited.Name, Key: req.NodeKey, ReportKey: req.ReportKey, RecordKey: req.RecordKey}
	key, err := tunnel.ParseKey(req.NodeKey)
	if err != nil {
		return n, publisher.Errorf(publisher.CodeInvalid, "node_key: %v", err)
	}
	n.Key, n.Address = tunnel.KeyText(key), tunnel.AddressOf(key).String()
	if n.Key == invited.InviteKey {
		return n, publisher.Errorf(publisher.CodeInvalid, "node_key: found the key that the token gives, expected one that the node made itself")
	}
	if b, err := base64.StdEncoding.DecodeString(req.ReportKey); err != nil || len(b) != ed25519.PublicKeySize {
		return n, publisher.Errorf(publisher.CodeInvalid, "report_key: expected the 32 bytes of an ed25519 key in base64")
	}
	if _, err := chain.ParseKey(req.RecordKey); err != nil && req.RecordKey != "" {
		return n, publisher.Errorf(publisher.CodeInvalid, "record_key: %v", err)
	}
	// The line is handed to the targets' administrators as it stands, so it is rebuilt from the key
	// alone: no options, no second line.
	pub, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(req.SSHKey))
	if err != nil || len(strings.TrimSpace(string(rest))) > 0 {
		return n, publisher.Errorf(publisher.CodeInvalid, "ssh_key: expected one authorized_keys line")
	}
	n.SSHKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))) + " airlock-" + invited.Name
	return n, nil
}

// report takes a report once its signature holds.
func (h *Hub) report(w http.ResponseWriter, r *http.Request, n publisher.Node) {
	var signed release.SignedReport
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport)).Decode(&signed); err != nil {
		h.problem(w, r, publisher.Errorf(publisher.CodeInvalid, "the report is malformed or was cut off: %v", err))
		return
	}
	rep, err := verify(n, signed)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	if err := h.Inbox.AddReport(r.Context(), n.Name, rep.ID, signed.Report); err != nil {
		h.problem(w, r, err)
		return
	}
	h.Log.Info("report received", "node", n.Name, "report", rep.ID, "release", rep.Release, "outcome", rep.Outcome)
	w.WriteHeader(http.StatusNoContent)
}

// verify checks a report against the key that the node enrolled with.
func verify(n publisher.Node, signed release.SignedReport) (rep release.Report, err error) {
	key, err := base64.StdEncoding.DecodeString(n.ReportKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return rep, publisher.Errorf(publisher.CodeInternal, "the report key of node %s is damaged in the publisher's database", n.Name)
	}
	if !ed25519.Verify(key, signed.Report, signed.Signature) {
		return rep, publisher.Errorf(publisher.CodeForbidden, "the report's signature is not by the report key with which node %s enrolled", n.Name)
	}
	if err := json.Unmarshal(signed.Report, &rep); err != nil {
		return rep, publisher.Errorf(publisher.CodeInvalid, "the signed report is malformed: %v", err)
	}
	switch {
	case rep.Format != 1:
		err = publisher.Errorf(publisher.CodeInvalid, "the report has format %d, expected 1", rep.Format)
	case rep.Node != n.Name:
		err = publisher.Errorf(publisher.CodeForbidden, "the report is of node %q and was sent by node %s", rep.Node, n.Name)
	case rep.ID == "" || len(rep.ID) > 128:
		err = publisher.Errorf(publisher.CodeInvalid, "the report's id has %d characters, expected 1 to 128", len(rep.ID))
	}
	return rep, err
}

// source is the address inside the tunnel that a request comes from.
func source(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return a.Addr().Unmap().String()
}

// problem answers with an error (RFC 9457).
func (h *Hub) problem(w http.ResponseWriter, r *http.Request, err error) {
	status := map[publisher.Code]int{
		publisher.CodeInvalid: http.StatusBadRequest, publisher.CodeNotFound: http.StatusNotFound, publisher.CodeConflict: http.StatusConflict,
		publisher.CodeForbidden: http.StatusForbidden, publisher.CodeDiskFull: http.StatusInsufficientStorage,
	}[publisher.CodeOf(err)]
	detail := err.Error()
	var told *publisher.Error
	if status == 0 || !errors.As(err, &told) {
		h.Log.Error("request of a node failed", "path", r.URL.Path, "from", source(r), "error", err)
		detail = "the publisher could not do this now; try again in the next window, and tell its operator to read its log"
	} else {
		h.Log.Warn("request of a node refused", "path", r.URL.Path, "from", source(r), "reason", detail)
	}
	if status == 0 {
		status = http.StatusInternalServerError
	}
	answer(w, status, "application/problem+json", map[string]any{"status": status, "code": publisher.CodeOf(err), "detail": detail})
}

func answer(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the node is gone; nobody is left to tell
}
