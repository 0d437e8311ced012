package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"airlock/publisher"
	"airlock/tests/lab"
)

// Publisher is publisherd as a process of its own, asked by its own commands, as an operator would.
type Publisher struct {
	URL  string // of git and the operator's API
	data string
	bin  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// readyWithin bounds the start of publisherd, which makes its keys first.
const readyWithin = 60 * time.Second

// startPublisher starts publisherd on loopback with its data in data. cache is kept from run to run: it holds what
// builds downloaded and compiled. What it logs goes to log.
func startPublisher(ctx context.Context, bin, data, cache string, log io.Writer) (*Publisher, error) {
	if err := keepCache(data, cache); err != nil {
		return nil, err
	}
	port, err := freeUDPPort()
	if err != nil {
		return nil, err
	}
	p := &Publisher{data: data, bin: bin, done: make(chan struct{})}
	p.cmd = exec.Command(bin, "serve", "--data", data, "--listen", "127.0.0.1:0",
		"--hub-listen", fmt.Sprintf("127.0.0.1:%d", port), "--hub-endpoint", lab.HostAddr(port).String())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start publisherd: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start publisherd: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.done)
		relay(out, log, ready)
		p.cmd.Wait()
	}()
	select {
	case p.URL = <-ready:
		return p, nil
	case <-p.done:
		return nil, errors.New("start publisherd: it ended before it was ready; see its log")
	case <-time.After(readyWithin):
	case <-ctx.Done():
	}
	p.Close()
	return nil, fmt.Errorf("start publisherd: not ready within %v", readyWithin)
}

// relay copies the process's output to log, and the address in its READY line to ready.
func relay(out io.Reader, log io.Writer, ready chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if !strings.HasPrefix(lines.Text(), "READY") {
			continue
		}
		for _, word := range strings.Fields(lines.Text()) {
			if url := strings.TrimRight(word, ",;"); strings.HasPrefix(url, "http://") {
				ready <- url
				break
			}
		}
	}
}

// keepCache lets the builds of a fresh publisher use the cache of earlier ones.
func keepCache(data, cache string) error {
	for _, dir := range []string{data, cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create folder: %w", err)
		}
	}
	absolute, err := filepath.Abs(cache)
	if err != nil {
		return fmt.Errorf("find cache: %w", err)
	}
	if err := os.Symlink(absolute, filepath.Join(data, "cache")); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("share the builds' cache: %w", err)
	}
	return nil
}

// freeUDPPort finds a port of the loopback. The hub's endpoint stands in the token, so the port must be known before.
func freeUDPPort() (uint16, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free UDP port: %w", err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port), nil
}

// Close ends the process in good order, or after a while at once.
func (p *Publisher) Close() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
	return nil
}

// Do runs a command of publisherd against the running server, and reads its JSON into v unless that is nil.
func (p *Publisher) Do(ctx context.Context, v any, args ...string) error {
	cmd := exec.CommandContext(ctx, p.bin, append([]string{"--json", "--server", p.URL}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("publisherd %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("read publisherd %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// Token invites a node and returns its one-time token.
func (p *Publisher) Token(ctx context.Context, node string) (string, error) {
	var invitation struct {
		Token string `json:"token"`
	}
	if err := p.Do(ctx, &invitation, "node", "add", node); err != nil {
		return "", err
	}
	return invitation.Token, nil
}

// Released waits until the newest build of a project has ended, and returns its release.
func (p *Publisher) Released(ctx context.Context, project, commit string) (string, error) {
	for tick := time.NewTicker(time.Second); ; {
		var builds []publisher.Build
		if err := p.Do(ctx, &builds, "build", "list", "--project", project); err != nil {
			return "", err
		}
		for _, b := range builds {
			switch {
			case b.Commit != commit:
			case b.State == publisher.Released:
				return b.Release, nil
			case b.State == publisher.Failed:
				return "", fmt.Errorf("build %d of %s failed: %s", b.ID, project, b.Reason)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the build of %s: %w", project, ctx.Err())
		}
	}
}

// Push commits the files of dir and pushes them; it returns the commit and what git printed.
func (p *Publisher) Push(ctx context.Context, dir, project, message string) (commit, said string, err error) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "user.name=Demo", "-c", "user.email=demo@example.org",
			"-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
		}
		return string(out), nil
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", message}} {
		if _, err := git(args...); err != nil {
			return "", "", err
		}
	}
	if commit, err = git("rev-parse", "HEAD"); err != nil {
		return "", "", err
	}
	said, err = git("push", "-q", p.URL+"/git/"+project+".git", "HEAD:main")
	return strings.TrimSpace(commit), said, err
}
