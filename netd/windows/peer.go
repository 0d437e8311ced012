package windows

import (
	"context"
	"net"
	"net/http"

	"golang.org/x/sys/unix"
)

// peerKey is the request context's key of the asker's user id.
type peerKey struct{}

// withPeer notes who is at the other end of a unix socket, as the kernel tells; the asker cannot lie about it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, cred.Uid)
}

// persons refuses what only a person may do to everybody else: the courier must not lift a lockdown, approve its own
// windows or clear a fault.
func (s *Server) persons(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		uid, known := r.Context().Value(peerKey{}).(uint32)
		if s.Person != nil && (!known || !s.Person(uid)) {
			s.refuse(w, &Problem{Code: CodeNotAllowed, Detail: "this is for a person to do, at the node's console"})
			return
		}
		then(w, r)
	}
}
