package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"airlock/publisher/api"
)

const about = `publisherd takes commits to signed, tested releases and assigns them to edge nodes.

One process is the whole server side: it hosts the projects' git repositories, builds
each push by its airlock.yaml in a sandbox, runs its tests, signs what passes, and lets
enrolled nodes fetch through a WireGuard tunnel. The other commands ask a running server.

Exit codes: 0 ok, 1 failed, 2 usage, 3 refused by the server, 4 no server answers.`

const examples = `  publisherd serve --data /var/lib/publisherd --hub-endpoint updates.example.net:51820
  publisherd project add shop
  git push http://127.0.0.1:8080/git/shop.git main
  publisherd build log 1 --follow
  publisherd node add plant-7                # prints the one-time token
  publisherd assign shop-1.4.2-3f2a9c81d0e4 plant-7
  publisherd report list --node plant-7`

// shell is what the client verbs share: where the server is, and how to print.
type shell struct {
	server string
	json   bool
	out    io.Writer
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	sh := &shell{out: stdout}
	root := &cobra.Command{
		Use: "publisherd", Short: "from a commit to a signed, tested release", Long: about, Example: examples,
		Version: buildVersion(), SilenceErrors: true, SilenceUsage: true,
	}
	group(root)
	server := os.Getenv("AIRLOCK_PUBLISHER")
	if server == "" {
		server = "http://127.0.0.1:8080"
	}
	root.PersistentFlags().StringVar(&sh.server, "server", server, "address of the running server; the default comes from AIRLOCK_PUBLISHER")
	root.PersistentFlags().BoolVar(&sh.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(
		serveCommand(stderr), hookCommand(stderr), statusCommand(sh),
		projectCommand(sh), nodeCommand(sh), buildCommand(sh), releaseCommand(sh), assignCommand(sh), assignmentCommand(sh), reportCommand(sh), recordCommand(sh),
	)
	return root
}

// group makes a command that only has others below it refuse what is none of them.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("%s has no command %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())}
		}
		return c.Help()
	}
	return c
}

// exactly wants the named arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("%s: found %d arguments, expected %d %v; see %s --help", c.CommandPath(), len(args), len(names), names, c.CommandPath())}
		}
		return nil
	}
}

func (sh *shell) client() (*api.Client, error) {
	c, err := api.NewClient(sh.server)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}
