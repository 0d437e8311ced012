package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"airlock/firmware/cli"
	"airlock/firmware/cli/nodetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"airlock": main})
}

type nodeKey struct{}

// TestScripts runs the program against the sockets of a model node, one node a script. Beside
// airlock, a script has: assign RELEASE [unwell], fault TEXT, lock PIN PUK TRIES for the SIM, and exits CODE COMMAND...
// for an exact exit code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "airlock") // short: a socket's path has 107 bytes
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			node := nodetest.Start(env.T().(testing.TB), dir)
			env.Values[nodeKey{}] = node
			env.Setenv("CONFIG", node.Config(env.T().(testing.TB)))
			half := filepath.Join(dir, "half.yaml") // deployd answers, netd does not
			env.Setenv("HALF", half)
			text := "sockets:\n  netd: /nowhere/n.sock\n  deployd: " + node.Deployd + "\n"
			if err := os.WriteFile(half, []byte(text), 0o600); err != nil {
				return err
			}
			env.Setenv("TOKEN", nodetest.Token)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"assign": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value(nodeKey{}).(*nodetest.Node).Assign(args[0], len(args) > 1)
			},
			"fault": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value(nodeKey{}).(*nodetest.Node).Fault(strings.Join(args, " "))
			},
			"lock": func(ts *testscript.TestScript, _ bool, args []string) {
				tries, err := strconv.Atoi(args[2])
				ts.Check(err)
				ts.Value(nodeKey{}).(*nodetest.Node).Lock(args[0], args[1], tries)
			},
			"exits": exits,
		},
	})
}

// exits runs a command and wants one exit code, since `!` takes any failure.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s = exit code %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// TestHelpFitsTheConsole: every help text is ASCII in 80 columns and begins with examples, since
// the console prints it too.
func TestHelpFitsTheConsole(t *testing.T) {
	connect := func(string) (cli.Doorkeeper, cli.Courier, error) { return nil, nil, nil }
	texts := 0
	for _, cmd := range append(cli.Commands(), cli.Command{Line: ""}, cli.Command{Line: "site"}, cli.Command{Line: "record"}, cli.Command{Line: "modem"}) {
		var out strings.Builder
		code, err := cli.Execute(t.Context(), cli.Env{Stdout: &out, Stderr: &out, Connect: connect, HasConfig: true},
			append(strings.Fields(cmd.Line), "--help"))
		if err != nil || code != cli.ExitOK {
			t.Errorf("%s --help = %d, %v", cmd.Line, code, err)
		}
		texts++
		if lines := strings.Split(out.String(), "\n"); len(lines) < 3 || lines[2] != "Examples:" || !strings.HasPrefix(lines[3], "  airlock "+cmd.Line) {
			t.Errorf("%s --help does not begin with examples:\n%s", cmd.Line, out.String())
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if len(line) > 79 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("%s --help: %q is not ASCII in 79 columns", cmd.Line, line)
			}
		}
	}
	if texts < 15 {
		t.Errorf("%d help texts seen, want all", texts)
	}
}
