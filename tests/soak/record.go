package soak

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// recorder writes what passes on a port as a transcript (drivers/modem/testdata/README.md tells the form). It sits at
// the module's own end, where one Write is one thing that the module said: an echo, a reply, or an unsolicited line.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	out  io.Writer
	last string // what the host sent last
}

// Read passes on what the host sent.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if line := strings.Trim(string(p[:n]), "\x1b\r\n "); line != "" {
		if r.last = line; !isProbe(line) {
			fmt.Fprintln(r.out, ">", line)
		}
	}
	return n, err
}

// Write passes on what the module said.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.note(string(p))
	r.mu.Unlock()
	return r.Conn.Write(p)
}

func (r *recorder) note(said string) {
	if strings.TrimSpace(said) == r.last { // its echo
		if !isProbe(r.last) {
			fmt.Fprintln(r.out, "<", r.last)
		}
		return
	}
	lines := strings.FieldsFunc(said, func(c rune) bool { return c == '\r' || c == '\n' })
	if len(lines) == 0 { // the echo of a lone CR
		return
	}
	mark := "!"
	if isFinal(lines[len(lines)-1]) {
		if mark = "<"; isProbe(r.last) {
			return
		}
	}
	for _, line := range lines {
		fmt.Fprintln(r.out, mark, strings.TrimSpace(line))
	}
}

// isProbe knows what drivers/at sends by itself.
func isProbe(line string) bool {
	return strings.HasPrefix(line, "AT+CMEE?;") || strings.HasPrefix(line, "AT+CFUN?;")
}

func isFinal(line string) bool {
	return line == "OK" || line == "ERROR" || line == "NO CARRIER" || strings.HasPrefix(line, "CONNECT") || strings.HasPrefix(line, "+CME ERROR")
}
