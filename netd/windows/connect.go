package windows

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// connect dials through the door and then carries bytes until both ends have said that no more comes.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.Header.Get(HeaderWindow), 10, 64)
	if err != nil {
		s.refuse(w, &Problem{Code: CodeBadRequest, Detail: fmt.Sprintf(
			"a CONNECT needs the header %s with the number of an open window, not %q", HeaderWindow, r.Header.Get(HeaderWindow))})
		return
	}
	far, err := s.doors.Dial(r.Context(), id, r.Host)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer far.Close()
	near, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer near.Close()
	if _, err := io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	carry(near, buf.Reader, far)
}

// carry copies both ways. Each end's "no more" is handed on; when the far connection is closed for
// good, as at the end of a window, the near one follows.
func carry(near net.Conn, early *bufio.Reader, far Stream) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(far, early) // its end, for whatever reason, is the end of this direction
		_ = far.CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(near, far)
		if c, ok := near.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	})
	finished := make(chan struct{})
	go func() {
		both.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-far.Ended():
		near.Close()
		<-finished
	}
}
