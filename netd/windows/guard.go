package windows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What netd and the guard tell each other. The guard asks twice a second, so that each hears that the other lives:
//
//	PUT /v1/guard  Beat → Stand
//	PUT /v1/fault  GuardFault: both doors are forced shut, and no door opens until an operator has cleared the fault
//
// Nothing in it opens anything.

// GuardSocket is where netd hears the guard on the appliance. The folder is open to root and the guard only, and so that
// a mistake there opens nothing, netd asks the kernel who calls.
const GuardSocket = "/run/netguard/netd.sock"

// Beat is the guard's sign of life: all its eyes are open.
type Beat struct {
	// Fault is the one that the guard has latched; nil when there is none.
	Fault *GuardFault `json:"fault,omitempty"`
}

// GuardFault is a contradiction that the guard has seen.
type GuardFault struct {
	ID   string    `json:"id"` // tells it from later ones
	At   time.Time `json:"at"`
	Rule string    `json:"rule"` // the name of the rule that was broken
	Why  string    `json:"why"`  // what was seen, for a person
}

// Stand is how netd stands.
type Stand struct {
	Machine string `json:"machine"` // the machine's state
	Outer   string `json:"outer"`   // as DoorStatus.State
	Inner   string `json:"inner"`
	Radio   string `json:"radio,omitempty"` // as read back last; empty when no module is there
	Fault   string `json:"fault,omitempty"`
	// Forgiven is the ID of the guard's fault that an operator has cleared.
	Forgiven string `json:"forgiven,omitempty"`
}

// GuardStatus is the guard as netd hears it.
type GuardStatus struct {
	Watching bool          `json:"watching"`           // heard in time
	Heard    time.Duration `json:"heard_ns,omitempty"` // how long ago; 0 when never
}

// Guarded is what the server asks of the keeper for the guard.
type Guarded interface {
	Beat(Beat) Stand
	Condemn(GuardFault) error
}

// GuardServer answers the guard.
type GuardServer struct {
	*Server // for bodies and answers; its doors are nil, and none of its routes is served
	keeper  Guarded
}

// NewGuardServer makes a server that tells keeper what the guard says; it is an http.Handler.
func NewGuardServer(keeper Guarded, log *slog.Logger) *GuardServer {
	g := &GuardServer{Server: &Server{log: log, mux: http.NewServeMux()}, keeper: keeper}
	g.mux.HandleFunc("PUT /v1/guard", g.beat)
	g.mux.HandleFunc("PUT /v1/fault", g.condemn)
	return g
}

// ServeHTTP implements http.Handler.
func (g *GuardServer) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// Serve answers processes of these users, and nobody else, on l until ctx ends.
func (g *GuardServer) Serve(ctx context.Context, l net.Listener, users ...uint32) error {
	return serve(ctx, &onlyUsers{l, users, g.log}, g, g.log)
}

func (g *GuardServer) beat(w http.ResponseWriter, r *http.Request) {
	var b Beat
	if !g.body(w, r, &b) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(g.keeper.Beat(b)) // a guard that is gone needs no answer
}

func (g *GuardServer) condemn(w http.ResponseWriter, r *http.Request) {
	var f GuardFault
	if g.body(w, r, &f) {
		g.answer(w, g.keeper.Condemn(f))
	}
}

// onlyUsers is a listener that hangs up on all others, by the kernel's word for who they are (SO_PEERCRED).
type onlyUsers struct {
	net.Listener
	users []uint32
	log   *slog.Logger
}

// Accept implements net.Listener.
func (l *onlyUsers) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, err := credentials(c)
		if err == nil && slices.Contains(l.users, who.Uid) {
			return c, nil
		}
		l.log.Warn("somebody else than the guard called", "peer", who, "error", err)
		c.Close()
	}
}

// credentials are those of who is at the other end of a unix socket, as of the moment in which it connected.
func credentials(c net.Conn) (*unix.Ucred, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("%T is no unix socket", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	var who *unix.Ucred
	var werr error
	err = raw.Control(func(fd uintptr) { who, werr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return who, errors.Join(err, werr)
}

// GuardClient is the guard's end.
type GuardClient struct{ c *Client }

// NewGuardClient makes a client of the netd that listens for the guard at socketPath.
func NewGuardClient(socketPath string) *GuardClient { return &GuardClient{NewClient(socketPath)} }

// Beat tells netd that the guard lives, and asks how netd stands.
func (g *GuardClient) Beat(ctx context.Context, b Beat) (Stand, error) {
	var s Stand
	resp, err := g.c.do(ctx, http.MethodPut, "/v1/guard", b)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return s, g.c.broken(ctx, "read how netd stands", err)
	}
	return s, nil
}

// Condemn tells netd of a contradiction. nil: netd has kept it and is forcing both doors shut.
func (g *GuardClient) Condemn(ctx context.Context, f GuardFault) error {
	return g.c.send(ctx, http.MethodPut, "/v1/fault", f)
}

// NobodyThere says of an error of a client's that no process listens, rather than one that is slow.
func NobodyThere(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT)
}
