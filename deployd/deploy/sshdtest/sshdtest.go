// Package sshdtest starts targets for tests: real OpenSSH servers on loopback, each with an
// address and a /srv of its own (a mount namespace), so that one release can be deployed to several.
// It needs root and the package openssh-server, and skips the test, saying so, where they are missing. Only tests use it.
package sshdtest

import (
	"bufio"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
)

// Server is one target that runs.
type Server struct {
	Target api.Target
	// Srv is the target's /srv as the test sees it.
	Srv string
	tb  testing.TB
	dir string
	o   Options
	cmd *exec.Cmd
}

// Options of targets.
type Options struct {
	Path string // PATH of the commands that run there; empty: as sshd sets it
	Size string // size of its /srv, as mount takes it; empty: unbounded. The test does not see a bounded one
}

// Start starts n targets which let authorized (a line of authorized_keys) in.
func Start(tb testing.TB, n int, authorized string, o Options) []*Server {
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		tb.Skip("skipped: no /usr/sbin/sshd here; `apt-get install openssh-server`")
	}
	if os.Getuid() != 0 {
		tb.Skip("skipped: targets with roots of their own need root")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		tb.Skipf("skipped: sshd needs /run/sshd: %v", err)
	}
	var servers []*Server
	for i := range n {
		s := &Server{tb: tb, dir: Memory(tb), o: o}
		s.Srv = filepath.Join(s.dir, "srv")
		s.Target = api.Target{Name: fmt.Sprintf("web%d", i+1), Address: fmt.Sprintf("127.0.0.%d", i+2), User: "root"}
		s.configure(authorized)
		s.Run(sshd)
		servers = append(servers, s)
	}
	return servers
}

// Memory is a folder for the test, in memory where there is such a place: the syncs of a deployment
// take seconds each on a disk that others are writing to.
func Memory(tb testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "airlock-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// configure writes the server's files.
func (s *Server) configure(authorized string) {
	_, key, err := ed25519.GenerateKey(nil)
	s.check(err)
	block, err := ssh.MarshalPrivateKey(key, "")
	s.check(err)
	pub, err := ssh.NewPublicKey(key.Public())
	s.check(err)
	s.Target.HostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
	l, err := net.Listen("tcp", s.Target.Address+":0") // a free port; sshd takes it a moment later
	s.check(err)
	s.Target.Port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	s.check(os.MkdirAll(s.Srv, 0o755))
	s.write("host_key", string(pem.EncodeToMemory(block)))
	s.write("authorized_keys", authorized+"\n")
	s.write("srv/address", s.Target.Address)
	config := fmt.Sprintf("ListenAddress %s:%d\nHostKey %s/host_key\nAuthorizedKeysFile %s/authorized_keys\nPidFile none\n"+
		"StrictModes no\nUsePAM no\nUseDNS no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
		s.Target.Address, s.Target.Port, s.dir, s.dir)
	// A home of its own, as the start-up files of whoever runs the tests are no part of a target.
	config += "SetEnv HOME=/srv"
	if s.o.Path != "" {
		config += " PATH=" + s.o.Path
	}
	config += "\n"
	s.write("sshd_config", config)
}

// Run starts sshd, also after Stop. Its /srv is the same as before.
func (s *Server) Run(sshd string) {
	mount := "mount --bind " + s.Srv
	if s.o.Size != "" {
		mount = "mount -t tmpfs -o size=" + s.o.Size + " none"
	}
	script := fmt.Sprintf("%s /srv && exec %s -D -e -f %s/sshd_config", mount, sshd, s.dir)
	s.cmd = exec.Command("unshare", "-m", "sh", "-c", script)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.cmd.StderrPipe()
	s.check(err)
	s.check(s.cmd.Start())
	ready := make(chan bool)
	said := make(chan string, 1)
	go func() {
		defer close(ready)
		var log strings.Builder
		lines := bufio.NewScanner(out)
		for open := false; lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
			if !open && strings.HasPrefix(lines.Text(), "Server listening") {
				open = true
				ready <- true
			}
		}
		said <- log.String()
	}()
	if !<-ready {
		s.tb.Fatalf("sshd did not start: %s", <-said)
	}
	cmd := s.cmd
	s.tb.Cleanup(func() { stop(cmd) })
}

// Stop ends sshd and its sessions; what they started in sessions of their own goes on.
func (s *Server) Stop() { stop(s.cmd) }

// stop ends an sshd that we started, and the processes of its connections, which are its children.
func stop(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	pid := cmd.Process.Pid
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // empty without connections
	for _, c := range append(strings.Fields(string(children)), strconv.Itoa(pid)) {
		if n, err := strconv.Atoi(c); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
	cmd.Wait()
}

// Current is what current points to in a directory below /srv; empty: there is none.
func (s *Server) Current(directory string) string {
	link, err := os.Readlink(filepath.Join(s.Srv, strings.TrimPrefix(directory, "/srv"), "current"))
	if err != nil && !os.IsNotExist(err) {
		s.tb.Fatal(err)
	}
	return link
}

// KillOnCleanup ends, with the test, the process whose number a restart command left in a file below /srv.
func (s *Server) KillOnCleanup(pidFile string) {
	s.tb.Cleanup(func() {
		b, err := os.ReadFile(filepath.Join(s.Srv, pidFile))
		if pid, perr := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && perr == nil && pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
}

// write writes a file of the server.
func (s *Server) write(name, content string) {
	s.check(os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600))
}

// check ends the test.
func (s *Server) check(err error) {
	if err != nil {
		s.tb.Helper()
		s.tb.Fatal(err)
	}
}
