package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// keptConsole is how much unread output of the console is kept for Expect.
const keptConsole = 1 << 20

// Console is the machine's serial port, typed at and read as a person at a terminal would.
type Console struct {
	conn net.Conn
	log  *os.File // nil: none

	mu      sync.Mutex    // guards all below
	unread  []byte        // what came after the last match of Expect
	more    chan struct{} // closed and replaced as output comes
	ended   error         // set when no more output can come
	newLine bool          // the log stands at the beginning of a line
}

func newConsole(conn net.Conn, logPath string) (*Console, error) {
	c := &Console{conn: conn, more: make(chan struct{}), newLine: true}
	if logPath == "" {
		return c, nil
	}
	if err := os.MkdirAll(filepath.Dir(logPath), 0o755); err != nil {
		return nil, fmt.Errorf("create console log: %w", err)
	}
	file, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("create console log: %w", err)
	}
	c.log = file
	return c, nil
}

// serve reads the port until it or ctx ends.
func (c *Console) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	buffer := make([]byte, 4096)
	for {
		n, err := c.conn.Read(buffer)
		if err2 := c.take(buffer[:n]); err2 != nil {
			err = err2
		}
		if err == nil {
			continue
		}
		c.end()
		if c.log != nil {
			c.log.Close()
		}
		if ended(err) {
			return nil
		}
		return fmt.Errorf("read console: %w", err)
	}
}

func (c *Console) take(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = append(c.unread, b...)
	if over := len(c.unread) - keptConsole; over > 0 {
		c.unread = c.unread[over:]
	}
	close(c.more)
	c.more = make(chan struct{})
	return c.write(b)
}

// write puts output into the log; each line begins with the time at which its first byte came.
func (c *Console) write(b []byte) error {
	if c.log == nil {
		return nil
	}
	var out []byte
	for _, x := range b {
		if c.newLine {
			out = time.Now().UTC().AppendFormat(out, "2006-01-02T15:04:05.000Z ")
		}
		out = append(out, x)
		c.newLine = x == '\n'
	}
	if _, err := c.log.Write(out); err != nil {
		return fmt.Errorf("write console log: %w", err)
	}
	return nil
}

func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = errors.New("the console has ended")
	close(c.more)
	c.more = make(chan struct{})
}

// escapes are the sequences by which a terminal is coloured and its cursor moved (ECMA-48 5.4, and two older ones).
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78])`)

// Expect waits until the output since the last match contains pattern, and returns the match and its groups. Escape
// sequences and carriage returns are taken out first. What comes after the match is left for the next Expect.
func (c *Console) Expect(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for {
		match, more, err := c.look(pattern)
		if match != nil {
			return match, nil
		}
		if err != nil {
			return nil, fmt.Errorf("expect %q on the console: %w; it last printed:\n%s", pattern, err, c.tail())
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("expect %q on the console: %w; it last printed:\n%s", pattern, ctx.Err(), c.tail())
		}
	}
}

func (c *Console) look(pattern *regexp.Regexp) ([]string, chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A sequence that has come in part stays until the rest is there.
	plain := bytes.ReplaceAll(escapes.ReplaceAll(c.unread, nil), []byte("\r"), nil)
	at := pattern.FindSubmatchIndex(plain)
	if at == nil {
		return nil, c.more, c.ended
	}
	var match []string
	for i := 0; i < len(at); i += 2 {
		part := ""
		if at[i] >= 0 {
			part = string(plain[at[i]:at[i+1]])
		}
		match = append(match, part)
	}
	c.unread = plain[at[1]:]
	return match, nil, nil
}

// tail is the end of what was not matched yet, for errors.
func (c *Console) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return lastLines(string(bytes.ReplaceAll(escapes.ReplaceAll(c.unread, nil), []byte("\r"), nil)), 12)
}

// Send types text as it is.
func (c *Console) Send(text string) error {
	if _, err := c.conn.Write([]byte(text)); err != nil {
		return fmt.Errorf("type at the console: %w", err)
	}
	return nil
}

// SendLine types a line and the Enter key, which is a carriage return.
func (c *Console) SendLine(line string) error { return c.Send(line + "\r") }
