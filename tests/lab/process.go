package lab

import (
	"bytes"
	"log/slog"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// child is a process that the kernel kills when this process dies.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// startTied starts cmd so that it cannot outlive us. The kernel watches the thread that started a child, not the process
// (prctl(2), PR_SET_PDEATHSIG), so that thread waits for the child.
func startTied(cmd *exec.Cmd) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// kill ends the child, if it has not ended yet, and waits for that.
func (c *child) kill() {
	select {
	case <-c.done:
	default:
		_ = c.cmd.Process.Kill() // it may end at this very moment
		<-c.done
	}
}

// sshLog keeps what a target says and notices when its sshd listens.
type sshLog struct {
	log       *slog.Logger
	listening chan struct{}

	mu   sync.Mutex // guards all below
	text bytes.Buffer
	told bool
}

func newSSHLog(log *slog.Logger) *sshLog { return &sshLog{log: log, listening: make(chan struct{})} }

// Write takes what the target printed.
func (l *sshLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	l.log.Debug("target", "says", string(bytes.TrimSpace(b)))
	// sshd's words since 1999; each start prints them once per address family.
	if !l.told && bytes.Contains(l.text.Bytes(), []byte("Server listening on")) {
		l.told = true
		close(l.listening)
	}
	return len(b), nil
}

// String returns all of it.
func (l *sshLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
