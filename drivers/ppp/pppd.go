package ppp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pppd is the program while it runs.
type pppd struct {
	log    *slog.Logger
	exited chan struct{} // closed when it has ended and is waited for

	mu      sync.Mutex
	process *os.Process // guarded by mu; nil once it has ended
	last    string      // its last words; guarded by mu
	code    int         // after exited
}

// startPPPD starts pppd on a terminal. Its options come through a pipe, since a command line is for all to read.
func startPPPD(program, tty string, options []string, log *slog.Logger) (*pppd, error) {
	d := &pppd{log: log, exited: make(chan struct{}), code: -1}
	started := make(chan error, 1)
	go d.run(program, tty, options, started) // ends with the program; exited tells
	return d, <-started
}

// run stays on one thread from start to end: the kernel kills the program when the thread that started it ends.
func (d *pppd) run(program, tty string, options []string, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(d.exited)
	cmd, said, err := d.start(program, tty, options)
	started <- err
	if err != nil {
		return
	}
	d.listen(said)
	_ = cmd.Wait() // what matters of it is the exit code
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process, d.code = nil, cmd.ProcessState.ExitCode()
}

func (d *pppd) start(program, tty string, options []string) (*exec.Cmd, io.Reader, error) {
	secret, in, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start pppd: %w", err)
	}
	defer secret.Close()
	defer in.Close()
	// A pipe takes 64 KiB without a reader; options are far below.
	if _, err := io.WriteString(in, strings.Join(options, "\n")+"\n"); err != nil {
		return nil, nil, fmt.Errorf("start pppd: %w", err)
	}
	cmd := exec.Command(program, tty, "file", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{secret}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start pppd: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("%w: start pppd: %w", ErrUnable, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process = cmd.Process
	return cmd, said, nil
}

// listen logs what the program says, until it has closed its end.
func (d *pppd) listen(said io.Reader) {
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		d.log.Info("pppd", "says", line)
		d.mu.Lock()
		d.last = line
		d.mu.Unlock()
	}
}

// signal is for a program that may have ended already.
func (d *pppd) signal(s os.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process != nil {
		_ = d.process.Signal(s)
	}
}

// stop ends the program, in good order if it can: pppd then tells the other end.
func (d *pppd) stop(patience time.Duration) {
	d.signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-d.exited:
	case <-timer.C:
		d.signal(syscall.SIGKILL)
		<-d.exited
	}
}

// verdict says why the program ended (pppd(8), EXIT STATUS). Call it after exited.
func (d *pppd) verdict() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.code {
	case 4:
		return fmt.Errorf("%w: the kernel has no PPP", ErrUnable)
	case 19:
		return ErrRefused
	case 10, 15:
		return fmt.Errorf("%w (pppd said %q)", ErrNoLink, d.last)
	case 5, 16:
		return ErrHungUp
	}
	return fmt.Errorf("pppd ended with code %d, saying %q", d.code, d.last)
}

// Errors of a call.
var (
	// ErrRefused: the network does not take who we say we are.
	ErrRefused = errors.New("the network refuses the user name or password")
	// ErrNoLink: the other end agrees to nothing.
	ErrNoLink = errors.New("no agreement on a PPP link")
	// ErrHungUp: the call is over.
	ErrHungUp = errors.New("the call has ended")
	// ErrUnable: this host makes no PPP at all.
	ErrUnable = errors.New("this host cannot make PPP links")
)

// options are pppd's. The interface has a fixed name, since nobody else makes one of the kind here.
func (o Options) lines() ([]string, error) {
	lines := []string{
		"nodetach", "logfd 2", "local", "nocrtscts", "nolock", "nopersist", "maxfail 1",
		"ifname " + Interface,
		"noauth",                      // the network need not prove who it is: it has no way to
		"noaccomp", "nopcomp", "novj", // what modules get wrong, and 3GPP TS 29.061 does not need
		"noccp", "noendpoint", "nomp", // modules answer these with silence
		"nodefaultroute", "noipdefault", "ipcp-accept-local", "ipcp-accept-remote", "usepeerdns", "noresolvconf",
		"lcp-restart 1", "lcp-max-terminate 1", "ipcp-restart 1",
		// The gate may be shut for as long as the interlock needs.
		"ipcp-max-configure 60", "ipcp-max-failure 60",
	}
	if !o.IPv4 {
		lines = append(lines, "noip")
	}
	if o.IPv6 {
		lines = append(lines, "+ipv6", "ipv6cp-accept-local", "ipv6cp-accept-remote", "ipv6cp-restart 1", "ipv6cp-max-configure 60")
	} else {
		lines = append(lines, "noipv6")
	}
	if o.MTU > 0 {
		lines = append(lines, "mtu "+strconv.Itoa(o.MTU))
	}
	return o.who(lines)
}

// who adds who we are. Modules ask for it although the network knows the SIM, and take whatever they are told; so there is
// always something to tell.
func (o Options) who(lines []string) ([]string, error) {
	name, password := o.Name, o.Password
	if name == "" {
		name, password = "ppp", "ppp"
	}
	for option, value := range map[string]string{"user": name, "password": password} {
		quoted, err := quote(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", option, err)
		}
		lines = append(lines, option+" "+quoted)
	}
	lines = append(lines, "refuse-eap", "refuse-mschap", "refuse-mschap-v2")
	switch o.Auth {
	case "pap":
		lines = append(lines, "refuse-chap")
	case "chap":
		lines = append(lines, "refuse-pap")
	}
	return lines, nil
}

// quote makes one word of pppd's options (pppd(8), OPTIONS FILES).
func quote(s string) (string, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("control characters cannot be part of it")
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, nil
}
