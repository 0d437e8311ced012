package windows

import (
	"fmt"
	"net"
	"net/http"
	"slices"
)

// Bar keeps a user, such as the courier's, from windows for some purposes, and from asking the module when Service is
// among them: an AT command can send a message or open a connection from within the module, past every policy of
// dials. It is called before Serve.
func (s *Server) Bar(uid uint32, purposes ...Purpose) {
	s.barred[peerName(uid)] = append(s.barred[peerName(uid)], purposes...)
}

// persons refuses to those who are barred from anything what is for people alone: the courier must not lift a lockdown,
// approve its own windows or clear a fault.
func (s *Server) persons(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, known := s.barred[r.RemoteAddr]; known || r.RemoteAddr == nobody && len(s.barred) > 0 {
			s.refuse(w, &Problem{Code: CodeNotAllowed, Detail: fmt.Sprintf("%s may not do this: it is for a person, at the node's console", r.RemoteAddr)})
			return
		}
		then(w, r)
	}
}

// admits says whether the process at the other end of a request's connection may ask for windows of this purpose.
// Where somebody is barred, one whose user cannot be told is, too.
func (s *Server) admits(r *http.Request, p Purpose) error {
	purposes, known := s.barred[r.RemoteAddr]
	if !known && r.RemoteAddr == nobody {
		for _, all := range s.barred {
			purposes = append(purposes, all...)
		}
	}
	if !slices.Contains(purposes, p) {
		return nil
	}
	return &Problem{Code: CodeNotAllowed, Detail: fmt.Sprintf("%s may not ask for windows for %s: use `airlock modem` as an operator or on the console", r.RemoteAddr, p)}
}

// nobody is the peer whose user cannot be told.
const nobody = "an unknown user"

func peerName(uid uint32) string { return fmt.Sprintf("user %d", uid) }

// peers is a listener whose connections name the user at the other end as their remote address, which is empty on a
// unix socket otherwise.
type peers struct{ net.Listener }

// Accept takes the user from the kernel, as of the moment in which the peer connected.
func (l peers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	u, ok := c.(*net.UnixConn)
	if err != nil || !ok {
		return c, err
	}
	return peer{u, peerAddress(userOf(u))}, nil
}

// userOf names the user at the other end.
func userOf(c *net.UnixConn) string {
	who, err := credentials(c)
	if err != nil { // a connection that is gone already stays nobody's
		return nobody
	}
	return peerName(who.Uid)
}

// peer is a connection from a known user.
type peer struct {
	*net.UnixConn
	from peerAddress
}

// RemoteAddr names the user.
func (p peer) RemoteAddr() net.Addr { return p.from }

type peerAddress string

// Network implements net.Addr.
func (peerAddress) Network() string { return "unix" }

// String implements net.Addr.
func (a peerAddress) String() string { return string(a) }
