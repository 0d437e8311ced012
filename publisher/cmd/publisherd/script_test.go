package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"airlock/publisher/builder"
)

// TestMain makes this test binary serve as publisherd too, for scripts and for git's hooks.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publisherd": func() { os.Exit(publisherd()) }})
}

// TestScripts runs the scripts with the real git, against the real program.
func TestScripts(t *testing.T) {
	_, err := builder.NewBubblewrap(t.Context(), builder.Config{CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Logf("scripts that need the sandbox are skipped: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setup,
		Condition: func(name string) (bool, error) {
			switch name {
			case "sandbox":
				return err == nil, nil
			case "smalldisk":
				return exec.Command("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil, nil
			}
			return false, errors.New("unknown condition " + name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serveScript, "stop": stopScript(syscall.SIGTERM), "crash": stopScript(syscall.SIGKILL),
			"exits": exits, "grab": grab, "await": await, "request": request,
		},
	})
}

// setup gives git a person and keeps the machine's own configuration out.
func setup(e *testscript.Env) error {
	e.Values[serverKey{}] = &server{}
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	const config = "[user]\n\tname = Ada\n\temail = ada@example.net\n[init]\n\tdefaultBranch = main\n"
	return os.WriteFile(filepath.Join(e.WorkDir, ".gitconfig"), []byte(config), 0o644)
}

// server is the publisherd of a script.
type server struct{ cmd *exec.Cmd }

// serverKey is where a script's environment keeps its server.
type serverKey struct{}

// serveScript starts publisherd on free ports with its data in $WORK/data, and waits until it is
// ready. With DISK set to a size, that folder is a disk of this size, seen by the server only.
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use exits for a server that must not start")
	}
	flags := append([]string{"serve", "--data", filepath.Join(ts.Getenv("WORK"), "data"), "--listen", "127.0.0.1:0", "--hub-listen", "127.0.0.1:0"}, args...)
	path, err := exec.LookPath("publisherd") // testscript's folder of commands
	ts.Check(err)
	cmd := exec.Command(path, flags...)
	if size := ts.Getenv("DISK"); size != "" {
		ts.Check(os.MkdirAll(flags[2], 0o755))
		const mount = `mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"`
		cmd = exec.Command("unshare", append([]string{"--map-root-user", "--mount", "sh", "-c", mount, size, flags[2], path}, flags...)...)
	}
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	logFile, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer logFile.Close()
	cmd.Stderr = logFile
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ts.Value(serverKey{}).(*server).cmd = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "READY http://") {
		ts.Fatalf("publisherd is not ready, it says %q (%v); its log:\n%s", line, err, ts.ReadFile(filepath.Join(ts.Getenv("WORK"), "server.log")))
	}
	ts.Setenv("AIRLOCK_PUBLISHER", strings.Fields(line)[1])
}

// stopScript ends the server; one that is asked politely must end with 0.
func stopScript(sig syscall.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		s := ts.Value(serverKey{}).(*server)
		ts.Check(s.cmd.Process.Signal(sig))
		if err := s.cmd.Wait(); err != nil && sig == syscall.SIGTERM {
			ts.Fatalf("publisherd ended with %v; its log:\n%s", err, ts.ReadFile(filepath.Join(ts.Getenv("WORK"), "server.log")))
		}
	}
}

// exits runs a command and wants an exit code: exits CODE PROGRAM ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if (got == want) == neg {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// grab sets a variable to the first group of a pattern in the last output: grab NAME PATTERN
func grab(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(`(?m)` + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("the output has nothing like %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// await repeats a command until its output has a pattern: await PATTERN PROGRAM ARG...
func await(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile(args[0])
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never says %s: %v", strings.Join(args[1:], " "), args[0], err)
		}
		time.Sleep(50 * time.Millisecond) // another process, which tells of nothing
	}
}

// request sends one to the server and prints its answer: request METHOD PATH [BODY [ORIGIN]]
func request(ts *testscript.TestScript, _ bool, args []string) {
	args = append(args, "", "")
	req, err := http.NewRequest(args[0], ts.Getenv("AIRLOCK_PUBLISHER")+args[1], strings.NewReader(args[2]))
	ts.Check(err)
	if args[3] != "" {
		req.Header.Set("Origin", args[3])
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s", resp.StatusCode, body)
}
