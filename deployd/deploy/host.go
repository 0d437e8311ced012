// Package deploy puts a release on one target over SSH, verb by verb: look, upload, check, point,
// restart, ask for health. A target needs sshd and a POSIX shell with the usual tools, no agent. It
// decides nothing about a site as a whole: the transaction over all targets, its states and its
// recovery are in package deployd, which calls it. It opens no connection but through the Dialer
// that it is given, which leads through an open inner window.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
)

// Dialer connects through an open window.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Times that bound the talk with a target.
const (
	handshakeTime = 20 * time.Second
	commandTime   = time.Minute
	restartTime   = 2 * time.Minute
	stallTime     = 30 * time.Second // an upload that moves nothing for so long is given up
	partingTime   = 3 * time.Second  // for the last packets of a connection
)

// maxOutput is how much of what a command prints is kept, bytes.
const maxOutput = 64 << 10

// Host is a target that is connected. Its methods may be called by several goroutines.
type Host struct {
	Target api.Target
	conn   net.Conn
	client *ssh.Client
	gone   chan struct{} // closed when the connection is over
}

// Connect dials a target and proves both sides: the target by its pinned key, the node by its own.
func Connect(ctx context.Context, dial Dialer, t api.Target, signer ssh.Signer) (*Host, error) {
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(t.HostKey))
	if err != nil {
		return nil, fmt.Errorf("host key of the site's entry is not readable: %w", err)
	}
	address := net.JoinHostPort(t.Address, strconv.Itoa(t.Port))
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("sshd at %s does not answer: %w", address, err)
	}
	unhook := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) // breaks the handshake
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User:              t.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   ssh.FixedHostKey(pinned),
		HostKeyAlgorithms: algorithms(pinned.Type()),
	})
	if !unhook() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, handshake(t, address, err)
	}
	h := &Host{Target: t, conn: conn, client: ssh.NewClient(c, channels, requests), gone: make(chan struct{})}
	go func() {
		defer close(h.gone)
		h.client.Wait()
	}()
	return h, nil
}

// algorithms are the signatures which a key of that type can make; without them sshd may offer
// another of its keys, and the right target would look like a wrong one.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// handshake words the three things that go wrong.
func handshake(t api.Target, address string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "host key mismatch"), strings.Contains(text, "no common algorithm for host key"):
		return fmt.Errorf("%s shows another host key than the pinned one: is it the right server? "+
			"If its key was changed on purpose, pin the new one: %w", address, err)
	case strings.Contains(text, "unable to authenticate"):
		return fmt.Errorf("%s does not let user %s in: put this node's SSH key into that user's "+
			"authorized_keys: %w", address, t.User, err)
	}
	return fmt.Errorf("SSH handshake with %s: %w", address, err)
}

// Close ends the connection and waits until the target has ended it too, so that nothing is left to be
// sent again when the door is shut.
func (h *Host) Close() {
	if half, ok := h.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		select {
		case <-h.gone:
		case <-time.After(partingTime):
		}
	}
	h.client.Close()
	<-h.gone
}

// Over says whether the connection has ended, as it does when a command had to be given up.
func (h *Host) Over() bool {
	select {
	case <-h.gone:
		return true
	default:
		return false
	}
}

// run runs a script by the target's sh and returns what it printed. The error carries what it
// complained of.
func (h *Host) run(ctx context.Context, limit time.Duration, text string, stdin io.Reader) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %v", limit))
	defer cancel()
	session, err := h.client.NewSession()
	if err != nil {
		return "", fmt.Errorf("open SSH session: %w", err)
	}
	defer session.Close()
	var out, complaint bounded
	session.Stdout, session.Stderr, session.Stdin = &out, &complaint, stdin
	if err := session.Start("sh -c " + quote(text)); err != nil {
		return "", fmt.Errorf("start command: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = h.abandon(session, ended, context.Cause(ctx))
	}
	return out.String(), failed(err, complaint.String())
}

// abandon gives a command up: its session is closed, and the connection too when that does not help.
func (h *Host) abandon(session *ssh.Session, ended <-chan error, cause error) error {
	session.Close()
	select {
	case <-ended:
	case <-time.After(partingTime):
		h.client.Close()
		<-ended
	}
	return cause
}

// failed adds what a command complained of to its error.
func failed(err error, complaint string) error {
	if err == nil {
		return nil
	}
	complaint = strings.TrimSpace(complaint)
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit) && complaint != "":
		return fmt.Errorf("%s (exit status %d)", complaint, exit.ExitStatus())
	case errors.As(err, &exit):
		return fmt.Errorf("the command ended with exit status %d", exit.ExitStatus())
	case complaint != "":
		return fmt.Errorf("%w: %s", err, complaint)
	}
	return err
}

// bounded keeps the first maxOutput bytes and swallows the rest.
type bounded struct{ bytes.Buffer }

// Write never fails: a target that prints endlessly must not stop its own command.
func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
