// Package cli holds the commands of an edge node: what an operator types as `airlock status`, and
// what a technician types or chooses on the field console, which are the same. A command asks the
// two daemons over their sockets and prints what they answer; it never touches a door, a file of
// theirs or a key by itself. firmware/cmd/airlock and firmware/console call it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// Doorkeeper is what the commands ask of netd.
type Doorkeeper interface {
	Status(ctx context.Context) (windows.Status, error)
	Record(ctx context.Context) (io.ReadCloser, error)
	ExportRecord(ctx context.Context) (io.ReadCloser, error)
	SetSite(ctx context.Context, s windows.Site) error
	ClearFault(ctx context.Context) error
	Attendance
	Site
}

// Site is what the people of a site decide.
type Site interface {
	LockDown(ctx context.Context, l windows.Lockdown) error
	LiftLockdown(ctx context.Context, by string) error
	Approve(ctx context.Context, a windows.Approval) error
}

// Attendance is the way to the module: a window for service. Its progress comes from another goroutine.
type Attendance interface {
	Open(ctx context.Context, r windows.Request, progress func(windows.Event)) (*windows.Window, error)
}

// Courier is what the commands ask of deployd: its state, its site, and jobs.
type Courier interface {
	Status(ctx context.Context) (api.Status, error)
	SetSite(ctx context.Context, s api.Site) error
	Cancel(ctx context.Context) error
	Jobs
}

// Jobs are what deployd does in windows. say is called for each line of progress, the last included.
type Jobs interface {
	Enrol(ctx context.Context, token string, say func(api.Progress)) error
	Fetch(ctx context.Context, say func(api.Progress)) error
	Deploy(ctx context.Context, say func(api.Progress)) (*release.Report, error)
	Report(ctx context.Context, say func(api.Progress)) error
	Watch(ctx context.Context, say func(api.Progress)) (*release.Report, error)
}

var (
	_ Doorkeeper = (*windows.Client)(nil)
	_ Courier    = (*api.Client)(nil)
)

// Asker asks a person. The console has its own, the CLI one for terminals.
type Asker interface {
	// Line asks for one line; input that came before the question does not count as its answer.
	Line(ctx context.Context, question string) (string, error)
	// More reads one line that may have been pasted together with what came before.
	More(ctx context.Context, question string) (string, error)
	// Secret asks for one line that does not show while it is typed.
	Secret(ctx context.Context, question string) (string, error)
	// Text reads lines up to one with a single dot, or to the end of the input.
	Text(ctx context.Context, question string) ([]byte, error)
}

// Env is what a command may use of the world.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Ask is nil where nobody can be asked: then commands that need a word refuse with exit code 2.
	Ask Asker
	// Version is the firmware's, as stamped at build time.
	Version string
	// Name stands before the commands in hints: "airlock " for the CLI, nothing on the console.
	Name string
	// Connect gives the daemons, by the file that the flag --config names; the flag is offered only if HasConfig is set.
	Connect   func(config string) (Doorkeeper, Courier, error)
	HasConfig bool
	// Console runs the field console on stdin and stdout; nil where we are in it already.
	Console func(ctx context.Context, config string) error
}

// Exit codes of every command.
const (
	ExitOK          = 0 // done, or nothing had to be done
	ExitFailed      = 1 // tried, and it failed: no network, no target, the disk is full …
	ExitUsage       = 2 // the command or what was given with it is wrong
	ExitRefused     = 3 // not enrolled, policy, busy, untrusted, reverted: nothing was left half-done
	ExitUnreachable = 4 // netd or deployd does not answer
)

const exitHelp = `Exit codes:
  0 done, or nothing to do     1 failed
  2 wrong command or input     3 refused: not enrolled, policy, busy, reverted
  4 netd or deployd does not answer`

// command is one run of the CLI: what the subcommands share.
type command struct {
	Env
	json    bool
	config  string
	doors   Doorkeeper
	courier Courier
	told    bool // the error has been printed as JSON already
	now     func() time.Time
	line    sync.Mutex // held while something is printed: the progress of a window comes beside the answer
}

// onConsole says whether a technician typed the command on the field console.
func (c *command) onConsole() bool { return c.Console == nil }

// Execute runs one command line, without the program's name, and returns its exit code and what
// went wrong. With --json the error has also been printed to Stdout; to tell the person is the caller's part.
func Execute(ctx context.Context, env Env, args []string) (int, error) {
	c := &command{Env: env, now: time.Now}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("interrupted")
	}
	code, word := classify(err)
	if c.json && err != nil && !c.told {
		_ = c.printJSON(failure{Error: err.Error(), Code: word, Done: true}) // stdout is gone: the exit code remains
	}
	return code, err
}

// failure is what --json prints for a command that failed; its members are those of api.Progress.
type failure struct {
	Error string `json:"error"`
	Code  string `json:"code"`
	Done  bool   `json:"done"`
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "airlock",
		Short:         "Ask this edge node's daemons: status, enrolment, fetch, deploy, report",
		SilenceErrors: true,
		SilenceUsage:  true,
		Example:       examples("status", "enrol AIRLOCK1-...", "site import site.yaml", "update --yes"),
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.doors, c.courier, err = c.Connect(c.config); err != nil {
				return &usageError{err}
			}
			return nil
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: c.Console == nil},
	}
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print JSON on stdout, one object a line")
	if c.HasConfig {
		root.PersistentFlags().StringVar(&c.config, "config", "", "node.yaml to use in place of the installed one")
	}
	root.SetIn(c.Stdin)
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(c.status(), c.enrol(), c.fetch(), c.deploy(), c.report(), c.update(), c.watch(), c.cancel(),
		c.site(), c.modem(), c.record(), c.fault(), c.lockdown(), c.approve(), c.key(), c.version())
	if c.Console != nil {
		root.AddCommand(c.console())
	}
	return root
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the firmware's version",
		Example: examples("version", "version --json"), Args: none,
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				return c.printJSON(map[string]string{"version": c.Version})
			}
			return c.print("%s\n", c.Version)
		},
	}
}

func (c *command) key() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the node's SSH public key, for the targets",
		Example: examples("key", "key    # append it to ~deploy/.ssh/authorized_keys on each target"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := c.courier.Status(cmd.Context())
			switch {
			case err != nil:
				return err
			case c.json:
				return c.printJSON(map[string]string{"ssh_key": s.SSHKey})
			}
			return c.print("%s\n", plain(s.SSHKey))
		},
	}
}

func (c *command) console() *cobra.Command {
	return &cobra.Command{
		Use: "console", Short: "Run the field console on this terminal",
		Example: examples("console"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.Console(cmd.Context(), c.config) },
	}
}

func (c *command) fault() *cobra.Command {
	lift := &cobra.Command{
		Use: "clear", Short: "Say that the fault's cause is gone; both doors are read back first",
		Example: examples("fault clear"), Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.doors.ClearFault(cmd.Context()); err != nil {
				return err
			}
			return c.done("fault cleared; netd is reading both doors back", "status")
		},
	}
	return c.group("fault", "A latched fault, which keeps both doors shut", examples("status", "fault clear"), lift)
}
